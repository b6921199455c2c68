package local_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/local"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/vaults"
	"github.com/keyhold/keyhold/internal/vault"
)

func TestNoAccount(t *testing.T) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deps(open(t), at)
			if _, err := local.Driver().Describe(t.Context(), d); !errors.Is(err, backend.ErrNoAccount) {
				t.Errorf("Describe: %v, want ErrNoAccount", err)
			}
			if _, err := local.Driver().Unlock(t.Context(), d, secret.TextOf(password)); !errors.Is(err, backend.ErrNoAccount) {
				t.Errorf("Unlock: %v, want ErrNoAccount", err)
			}
		})
	}
}

// Create, then everything that is asked of an account as it was made.
func TestCreate(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	desc, err := local.Driver().Describe(t.Context(), h.deps)
	pub, _ := h.set.Identity.Public()
	want := backend.Description{ID: h.set.User.String(), Fingerprint: pub.Fingerprint(), Suite: seal.Default().Name(), Created: at.Add(time.Millisecond)}
	if err != nil || !cmp.Equal(want, desc) {
		t.Errorf("Describe: %v, %s", err, cmp.Diff(want, desc))
	}
	infos := h.infos(h.account())
	if len(infos) != 1 || infos[0].Name != "personal" || !infos[0].Open || !infos[0].Default || infos[0].Role != "owner" || infos[0].Shared {
		t.Errorf("Vaults = %+v", infos)
	}
	before := h.dump()
	for name, want := range map[string]error{"again": vault.ErrExists, "a/b": vault.ErrInvalid, "": vault.ErrInvalid} {
		if _, err := local.Driver().Create(t.Context(), h.deps, secret.TextOf("other"), backend.Signup{Vault: name}); !errors.Is(err, want) {
			t.Errorf("Create(%q): %v, want %v", name, err, want)
		}
	}
	if diff := cmp.Diff(before, h.dump()); diff != "" {
		t.Errorf("the store changed: %s", diff)
	}
}

func TestCreateFails(t *testing.T) {
	t.Parallel()
	for n := range 4 { // the id, the salt, the identity: the rest would need the derivation
		d := deps(memory.New(), at)
		d.Rand = io.LimitReader(d.Rand, int64(min(16*n, 47)))
		if _, err := local.Driver().Create(t.Context(), d, secret.TextOf(password), backend.Signup{Vault: "v"}); err == nil {
			t.Error("Create without randomness")
		}
		if all, err := pairs(d.Store); err != nil || len(all) != 0 {
			t.Errorf("something was stored: %v, %v", all, err)
		}
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	before := h.dump()
	set, err := h.unlock(password)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Marshal(); err != nil || !got.Equal(h.keys) {
		t.Errorf("Unlock gives other keys than Create: %v", err)
	}
	for _, pw := range []string{"", password + " "} {
		if _, err := h.unlock(pw); !errors.Is(err, vault.ErrWrongPassword) {
			t.Errorf("Unlock(%q): %v, want ErrWrongPassword", pw, err)
		}
	}
	if diff := cmp.Diff(before, h.dump()); diff != "" {
		t.Errorf("the store changed: %s", diff)
	}
}

func TestOpenKeys(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	for _, keys := range [][]byte{nil, []byte("x"), h.keys.Reveal()[1:], append([]byte{9}, h.keys.Reveal()...)} {
		if _, err := local.Driver().Open(t.Context(), h.deps, secret.Of(keys)); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("Open with %d bytes of keys: %v, want ErrDamaged", len(keys), err)
		}
	}
	foreign := h.set.With(seal.VaultEntry{Vault: h.set.Vaults[0].Vault, Kind: seal.KindCompatible, Key: h.set.Vaults[0].Key})
	keys, err := foreign.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	a, err := local.Driver().Open(t.Context(), h.deps, keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Vault(t.Context(), foreign.Vaults[0].Vault.String()); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("a vault of the other kind: %v, want ErrDamaged", err)
	}
}

// accountKey is the key of the account's record, in which created takes 8
// bytes and then come the suite (4 + 12), the salt (4 + 16), the identity (32)
// and the sealed identity, after the version.
func (h *home) accountKey() []byte { return key("a/", h.set.User) }

func TestDamagedAccount(t *testing.T) {
	t.Parallel()
	const suite, salt, identity, sealed = 1 + 8 + 4, 1 + 8 + 4 + 12 + 4, 1 + 8 + 4 + 12 + 4 + 16, 1 + 8 + 4 + 12 + 4 + 16 + 32 + 4
	tests := []struct {
		name   string
		damage func([]byte) []byte
		want   error
	}{
		{"version", flip(0), vault.ErrDamaged},
		{"suite", flip(suite), vault.ErrDamaged},
		{"shorter", func(b []byte) []byte { return b[:len(b)-1] }, vault.ErrDamaged},
		{"short salt", func(b []byte) []byte {
			b[salt-1] = 15
			return slices.Delete(b, salt, salt+1)
		}, vault.ErrDamaged},
		{"identity", flip(identity), vault.ErrDamaged},
		{"kind of the sealed identity", func(b []byte) []byte { b[sealed] = 9; return b }, vault.ErrDamaged},
		{"sealed identity", flip(-1), vault.ErrWrongPassword}, // they look the same
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			h.change(h.accountKey(), tt.damage)
			if _, err := h.unlock(password); !errors.Is(err, tt.want) {
				t.Errorf("Unlock: %v, want %v", err, tt.want)
			}
		})
	}
	h := newHome(t, memory.New())
	h.change(h.accountKey(), flip(0))
	if _, err := local.Driver().Describe(t.Context(), h.deps); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("Describe: %v, want ErrDamaged", err)
	}
	before := h.dump()
	if _, err := local.Driver().Create(t.Context(), h.deps, secret.TextOf("x"), backend.Signup{Vault: "v"}); !errors.Is(err, vault.ErrDamaged) || errors.Is(err, vault.ErrExists) {
		t.Errorf("Create over a damaged account: %v, want ErrDamaged", err)
	}
	if _, err := h.account().(backend.Creator).CreateVault(t.Context(), "second"); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("CreateVault: %v, want ErrDamaged", err)
	}
	if !maps.Equal(before, h.dump()) {
		t.Error("the store changed")
	}
}

// newVault stores a vault whose wrap is made by wrap and signed by identity.
func (h *home) newVault(id seal.ID, wrap []byte, identity seal.Identity) {
	h.Helper()
	sig, err := identity.Sign(wrap)
	if err != nil {
		h.Fatal(err)
	}
	h.update(func(tx kv.Tx) error {
		_, err := vaults.Create(tx, at, h.set.User, vaults.New{ID: id, Name: id.String(), Type: vaults.Personal, Wrap: wrap, Signature: sig})
		return err
	})
}

// A vault whose wrap is not as it should be is left out, and only that one.
func TestWraps(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	stranger, err := seal.MakeIdentity(h.deps.Rand)
	if err != nil {
		t.Fatal(err)
	}
	vaultKey, err := seal.MakeVaultKey(h.deps.Rand)
	if err != nil {
		t.Fatal(err)
	}
	own := h.set.Identity
	wrapped := func(change func(*seal.Header)) func(seal.ID) []byte {
		return func(id seal.ID) []byte {
			head := seal.Header{KeyVersion: 1, Vault: id, Recipient: h.set.User, Sender: h.set.User}
			change(&head)
			w, err := h.stretched.Wrap(head, vaultKey)
			if err != nil {
				t.Fatal(err)
			}
			return w.Marshal()
		}
	}
	right := wrapped(func(*seal.Header) {})
	record := func(prefix string, i int) func(seal.ID) {
		return func(id seal.ID) {
			if prefix == "v/" {
				h.change(key(prefix, id), flip(i))
			} else {
				h.change(key(prefix, id, h.set.User), flip(i))
			}
		}
	}
	tests := []struct {
		name   string
		wrap   func(seal.ID) []byte
		sign   seal.Identity
		damage func(seal.ID)
		opens  bool
	}{
		{"right", right, own, nil, true},
		{"wrap flipped", right, own, record("m/", -64-4-1), false},
		{"signature flipped", right, own, record("m/", -1), false},
		{"membership damaged", right, own, record("m/", 0), false},
		{"vault record damaged", right, own, record("v/", 0), false},
		{"signed by a stranger", right, stranger, nil, false},
		{"body flipped and signed", func(id seal.ID) []byte { return flip(-1)(right(id)) }, own, nil, false},
		{"of another vault", wrapped(func(h *seal.Header) { h.Vault = seal.ID{1} }), own, nil, false},
		{"of another key version", wrapped(func(h *seal.Header) { h.KeyVersion = 2 }), own, nil, false},
		{"for somebody else", wrapped(func(h *seal.Header) { h.Recipient = seal.ID{1} }), own, nil, false},
		{"by somebody else", wrapped(func(h *seal.Header) { h.Sender = seal.ID{1} }), own, nil, false},
		{"of version 1", func(seal.ID) []byte {
			w, err := h.stretched.WrapV1(vaultKey)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}, own, nil, false},
	}
	ids := make([]seal.ID, len(tests))
	for i, tt := range tests {
		ids[i] = seal.ID{8: 0x80, 15: byte(i + 1)}
		h.newVault(ids[i], tt.wrap(ids[i]), tt.sign)
		if tt.damage != nil {
			tt.damage(ids[i])
		}
	}
	set, err := h.unlock(password)
	if err != nil {
		t.Fatal(err)
	}
	if h.keys, err = set.Marshal(); err != nil {
		t.Fatal(err)
	}
	a := h.account()
	open := map[string]bool{}
	for _, i := range h.infos(a) {
		open[i.ID] = i.Open
	}
	if len(open) != len(tests)+1 {
		t.Errorf("%d vaults are listed, want %d", len(open), len(tests)+1)
	}
	for i, tt := range tests {
		s := ids[i].String()
		_, err := a.Vault(t.Context(), s)
		if open[s] != tt.opens || (err == nil) != tt.opens {
			t.Errorf("%s: Open is %v, and Vault: %v", tt.name, open[s], err)
		}
	}
	if _, err := a.Vault(t.Context(), h.set.Vaults[0].Vault.String()); err != nil {
		t.Errorf("the first vault: %v", err)
	}
}

// A vault that was made after the session was opened is locked for it.
func TestLaterVault(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	old := h.keys
	info, err := h.account().(backend.Creator).CreateVault(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	a, err := local.Driver().Open(t.Context(), h.deps, old)
	if err != nil {
		t.Fatal(err)
	}
	if infos := h.infos(a); len(infos) != 2 || infos[1].ID != info.ID || infos[1].Open {
		t.Errorf("Vaults = %+v, want the second one not open", infos)
	}
	if _, err := a.Vault(t.Context(), info.ID); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("Vault: %v, want ErrLocked", err)
	}
}

// CreateVault asks for the password once and hands on the change of the keys.
func TestCreateVault(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	asked, kept := 0, 0
	h.deps.Ask = func(context.Context) (secret.String, error) {
		asked++
		return secret.TextOf(password), nil
	}
	h.deps.Keep = func(_ context.Context, change func(secret.Bytes) (secret.Bytes, error)) error {
		kept++
		for range 2 { // it may be called again
			next, err := change(h.keys)
			if err != nil {
				return err
			}
			if set, err := seal.ParseKeySet(next.Reveal()); err != nil || len(set.Vaults) != 2 {
				t.Errorf("the session then has %d vaults, %v", len(set.Vaults), err)
			}
		}
		if _, err := change(secret.Of([]byte("damaged"))); err == nil {
			t.Error("keys that do not parse were changed")
		}
		return errTest
	}
	h.deps.Now = func() time.Time { return at.Add(-time.Hour) } // a clock that went back
	a := h.account()
	create := a.(backend.Creator).CreateVault
	info, err := create(t.Context(), "second")
	if !errors.Is(err, errTest) || info.Name != "second" || !info.Open || info.Default {
		t.Errorf("CreateVault = %+v, %v, want the vault and the error of Keep", info, err)
	}
	if asked != 1 || kept != 1 {
		t.Errorf("it asked %d times and kept %d times", asked, kept)
	}
	if _, err := a.Vault(t.Context(), info.ID); err != nil {
		t.Errorf("the account cannot open it: %v", err)
	}
	for _, i := range h.infos(a) {
		if i.Default != (i.Name == "personal") {
			t.Errorf("the vault %q has Default %v", i.Name, i.Default)
		}
	}
	if _, err := create(t.Context(), "second"); !errors.Is(err, vault.ErrExists) || asked != 1 {
		t.Errorf("a name that is taken: %v, asked %d times", err, asked)
	}
}

var errTest = errors.New("test")

func TestCreateVaultFails(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	before := h.dump()
	for name, want := range map[string]error{"refused": errTest, "wrong": vault.ErrWrongPassword} {
		h.deps.Ask = func(context.Context) (secret.String, error) {
			if name == "refused" {
				return secret.String{}, errTest
			}
			return secret.TextOf("wrong"), nil
		}
		if _, err := h.account().(backend.Creator).CreateVault(t.Context(), "second"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if diff := cmp.Diff(before, h.dump()); diff != "" {
		t.Errorf("the store changed: %s", diff)
	}
}

// A scrubber is a store that can overwrite what was deleted.
type scrubber struct {
	kv.DB

	scrubbed int
	err      error
}

func (s *scrubber) Scrub(context.Context) error {
	s.scrubbed++
	return s.err
}

func TestDeleteVault(t *testing.T) {
	t.Parallel()
	s := &scrubber{DB: memory.New(), err: kv.ErrBusy}
	h := newHome(t, s)
	id := h.set.Vaults[0].Vault
	h.put(h.vault(), "a", "b")
	a := h.account()
	if err := a.(backend.Deleter).DeleteVault(t.Context(), id.String()); !errors.Is(err, vault.ErrBusy) {
		t.Errorf("DeleteVault: %v, want the error of Scrub", err)
	}
	if s.scrubbed != 1 {
		t.Errorf("Scrub was called %d times", s.scrubbed)
	}
	if set, err := seal.ParseKeySet(h.keys.Reveal()); err != nil || len(set.Vaults) != 0 {
		t.Errorf("the session keeps %d vaults, %v", len(set.Vaults), err)
	}
	for k := range h.dump() {
		if bytes.Contains([]byte(k), id[:]) {
			t.Errorf("%q is left", k)
		}
	}
	if infos := h.infos(a); len(infos) != 0 {
		t.Errorf("Vaults = %+v", infos)
	}
	info, err := a.(backend.Creator).CreateVault(t.Context(), "personal")
	if err != nil || !info.Default {
		t.Errorf("the first vault after all were deleted: %+v, %v", info, err)
	}
}

// broken is a store that cannot be used.
type broken struct{ err error }

func (b broken) View(context.Context, func(kv.Tx) error) error   { return b.err }
func (b broken) Update(context.Context, func(kv.Tx) error) error { return b.err }

func TestBrokenStore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		err, want error
	}{
		{"busy", kv.ErrBusy, vault.ErrBusy},
		{"too new", &kv.FormatError{Path: "local.db", Format: 2, Version: "9"}, vault.ErrTooNew},
		{"damaged", kv.ErrDamaged, vault.ErrDamaged},
		{"other", errTest, errTest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			h.deps.Store = broken{tt.err}
			ctx, id, d := t.Context(), h.set.Vaults[0].Vault.String(), local.Driver()
			a, v := h.account(), h.vault()
			_, err1 := d.Describe(ctx, h.deps)
			_, err2 := d.Unlock(ctx, h.deps, secret.TextOf(password))
			_, err3 := a.Vaults(ctx)
			_, err4 := a.Vault(ctx, seal.ID{1}.String())
			_, err5 := a.(backend.Creator).CreateVault(ctx, "second")
			_, _, err6 := a.(backend.Counter).CountItems(ctx, id)
			_, err7 := v.Item(ctx, id)
			_, err8 := v.Lookup(ctx, "mail")
			_, _, err9 := v.Commit(ctx, vault.Change{Delete: []vault.Ref{{ID: id}}})
			var err10, err11 error
			for _, err := range v.Entries(ctx) {
				err10 = err
			}
			for _, err := range v.(vault.Trasher).Trash(ctx) {
				err11 = err
			}
			for i, err := range []error{
				err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11,
				a.(backend.Deleter).DeleteVault(ctx, id), a.(backend.Defaulter).SetDefault(ctx, id),
				a.(backend.Renamer).RenameVault(ctx, id, "other"), a.(backend.Rekeyer).Rekey(ctx, id, nil),
				a.(backend.PasswordChanger).ChangePassword(ctx, secret.TextOf("other")),
				v.(vault.Trasher).Purge(ctx, []vault.Ref{{ID: id}}),
			} {
				if !errors.Is(err, tt.want) || !errors.Is(err, tt.err) || err.Error() != tt.err.Error() {
					t.Errorf("call %d: %v, want %v", i+1, err, tt.want)
				}
			}
		})
	}
}

// The roles of a vault are those of the rules.
func TestDenied(t *testing.T) {
	t.Parallel()
	h := newHome(t, memory.New())
	id := h.set.Vaults[0].Vault
	h.change(key("m/", id, h.set.User), func(b []byte) []byte {
		b[4] = byte(len("admin"))
		copy(b[5:], "admin")
		return b
	})
	if err := h.account().(backend.Deleter).DeleteVault(t.Context(), id.String()); !errors.Is(err, vault.ErrDenied) {
		t.Errorf("DeleteVault of an admin: %v, want ErrDenied", err)
	}
}
