package storecmd

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// An action is what is to be done to a secret.
type action string

const (
	actCreate    action = "create"
	actUpdate    action = "update"    // of what is known to differ
	actUnknown   action = "unknown"   // what it holds is not known here, so the value is sent
	actUnchanged action = "unchanged" // nothing
	actDelete    action = "delete"
)

// A change is a line of a plan.
type change struct {
	action  action
	changes []string // of value, scopes, comment
	want    *wanted  // nil: to be deleted
	have    *secretsstore.Secret
}

func (c change) name() string {
	if c.want != nil {
		return c.want.name
	}
	return c.have.Name
}

// A plan is what makes the secrets of a store what a file says.
type plan struct {
	store   *opened
	changes []change
	had     int                 // secrets of the store
	quota   *secretsstore.Quota // nil: there is none
}

// A planner makes a plan.
type planner struct {
	app     *app.App
	sent    *app.Sent
	pushAll bool
	prune   string
}

// plan compares what is wanted with what the store has.
func (p *planner) plan(ctx context.Context, s *opened, list []*wanted) (*plan, error) {
	have := map[string]*secretsstore.Secret{}
	var names []string
	for it, err := range s.Secrets.All(ctx, s.id, secretsstore.ListSecretsOptions{}) {
		if err != nil {
			return nil, s.explain(err)
		}
		have[it.Name] = &it
		names = append(names, it.Name)
	}
	out := &plan{store: s, had: len(names)}
	for _, w := range list {
		c, err := p.compare(ctx, w, have[w.name])
		if err != nil {
			return nil, err
		}
		out.changes = append(out.changes, c)
	}
	for _, name := range names {
		match, err := path.Match(p.prune, name)
		if err != nil {
			return nil, app.Usagef("--prune: %v", err)
		}
		if match && !slices.ContainsFunc(list, func(w *wanted) bool { return w.name == name }) {
			out.changes = append(out.changes, change{action: actDelete, have: have[name]})
		}
	}
	if s.System {
		return out, nil
	}
	var err error
	if out.quota, err = s.Quota(ctx); err != nil {
		return nil, s.explain(err)
	}
	return out, out.fits()
}

// compare says what is to be done for one secret.
func (p *planner) compare(ctx context.Context, w *wanted, have *secretsstore.Secret) (change, error) {
	if have == nil {
		return change{action: actCreate, changes: []string{"value"}, want: w}, nil
	}
	c := change{action: actUnchanged, changes: []string{}, want: w, have: have}
	known, same, err := p.sent.Compare(ctx, have.ID, have.Modified, w.value)
	if err != nil {
		return c, err
	}
	if !same || p.pushAll {
		c.changes = append(c.changes, "value")
	}
	if w.scopes != nil && !slices.Equal(w.scopes, slices.Sorted(slices.Values(have.Scopes))) {
		c.changes = append(c.changes, "scopes")
	}
	if w.comment != nil && *w.comment != have.Comment {
		c.changes = append(c.changes, "comment")
	}
	switch {
	case !known:
		c.action = actUnknown
	case len(c.changes) > 0:
		c.action = actUpdate
	}
	return c, nil
}

// of returns the changes with one of these actions.
func (p *plan) of(actions ...action) []change {
	var list []change
	for _, c := range p.changes {
		if slices.Contains(actions, c.action) {
			list = append(list, c)
		}
	}
	return list
}

// todo returns how many secrets change.
func (p *plan) todo() int { return len(p.changes) - len(p.of(actUnchanged)) }

// after returns how many secrets the account has then.
func (p *plan) after() int { return p.quota.Usage + len(p.of(actCreate)) - len(p.of(actDelete)) }

// crowded reports whether there is no room for what is new before something is
// deleted. A service is not told its quota, and may have less room than this.
func (p *plan) crowded() bool {
	had, most := p.had, secretsstore.MaxSecrets
	if p.quota != nil {
		had, most = p.quota.Usage, p.quota.Quota
	}
	return had+len(p.of(actCreate)) > most
}

// fits reports what the service would refuse half-way.
func (p *plan) fits() error {
	if len(p.of(actCreate)) == 0 || p.after() <= p.quota.Quota {
		return nil
	}
	return &hintError{
		fmt.Errorf("there would be %d secrets %s, and %d is the most; nothing was changed: %w", p.after(), p.store.Whose(), p.quota.Quota, client.ErrDenied),
		"keyhold store quota",
	}
}

// print prints the plan.
func (p *plan) print(a *app.App) error {
	rows := make([]output.Object, len(p.changes))
	for i, c := range p.changes {
		rows[i] = output.Object{{Name: "name", Value: c.name()}, {Name: "action", Value: string(c.action)}, {Name: "changes", Value: append([]string{}, c.changes...)}}
	}
	if f := a.Printer().Format(); f == output.JSON || f == output.YAML {
		o := output.Object{{Name: "account_id", Value: p.store.ID}, {Name: "store_id", Value: p.store.id}, {Name: "secrets", Value: rows}}
		if p.quota != nil {
			o = o.With("quota", output.Object{{Name: "limit", Value: p.quota.Quota}, {Name: "before", Value: p.quota.Usage}, {Name: "after", Value: p.after()}})
		}
		return a.Printer().Object(o)
	}
	if err := a.Printer().List([]output.Column{{Name: "name"}, {Name: "action"}, {Name: "changes"}}, rows); err != nil {
		return err
	}
	if p.quota != nil {
		a.Messages().Notice(fmt.Sprintf("the account has %d of %d secrets, %d afterwards", p.quota.Usage, p.quota.Quota, p.after()))
	}
	return nil
}
