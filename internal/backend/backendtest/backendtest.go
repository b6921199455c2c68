// Package backendtest is the conformance suite of backends: what every kind of
// vault has to do, whatever its service. Only tests import it.
package backendtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A Suite is a backend to be tested.
type Suite struct {
	// New makes an account with one empty vault, for one check, and returns
	// what opens it. Each call of open gives another client, as if it were in
	// another process; it has to see what was committed before the call. Only
	// the goroutine of the check calls open, but it uses its clients in others.
	New func(t testing.TB) (open func() backend.Account)
	// NoUnique says that the service cannot tell whether a name is taken, so
	// that Put.Unique is without effect.
	NoUnique bool
	// Released says that the service is of the released dialect: it counts
	// nothing, and what is errors.ErrUnsupported there is passed over.
	Released bool
	// Create makes a vault; nil: CreateVault of the account.
	Create func(ctx context.Context, a backend.Account, name string) (backend.Info, error)
}

// create makes a vault, if that can be done.
func (c *check) create(a backend.Account, name string) (backend.Info, bool, error) {
	if c.suite.Create != nil {
		info, err := c.suite.Create(c.Context(), a, name)
		return info, true, err
	}
	cr, ok := a.(backend.Creator)
	if !ok {
		return backend.Info{}, false, nil
	}
	info, err := cr.CreateVault(c.Context(), name)
	return info, true, err
}

// Run runs the suite. Abilities that an account does not have are passed over.
func Run(t *testing.T, s Suite) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newCheck(t, s))
		})
	}
}

var checks = []struct {
	name string
	run  func(*check)
}{
	{"empty", (*check).empty},
	{"items", (*check).items},
	{"values", (*check).values},
	{"names", (*check).names},
	{"bad names", (*check).badNames},
	{"lookup", (*check).lookup},
	{"entries", (*check).entries},
	{"copies", (*check).copies},
	{"snapshot", (*check).snapshot},
	{"trash", (*check).trash},
	{"atomic", (*check).atomic},
	{"conflict", (*check).conflict},
	{"unique", (*check).unique},
	{"base", (*check).base},
	{"writers of different items", (*check).differentItems},
	{"writers of one item", (*check).oneItem},
	{"cancelled", (*check).cancelled},
	{"close", (*check).close},
	{"vaults", (*check).vaults},
	{"create and delete vaults", (*check).createVaults},
	{"default vault", (*check).defaultVault},
	{"rename vaults", (*check).renameVaults},
	{"purge", (*check).purge},
	{"check", (*check).verify},
	{"change the password", (*check).changePassword},
	{"rekey", (*check).rekey},
}

// A check is one part of the suite under way, over an account of its own.
type check struct {
	testing.TB

	suite Suite
	open  func() backend.Account
}

func newCheck(t testing.TB, s Suite) *check { return &check{t, s, s.New(t)} }

// client opens the default vault once more.
func (c *check) client() vault.Vault {
	c.Helper()
	a := c.open()
	return c.vaultOf(a, c.defaultOf(a).ID)
}

func (c *check) list(a backend.Account) []backend.Info {
	c.Helper()
	infos, err := a.Vaults(c.Context())
	if err != nil {
		c.Fatalf("Vaults: %v", err)
	}
	return infos
}

func (c *check) defaultOf(a backend.Account) backend.Info {
	c.Helper()
	var found []backend.Info
	for _, i := range c.list(a) {
		if i.Default {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		c.Fatalf("%d vaults are the default one", len(found))
	}
	return found[0]
}

func (c *check) vaultOf(a backend.Account, id string) vault.Vault {
	c.Helper()
	v, err := a.Vault(c.Context(), id)
	if err != nil {
		c.Fatalf("Vault: %v", err)
	}
	c.Cleanup(func() { _ = v.Close() })
	return v
}

// commit commits a change that has to succeed.
func (c *check) commit(v vault.Vault, change vault.Change) (vault.Revision, []vault.Item) {
	c.Helper()
	rev, items, err := v.Commit(c.Context(), change)
	if err != nil {
		c.Fatalf("Commit: %v", err)
	}
	if len(items) != len(change.Put) {
		c.Fatalf("Commit returned %d items of %d", len(items), len(change.Put))
	}
	return rev, items
}

// add puts new items in one change and returns them.
func (c *check) add(v vault.Vault, items ...vault.Item) []vault.Item {
	c.Helper()
	var change vault.Change
	for _, it := range items {
		change.Put = append(change.Put, vault.Put{Item: it})
	}
	_, made := c.commit(v, change)
	return made
}

// one puts one new item and returns it.
func (c *check) one(v vault.Vault, it vault.Item) vault.Item {
	c.Helper()
	return c.add(v, it)[0]
}

func (c *check) item(v vault.Vault, id string) vault.Item {
	c.Helper()
	it, err := v.Item(c.Context(), id)
	if err != nil {
		c.Fatalf("Item: %v", err)
	}
	return it
}

// found returns the ids that Lookup finds, sorted.
func (c *check) found(v vault.Vault, name string) []string {
	c.Helper()
	entries, err := v.Lookup(c.Context(), name)
	if err != nil {
		c.Fatalf("Lookup(%q): %v", name, err)
	}
	return sortedIDs(entries)
}

func (c *check) entriesOf(v vault.Vault) []vault.Entry {
	c.Helper()
	var all []vault.Entry
	for e, err := range v.Entries(c.Context()) {
		if err != nil {
			c.Fatalf("Entries: %v", err)
		}
		all = append(all, e)
	}
	return all
}

func sortedIDs(entries []vault.Entry) []string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return ids
}

// wantIDs compares ids in any order.
func (c *check) wantIDs(what string, got []string, want ...string) {
	c.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// same compares items, their secrets included.
func (c *check) same(what string, want, got vault.Item) {
	c.Helper()
	reveal := cmp.Transformer("reveal", func(b secret.Bytes) string { return string(b.Reveal()) })
	if diff := cmp.Diff(want, got, reveal, cmpopts.EquateEmpty()); diff != "" {
		c.Errorf("%s: -want +got\n%s", what, diff)
	}
}

// without reports whether the service is one that may do without an ability,
// and does.
func (c *check) without(err error) bool {
	return c.suite.Released && errors.Is(err, errors.ErrUnsupported)
}

// wantError wants an error of a kind.
func (c *check) wantError(what string, err, kind error) {
	c.Helper()
	if !errors.Is(err, kind) {
		c.Errorf("%s: error %v, want %v", what, err, kind)
	}
}

func (c *check) wantConflict(what string, err error) {
	c.Helper()
	var conflict *vault.ConflictError
	if !errors.As(err, &conflict) {
		c.Errorf("%s: error %v, want a *vault.ConflictError", what, err)
	}
}

// now is when the suite makes its changes.
var now = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// unknownID is the id of nothing.
const unknownID = "6f1c9a52-7d43-4c58-9a0e-d2b1f0a3c4e5"

// login is a new item with a name and a password.
func login(name, password string) vault.Item {
	return vault.Item{
		Type: "login", Name: name, Created: now, Updated: now,
		Fields: []vault.Field{{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(password))}},
	}
}

func password(it vault.Item) string {
	f, _ := it.Field("password")
	return string(f.Value.Reveal())
}

// edited is the put of it with one of its fields set.
func edited(it vault.Item, f vault.Field) (vault.Put, error) {
	next, err := vault.Edit{Set: []vault.Field{f}}.Apply(it, now)
	return vault.Put{Item: next, Was: &it}, err
}

// rewritten is the put of it with another password.
func (c *check) rewritten(it vault.Item, password string) vault.Put {
	c.Helper()
	p, err := edited(it, vault.Field{Name: "password", Kind: vault.Secret, Value: secret.Of([]byte(password))})
	if err != nil {
		c.Fatalf("edit: %v", err)
	}
	return p
}

// retry tries again without waiting, for as long as it takes.
var retry = vault.Retry{
	Attempts: 10_000,
	Within:   time.Hour,
	Now:      func() time.Time { return now },
	Wait: func(ctx context.Context, _ time.Duration) error {
		runtime.Gosched()
		return ctx.Err()
	},
}

// all runs fn for 0 to n-1 at the same time and wants no error.
func (c *check) all(n int, fn func(i int) error) {
	c.Helper()
	errs := make(chan error)
	for i := range n {
		go func() {
			err := fn(i)
			if err != nil {
				err = fmt.Errorf("writer %d: %w", i, err)
			}
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			c.Error(err)
		}
	}
}
