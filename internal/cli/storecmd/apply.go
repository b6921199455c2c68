package storecmd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

type applyOptions struct {
	place

	file, scopes, prune    string
	dryRun, pushAll, wait  bool
	list, scopesOfNew      []string
	scopesGiven, pruneThem bool
}

func newSecretsApply(a *app.App) *cobra.Command {
	o := applyOptions{place: place{app: a}}
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make the secrets of a store what a file says",
		Long: "Make the secrets that a file names what it says, and leave all others alone. It shows the plan, checks everything, asks,\n" +
			"and applies it; --yes answers. To do it again is safe: what is as it should be is sent no second time.\n\n" +
			"The file is .env, with values or references, or YAML (.yaml, .yml) with references alone:\n\n" +
			"  scopes: [workers]\n" +
			"  secrets:\n" +
			"    STRIPE_KEY: kh://prod/stripe/key\n" +
			"    DB_URL: {from: kh://prod/db/url, scopes: [workers, containers], comment: read-only}\n\n" +
			"The plan says of each secret: create, update (value, scopes, comment), unchanged, unknown or delete. This machine\n" +
			"remembers a fingerprint of what it last sent. Unknown is a secret that it did not send, or that somebody changed since:\n" +
			"its value is sent. With --dry-run the status is 11 if something would change. More secrets than the account may have\n" +
			"are status 7, and nothing is changed.",
		Example: "  keyhold store secrets apply secrets.yaml --dry-run\n" +
			"  keyhold store secrets apply .env --scopes workers --prune 'APP_*' --yes",
		Args: args.Exactly("FILE"),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.file = given[0]
			o.scopesGiven, o.pruneThem = cmd.Flags().Changed("scopes"), cmd.Flags().Changed("prune")
			if err := errors.Join(checkFlags(cmd), o.check()); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.addStore(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&o.scopes, "scopes", "", "the `SCOPES` of secrets for which the file says none; of new ones by default store.scopes")
	f.StringVar(&o.prune, "prune", "", "also delete the secrets that match this `GLOB` and are not in the file")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan and change nothing; status 11 if something would change")
	f.BoolVar(&o.pushAll, "push-all", false, "send every value, also where it is known to be there")
	f.BoolVar(&o.wait, "wait", false, "wait until all are in use where they are used")
	_ = cmd.RegisterFlagCompletionFunc("scopes", complete.Words(scopes...))
	return cmd
}

func (o *applyOptions) check() (err error) {
	if o.pruneThem {
		if o.prune == "" {
			return app.Usagef("--prune is empty: it is a pattern of names, such as 'APP_*'")
		}
		if _, err := path.Match(o.prune, ""); err != nil {
			return app.Usagef("--prune %s is no pattern of names, such as 'APP_*'", args.Quote(o.prune))
		}
	}
	if o.scopesGiven {
		o.list, err = checkScopes(strings.Split(o.scopes, ","))
	}
	return err
}

func (o *applyOptions) run(ctx context.Context) error {
	list, err := readWanted(o.app, o.file)
	if err != nil {
		return err
	}
	if o.app.Settings.Offline {
		return backend.ErrOffline
	}
	if o.scopesOfNew, err = defaultScopes(o.app); err != nil {
		return err
	}
	for _, w := range list {
		// A secret's own scopes go before the flag, which goes before those of
		// the whole file.
		if o.scopesGiven && !w.ownScopes {
			w.scopes = o.list
		}
	}
	if err := resolve(ctx, o.app, list); err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	sent, err := o.app.Sent(ctx, s.StoreAccount, s.id)
	if err != nil {
		return err
	}
	p, err := (&planner{o.app, sent, o.pushAll, o.prune}).plan(ctx, s, list)
	if err != nil {
		return err
	}
	return o.carryOut(ctx, p, sent)
}

// carryOut shows the plan, asks, and applies it.
func (o *applyOptions) carryOut(ctx context.Context, p *plan, sent *app.Sent) error {
	if err := p.print(o.app); err != nil {
		return err
	}
	switch n := p.todo(); {
	case o.dryRun && n > 0:
		return &app.SilentError{Err: app.ErrFindings}
	case n == 0:
		o.app.Messages().Notice("there is nothing to change in " + p.store.whose())
		return nil
	default:
		if err := o.app.Confirm(ctx, fmt.Sprintf("Apply %s to %s?", changesText(n), p.store.whose())); err != nil {
			return err
		}
	}
	o.app.Signals.Catch()
	r := applier{place: &o.place, plan: p, newScopes: o.scopesOfNew}
	err := r.run(ctx)
	if err == nil && o.wait {
		err = r.await(ctx)
	}
	// Whatever was sent was sent, even if a signal ended the rest.
	kept := sent.Keep(context.WithoutCancel(ctx), r.sent...)
	if len(r.gone) > 0 {
		kept = errors.Join(kept, sent.Forget(context.WithoutCancel(ctx), r.gone...))
	}
	o.warnSent(kept)
	if err == nil {
		o.app.Messages().Notice(fmt.Sprintf("applied %s to %s", changesText(p.todo()), p.store.whose()))
	}
	return err
}

func changesText(n int) string {
	if n == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

// An applier carries out a plan.
type applier struct {
	place     *place
	plan      *plan
	newScopes []string

	done []string        // the names of what is done
	sent []app.SentValue // to be remembered
	gone []string        // ids
}

// A step is one call.
type step struct {
	names []string
	do    func(ctx context.Context) error
}

// steps returns the calls in order. What is deleted comes last, unless there is
// no room for what is new before.
func (r *applier) steps() []step {
	var creates, updates, deletes []step
	for some := range slices.Chunk(r.plan.of(actCreate), secretsstore.MaxSecrets) {
		creates = append(creates, step{namesOf(some), func(ctx context.Context) error { return r.create(ctx, some) }})
	}
	for _, c := range r.plan.of(actUpdate, actUnknown) {
		updates = append(updates, step{[]string{c.name()}, func(ctx context.Context) error { return r.update(ctx, c) }})
	}
	if gone := r.plan.of(actDelete); len(gone) > 0 {
		deletes = append(deletes, step{namesOf(gone), func(ctx context.Context) error { return r.remove(ctx, gone) }})
	}
	if r.plan.crowded() {
		return slices.Concat(updates, deletes, creates)
	}
	return slices.Concat(creates, updates, deletes)
}

func namesOf(list []change) []string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.name()
	}
	return names
}

func (r *applier) run(ctx context.Context) error {
	steps := r.steps()
	for i, st := range steps {
		err := ctx.Err()
		if err == nil {
			err = r.place.explain(st.do(ctx))
		}
		if err != nil {
			e := &stoppedError{err: err, done: r.done, again: strings.TrimSpace(r.place.app.Again(""))}
			for _, rest := range steps[i:] {
				e.left = append(e.left, rest.names...)
			}
			return e
		}
		r.done = append(r.done, st.names...)
	}
	return nil
}

func (r *applier) create(ctx context.Context, list []change) error {
	reqs := make([]secretsstore.CreateSecretRequest, len(list))
	for i, c := range list {
		reqs[i] = secretsstore.CreateSecretRequest{Name: c.want.name, Value: sendable(c.want.value), Scopes: c.want.scopes}
		if c.want.scopes == nil {
			reqs[i].Scopes = r.newScopes
		}
		if c.want.comment != nil {
			reqs[i].Comment = *c.want.comment
		}
	}
	got, err := r.plan.store.Secrets.Create(ctx, r.plan.store.id, reqs...)
	for i, it := range got {
		r.sent = append(r.sent, app.SentValue{ID: it.ID, Now: it.Modified, Value: list[i].want.value})
	}
	return err
}

func (r *applier) update(ctx context.Context, c change) error {
	var req secretsstore.UpdateSecretRequest
	v := app.SentValue{ID: c.have.ID, Was: c.have.Modified}
	for _, part := range c.changes {
		switch part {
		case "value":
			v.Value = c.want.value
			req.Value = sendable(c.want.value)
		case "scopes":
			req.Scopes = c.want.scopes
		case "comment":
			req.Comment = c.want.comment
		}
	}
	got, err := r.plan.store.Secrets.Update(ctx, r.plan.store.id, c.have.ID, req)
	if err != nil {
		return err
	}
	v.Now = got.Modified
	r.sent = append(r.sent, v)
	return nil
}

func (r *applier) remove(ctx context.Context, list []change) error {
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.have.ID
	}
	err := r.plan.store.Secrets.DeleteMany(ctx, r.plan.store.id, ids...)
	if err == nil {
		r.gone = ids
	}
	return err
}

// await waits until nothing of the store is pending, and takes over when the
// service then says that each was changed.
func (r *applier) await(ctx context.Context) error {
	until := r.place.app.Now().Add(waitMost)
	for {
		pending := 0
		for it, err := range r.plan.store.Secrets.All(ctx, r.plan.store.id, secretsstore.ListSecretsOptions{}) {
			if err != nil {
				return r.place.explain(err)
			}
			i := slices.IndexFunc(r.sent, func(v app.SentValue) bool { return v.ID == it.ID })
			if i < 0 {
				continue
			}
			r.sent[i].Now = it.Modified
			if it.Status == secretsstore.StatusPending {
				pending++
			}
		}
		switch {
		case pending == 0:
			return nil
		case r.place.app.Now().After(until):
			return pendingError(fmt.Sprintf("%d secrets are", pending))
		}
		if err := r.place.app.Wait(ctx, waitEach); err != nil {
			return err
		}
	}
}

// A stoppedError says how far a plan was carried out.
type stoppedError struct {
	err        error
	done, left []string
	again      string
}

func (e *stoppedError) Error() string {
	text := "stopped before anything was known to be done"
	if len(e.done) > 0 {
		text = "stopped half-way; done: " + strings.Join(e.done, ", ")
	}
	return text + "; not known to be done: " + strings.Join(e.left, ", ") + ": " + e.err.Error()
}

// Unwrap returns why.
func (e *stoppedError) Unwrap() error { return e.err }

// Hint is the same command: what is done is not done again.
func (e *stoppedError) Hint() string {
	var own interface{ Hint() string }
	if errors.As(e.err, &own) && own.Hint() != "" {
		return own.Hint()
	}
	return e.again
}
