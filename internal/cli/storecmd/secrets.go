package storecmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

func newSecrets(a *app.App) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:     "secrets",
		Aliases: []string{"secret"},
		Short:   "Manage the secrets of a store",
		Long: "Work with the secrets of a store by their names or ids. A value goes there and never comes back: keep it in a vault, and\n" +
			"send it with --from. Without --store it is the only store of the account.",
		Example: "  keyhold store secrets list\n  keyhold store secrets put STRIPE_KEY --from kh://prod/stripe/key",
	})
	cmd.AddCommand(newSecretsList(a), newSecretsShow(a), newSecretsPut(a), newSecretsCreate(a), newSecretsUpdate(a),
		newSecretsDelete(a), newSecretsDup(a), newSecretsApply(a), newSecretsGet())
	return cmd
}

// newSecretsGet returns a command that says why there is none.
func newSecretsGet() *cobra.Command {
	return &cobra.Command{
		Use:                "get",
		Aliases:            []string{"cat"},
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return &app.UsageError{
				Message: "Cloudflare never gives a value back; what a secret is otherwise: keyhold store secrets show",
				Try:     "keyhold store secrets list",
			}
		},
	}
}

// addStore adds the flags of commands that work in a store.
func (p *place) addStore(f *pflag.FlagSet) {
	p.add(f)
	f.StringVar(&p.store, "store", "", "the store, by `NAME` or id; default the only one")
}

// secret returns the secret of that name or id, or nil.
func (s *opened) secret(ctx context.Context, name string) (*secretsstore.Secret, error) {
	if isID(name) {
		got, err := s.Secrets.Get(ctx, s.id, name)
		if !errors.Is(err, secretsstore.ErrSecretNotFound) {
			return got, s.explain(err)
		}
	}
	for it, err := range s.Secrets.All(ctx, s.id, secretsstore.ListSecretsOptions{Search: name}) {
		if err != nil {
			return nil, s.explain(err)
		}
		if it.Name == name {
			return &it, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// mustSecret is secret, and none is an error.
func (s *opened) mustSecret(ctx context.Context, p *place, name string) (*secretsstore.Secret, error) {
	got, err := s.secret(ctx, name)
	if err == nil && got == nil {
		err = p.missing(name)
	}
	return got, err
}

func (p *place) missing(name string) error {
	return &app.NotFoundError{What: "secret", Name: name, Try: "keyhold store secrets list" + p.flags(), Kind: vault.ErrNotFound}
}

// flags are those of the place, for hints.
func (p *place) flags() string {
	text := ""
	if p.store != "" {
		text += " --store " + args.Quote(p.store)
	}
	if p.system {
		text += " --system"
	}
	return text
}

// whose names the store in questions.
func (s *opened) whose() string {
	return fmt.Sprintf("the store %q %s", output.Safe(s.name), s.Whose())
}

// The times of --wait.
const (
	waitEach = 500 * time.Millisecond
	waitMost = 2 * time.Minute
)

// await waits until a secret is in use where it is used, and returns it as it is
// then.
func (p *place) await(ctx context.Context, s *opened, it *secretsstore.Secret) (*secretsstore.Secret, error) {
	until := p.app.Now().Add(waitMost)
	for it.Status == secretsstore.StatusPending {
		if p.app.Now().After(until) {
			return it, pendingError(fmt.Sprintf("the secret %q is", it.Name))
		}
		if err := p.app.Wait(ctx, waitEach); err != nil {
			return it, err
		}
		got, err := s.Secrets.Get(ctx, s.id, it.ID)
		if err != nil {
			return it, p.explain(err)
		}
		it = got
	}
	return it, nil
}

func pendingError(what string) error {
	return fmt.Errorf("%s still pending after %s: %w", what, waitMost, client.ErrUnavailable)
}

// keep remembers what was sent. That it cannot is no reason to fail: the value is
// sent once more then.
func (p *place) keep(ctx context.Context, s *opened, values ...app.SentValue) {
	sent, err := p.app.Sent(ctx, s.StoreAccount, s.id)
	if err == nil {
		err = sent.Keep(ctx, values...)
	}
	p.warnSent(err)
}

func (p *place) warnSent(err error) {
	if err != nil {
		p.app.Messages().Warn("not_remembered", "what was sent is not remembered on this machine: "+err.Error())
	}
}

// secretObject is a secret as it is printed.
func secretObject(s secretsstore.Secret) output.Object {
	return output.Object{
		{Name: "id", Value: s.ID}, {Name: "name", Value: s.Name}, {Name: "scopes", Value: slices.Clone(append([]string{}, s.Scopes...))},
		{Name: "status", Value: s.Status}, {Name: "comment", Value: s.Comment}, {Name: "store_id", Value: s.StoreID},
		{Name: "created_at", Value: s.Created}, {Name: "modified_at", Value: s.Modified},
	}
}

// report prints a secret that was made or changed.
func (p *place) report(done string, s *opened, it *secretsstore.Secret) error {
	if p.app.Settings.FormatTyped {
		return p.app.Printer().Object(secretObject(*it))
	}
	p.app.Messages().Notice(fmt.Sprintf("%s the secret %q in %s: %s, %s", done, it.Name, s.whose(), strings.Join(it.Scopes, ","), it.Status))
	return nil
}

// scopes are those that there are.
var scopes = []string{
	secretsstore.ScopeAccess, secretsstore.ScopeAIGateway, secretsstore.ScopeContainers, secretsstore.ScopeDEX,
	secretsstore.ScopeWebsearch, secretsstore.ScopeWorkers,
}

// checkScopes returns the scopes as the service gives them back: sorted, each once.
func checkScopes(list []string) ([]string, error) {
	var out []string
	for _, s := range list {
		s = strings.TrimSpace(s)
		if !slices.Contains(scopes, s) {
			text := fmt.Sprintf("there is no scope %s; there are %s", args.Quote(s), strings.Join(scopes, ", "))
			if slices.Contains(scopes, strings.ReplaceAll(s, "-", "_")) {
				text = fmt.Sprintf("the scope %s is written %s", s, strings.ReplaceAll(s, "-", "_"))
			}
			return nil, &app.UsageError{Message: text}
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// An about is what a secret has beside its value, by flags.
type about struct {
	scopes, comment string

	scopesGiven, commentGiven bool
	list                      []string // of the scopes, once they are checked
}

func (b *about) add(cmd *cobra.Command, scopesDefault string) {
	cmd.Flags().StringVar(&b.scopes, "scopes", "", "who may use it, `SCOPES` with commas between; "+scopesDefault)
	cmd.Flags().StringVar(&b.comment, "comment", "", "a `text` for people")
	_ = cmd.RegisterFlagCompletionFunc("scopes", complete.Words(scopes...))
}

// check looks at the flags.
func (b *about) check(cmd *cobra.Command) (err error) {
	b.scopesGiven, b.commentGiven = cmd.Flags().Changed("scopes"), cmd.Flags().Changed("comment")
	if b.scopesGiven {
		b.list, err = checkScopes(strings.Split(b.scopes, ","))
	}
	return err
}

// defaultScopes are those of a new secret that is given none.
func defaultScopes(a *app.App) ([]string, error) {
	v, err := a.Setting("store.scopes")
	if err != nil {
		return nil, err
	}
	return checkScopes(v.List())
}

// change returns a change of what was given.
func (b *about) change() secretsstore.UpdateSecretRequest {
	req := secretsstore.UpdateSecretRequest{Scopes: b.list}
	if b.commentGiven {
		req.Comment = &b.comment
	}
	return req
}
