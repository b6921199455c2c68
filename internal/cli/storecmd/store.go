// Package storecmd has the commands for the Cloudflare Secrets Store: what
// stands below store.
package storecmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// NewStore returns the store command, with all below it if whole is set.
func NewStore(a *app.App, whole bool) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:     "store",
		Aliases: []string{"cloudflare"},
		Short:   "Manage the Cloudflare Secrets Store",
		Long: "Work with the Cloudflare Secrets Store: the stores of an account, and the secrets in them, whose values go there and never\n" +
			"come back. Log in with `keyhold login store`, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.\n\n" +
			"--system is for services that keep stores in the accounts of others, which a service of yours can at keyhold-server.",
		Example: "  keyhold store list\n  keyhold store secrets put STRIPE_KEY --from kh://prod/stripe/key\n  keyhold store secrets apply secrets.yaml",
	})
	if whole {
		cmd.AddCommand(newList(a), newCreate(a), newShow(a), newDelete(a), newQuota(a), newSecrets(a))
	}
	return cmd
}

// A place is where a command works, by its flags.
type place struct {
	app *app.App

	system bool
	store  string // name or id
}

func (p *place) add(f *pflag.FlagSet) {
	f.BoolVar(&p.system, "system", false, "use what the calling service keeps in the account, below /system")
}

// checkFlags refuses flags that are given and empty: a variable was not set.
func checkFlags(cmd *cobra.Command) error {
	for _, name := range []string{"store", "from"} {
		if f := cmd.Flag(name); f != nil && f.Changed && f.Value.String() == "" {
			return app.Usagef("--%s is empty", name)
		}
	}
	return nil
}

// account returns the account.
func (p *place) account(ctx context.Context) (*app.StoreAccount, error) {
	s, err := p.app.Store(ctx, p.system)
	return s, p.explain(err)
}

// An opened is a store with its account.
type opened struct {
	*app.StoreAccount
	*place

	id, name string // without a name it is the id
}

// open returns the store that --store names, or the only one.
func (p *place) open(ctx context.Context) (*opened, error) {
	acc, err := p.account(ctx)
	if err != nil {
		return nil, err
	}
	if isID(p.store) {
		return &opened{acc, p, strings.ToLower(p.store), p.store}, nil
	}
	s, err := p.find(ctx, acc, p.store)
	if err != nil {
		return nil, err
	}
	return &opened{acc, p, s.ID, s.Name}, nil
}

// find returns the store of that name, or the only one if it is empty.
func (p *place) find(ctx context.Context, acc *app.StoreAccount, name string) (secretsstore.Store, error) {
	var found []secretsstore.Store
	for s, err := range acc.Stores.All(ctx, secretsstore.ListOptions{}) {
		if err != nil {
			return secretsstore.Store{}, p.explain(err)
		}
		if name == "" || s.Name == name {
			found = append(found, s)
		}
	}
	flag := ""
	if p.system {
		flag = " --system"
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && name == "":
		try := "keyhold store create default_secrets_store"
		if p.system {
			try = "keyhold store create --help" // it takes a number, which is not known here
		}
		return secretsstore.Store{}, &hintError{fmt.Errorf("there is no store %s: %w", acc.Whose(), vault.ErrNotFound), try}
	case len(found) == 0:
		return secretsstore.Store{}, &app.NotFoundError{What: "store", Name: name, Try: "keyhold store list" + flag, Kind: vault.ErrNotFound}
	}
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = fmt.Sprintf("%s (%s)", s.ID, s.Name)
	}
	return secretsstore.Store{}, &app.ChoiceError{
		Message: "there are several stores, use an id: " + strings.Join(names, ", "), Try: p.app.Command + " --store " + found[0].ID + flag,
	}
}

// isID reports whether s is an id of the service: 32 hex digits.
func isID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// A hintError is an error with what to try.
type hintError struct {
	err error
	try string
}

func (e *hintError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *hintError) Unwrap() error { return e.err }

// Hint returns what to try.
func (e *hintError) Hint() string { return e.try }

// explain gives an answer of the service a hint, unless it has one.
func (p *place) explain(err error) error {
	var own interface{ Hint() string }
	if err == nil || errors.As(err, &own) {
		return err
	}
	if try := p.try(err); try != "" {
		return &hintError{err, try}
	}
	return err
}

// try returns what to try after an answer of the service, or "".
func (p *place) try(err error) string {
	system := (&place{system: p.system}).flags()
	for _, h := range []struct {
		kind error
		try  string
	}{
		{secretsstore.ErrMaxStores, "keyhold store list" + system},
		{secretsstore.ErrMaxSecrets, p.room()},
		{secretsstore.ErrStoreNotFound, "keyhold store list" + system},
		{secretsstore.ErrSecretNotFound, "keyhold store secrets list" + p.flags()},
		{client.ErrUnauthenticated, p.app.StoreAccess(p.system, err)},
		{client.ErrDenied, p.app.StoreAccess(p.system, err)},
		{client.ErrInvalid, p.app.Command + " --help"},
	} {
		if errors.Is(err, h.kind) {
			return h.try
		}
	}
	return ""
}

// room is a command that shows what takes the room: a service has no quota.
func (p *place) room() string {
	if p.system {
		return "keyhold store secrets list" + p.flags()
	}
	return "keyhold store quota"
}

// storeObject is a store as it is printed.
func storeObject(s secretsstore.Store) output.Object {
	return output.Object{
		{Name: "id", Value: s.ID}, {Name: "name", Value: s.Name}, {Name: "account_id", Value: s.AccountID},
		{Name: "created_at", Value: s.Created}, {Name: "modified_at", Value: s.Modified},
	}
}

// checkName refuses what cannot be the name of a store or a secret.
func checkName(what, name string) error {
	const longest = 255
	if name == "" || len(name) > longest || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd || !unicode.IsPrint(r) }) {
		return app.Usagef("%s cannot be the name of a %s: 1 to %d bytes without spaces", args.Quote(name), what, longest)
	}
	return nil
}
