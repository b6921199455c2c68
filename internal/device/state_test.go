package device_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	stateTime = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	idA       = seal.ID(bytes.Repeat([]byte{0xa}, 16))
	idB       = seal.ID(bytes.Repeat([]byte{0xb}, 16))
	idC       = seal.ID(bytes.Repeat([]byte{0xc}, 16))
	keyA      = seal.PublicKey(bytes.Repeat([]byte{1}, 32))
	keyB      = seal.PublicKey(bytes.Repeat([]byte{2}, 32))
)

var (
	aLogin = device.Login{
		Origin: "https://vault.example", Email: "ann@example.com", User: idA, Device: "laptop", Suite: "argon2id-64m", Salt: []byte("salt"),
		Identity: keyA, RSA: []byte("spki"), SealedIdentity: []byte("identity"), SealedRSA: []byte("rsa"), At: stateTime,
	}
	aPin = device.Pin{
		Kind: seal.KindBound, KeyVersion: 3, Revision: 1 << 40, Check: [32]byte{4}, Wrap: [32]byte{5}, Form: seal.FormBound,
		Sender: idB, SenderKey: keyB, As: "team here", Accepted: true,
	}
	aVault = device.Vault{
		ID: idA, Name: "team", Type: "shared", Role: "admin", Wrap: []byte("wrap"), Sender: idB, Signature: []byte("signature"),
		KeyVersion: 3, Revision: 9, RekeyRequired: true, Created: stateTime, Updated: stateTime.Add(time.Hour),
	}
	aMark = device.Mark{Synced: stateTime, Stale: true, KeyVersion: 3, Revision: 9, Updated: stateTime, Check: [32]byte{6}}
)

func update(t *testing.T, db kv.DB, fn func(kv.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, want, got any, ok bool, err error) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
		t.Errorf("%s: %v, %v\n-want +got\n%s", what, ok, err, diff)
	}
}

// What is put comes back, for its profile and place alone.
func TestState(t *testing.T) {
	t.Parallel()
	a := device.NewTransientAccount(memory.New(), "work")
	other := device.NewTransientAccount(a.State(), "home")
	p, q := device.PlaceOf(keyA), device.PlaceOf(keyB)
	update(t, a.State(), func(tx kv.Tx) error {
		return errors.Join(
			a.PutLogin(tx, aLogin), p.PutPin(tx, idA, aPin), p.PutPeer(tx, idB, device.Peer{Identity: keyB, Email: "bob@example.com", At: stateTime}),
			p.PutVault(tx, aVault), p.PutMark(tx, idA, aMark), p.SetDefault(tx, idA), p.SetListed(tx, stateTime),
			p.PutShared(tx, idA, idB, "member"), p.PutFlags(tx, idA, idC, device.Flags{Folder: "f", Reprompt: true}),
		)
	})
	update(t, a.State(), func(tx kv.Tx) error {
		l, err := a.Login(tx)
		same(t, "Login", aLogin, l, true, err)
		if l.Place() != p || p == q || p.Mirror(idA) == q.Mirror(idA) || p.Mirror(idA) == p.Mirror(idB) {
			t.Errorf("places or mirrors are not what they should be")
		}
		if _, err := other.Login(tx); !errors.Is(err, device.ErrNoLogin) {
			t.Errorf("Login of another profile: %v", err)
		}
		pin, ok, err := p.Pin(tx, idA)
		same(t, "Pin", aPin, pin, ok, err)
		peer, ok, err := p.Peer(tx, idB)
		same(t, "Peer", device.Peer{Identity: keyB, Email: "bob@example.com", At: stateTime}, peer, ok, err)
		v, ok, err := p.Vault(tx, idA)
		same(t, "Vault", aVault, v, ok, err)
		list, err := p.Vaults(tx)
		same(t, "Vaults", []device.Vault{aVault}, list, true, err)
		m, ok := p.Mark(tx, idA)
		same(t, "Mark", aMark, m, ok, nil)
		same(t, "Flags", device.Flags{Folder: "f", Reprompt: true}, p.Flags(tx, idA, idC), true, nil)
		same(t, "Default", idA, p.Default(tx), true, nil)
		same(t, "Listed", stateTime, p.Listed(tx), true, nil)
		for id, pin := range p.Pins(tx) {
			same(t, "Pins", aPin, pin, id == idA, nil)
		}
		for id, role := range p.Shared(tx, idA) {
			same(t, "Shared", "member", role, id == idB, nil)
		}
		_, hasPin, _ := q.Pin(tx, idA)
		_, hasPeer, _ := q.Peer(tx, idB)
		_, hasVault, _ := q.Vault(tx, idA)
		if hasPin || hasPeer || hasVault || !q.Default(tx).IsZero() || !q.Listed(tx).IsZero() {
			t.Errorf("another place has some of it")
		}
		return errors.Join(p.DeleteMark(tx, idA), p.DeleteVault(tx, idA), p.DeleteShared(tx, idA, idB), a.DeleteLogin(tx))
	})
	update(t, a.State(), func(tx kv.Tx) error {
		if _, ok := p.Mark(tx, idA); ok || p.Flags(tx, idA, idC) != (device.Flags{}) {
			t.Errorf("the mark or the flags are still there")
		}
		pin, ok, err := p.Pin(tx, idA)
		same(t, "the pin of a vault that is gone", aPin, pin, ok, err)
		if _, err := a.Login(tx); !errors.Is(err, device.ErrNoLogin) {
			t.Errorf("Login after it was deleted: %v", err)
		}
		return p.Forget(tx)
	})
	update(t, a.State(), func(tx kv.Tx) error {
		for k := range tx.Scan(nil) {
			t.Errorf("%q is left", k)
		}
		return nil
	})
}

// A damaged pin is no pin that is missing: nothing may be believed in its place.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	a := device.NewTransientAccount(memory.New(), "work")
	p := device.PlaceOf(keyA)
	update(t, a.State(), func(tx kv.Tx) error {
		return errors.Join(a.PutLogin(tx, aLogin), p.PutPin(tx, idA, aPin), p.PutPeer(tx, idA, device.Peer{}), p.PutVault(tx, aVault), p.PutMark(tx, idA, aMark))
	})
	update(t, a.State(), func(tx kv.Tx) error {
		cut := map[string][]byte{}
		for k, v := range tx.Scan(nil) {
			cut[string(k)] = bytes.Clone(v[:len(v)-1])
		}
		for k, v := range cut {
			if err := tx.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, a.State(), func(tx kv.Tx) error {
		_, login := a.Login(tx)
		_, _, pin := p.Pin(tx, idA)
		_, _, peer := p.Peer(tx, idA)
		_, _, v := p.Vault(tx, idA)
		_, list := p.Vaults(tx)
		for what, err := range map[string]error{"Login": login, "Pin": pin, "Peer": peer, "Vault": v, "Vaults": list} {
			if !errors.Is(err, device.ErrDamaged) {
				t.Errorf("%s: %v, want ErrDamaged", what, err)
			}
		}
		if _, ok := p.Mark(tx, idA); ok {
			t.Errorf("a damaged mark is one")
		}
		return nil
	})
}

// accounts are an account that is kept and one that is not.
func stateAccounts(t *testing.T) map[string]*device.Account {
	t.Helper()
	h := device.NewHome(t.TempDir())
	if _, err := h.Make(rand.Reader); err != nil {
		t.Fatal(err)
	}
	key := device.NewDeviceKey(h, nil, rand.Reader)
	if err := key.Wrap(t.Context(), secret.Of(bytes.Repeat([]byte{7}, 32))); err != nil {
		t.Fatal(err)
	}
	return map[string]*device.Account{
		"kept":      device.NewAccount(h, memory.New(), device.NewTokens(h, nil, key, rand.Reader), "work"),
		"transient": device.NewTransientAccount(memory.New(), "./ci.yaml"),
	}
}

func TestAccountTokens(t *testing.T) {
	t.Parallel()
	for name, a := range stateAccounts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const origin = "https://vault.example"
			if _, err := a.Token(t.Context(), "vault", origin); !errors.Is(err, device.ErrNoToken) {
				t.Errorf("before: %v", err)
			}
			if err := a.SetToken(t.Context(), "vault", device.Token{Origin: origin, Secret: secret.Of([]byte("t"))}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got, err := a.Token(t.Context(), "vault", origin)
				if err != nil || string(got.Secret.Reveal()) != "t" {
					t.Errorf("Token: %v", err)
				}
				got.Secret.Wipe() // it is the caller's
			}
			if _, err := a.Token(t.Context(), "vault", "https://other.example"); !errors.Is(err, device.ErrOrigin) {
				t.Errorf("for another origin: %v", err)
			}
			if err := a.DeleteToken(t.Context(), "vault"); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Token(t.Context(), "vault", origin); !errors.Is(err, device.ErrNoToken) {
				t.Errorf("after: %v", err)
			}
		})
	}
}

func TestAccountLock(t *testing.T) {
	t.Parallel()
	for name, a := range stateAccounts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var inside atomic.Int32
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					unlock, err := a.Lock(t.Context(), "x")
					if err != nil {
						t.Errorf("Lock: %v", err)
						return
					}
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d have the lock", n)
					}
					inside.Add(-1)
					unlock()
				})
			}
			wg.Wait()
			unlock, err := a.Lock(t.Context(), "x")
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := a.Lock(ctx, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("with a ctx that ended: %v", err)
			}
			other, err := a.Lock(t.Context(), "y")
			if err != nil {
				t.Fatalf("another name: %v", err)
			}
			other()
		})
	}
}
