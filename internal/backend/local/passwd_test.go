package local_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A trace is pieces of sealed values, to be looked for in the store's file.
type trace map[[16]byte]string

// note remembers the values of the store under keys with this prefix, without
// the first bytes, which say nothing that is secret.
func (tr trace) note(h *home, prefix string, skip int) {
	h.Helper()
	n := 0
	for k, v := range h.dump() {
		if len(k) < len(prefix) || k[:len(prefix)] != prefix {
			continue
		}
		n++
		for v = v[min(skip, len(v)):]; len(v) >= 16; v = v[16:] {
			tr[[16]byte([]byte(v))] = prefix
		}
	}
	if n == 0 {
		h.Fatalf("there is nothing under %q", prefix)
	}
}

// in returns how many pieces are in the file.
func (tr trace) in(h *home, path string) (found int) {
	h.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		h.Fatal(err)
	}
	for ; len(file) >= 16; file = file[1:] {
		if _, ok := tr[[16]byte(file)]; ok {
			found++
		}
	}
	return found
}

const (
	recordHead = 66 + 5 + 2      // of an item's record, its type "login" and the head of an envelope
	memberHead = 1 + 9 + 16 + 8  // of a membership, before the wrap
	wrapHead   = 4 + 91          // what a wrap says in the clear, its check value included
	savedHead  = 1 + 8 + 16 + 20 // of an account, before the identity
)

// noteKeys notes everything that the keys of h sealed and that is not an item.
func (tr trace) noteKeys(h *home) {
	h.Helper()
	tr.note(h, "m/", memberHead+wrapHead)
	tr.note(h, "a/", savedHead+32+4+2)
}

func (tr trace) noteItems(h *home) {
	h.Helper()
	tr.note(h, "in", recordHead)
	tr.note(h, "id", 2)
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "local.db")
	h := newHome(t, bolt.New(path))
	want := h.stock(40)
	a := h.account()
	if _, err := a.(backend.Creator).CreateVault(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	before, tr := h.keys, trace{}
	tr.noteKeys(h)
	if tr.in(h, path) == 0 {
		t.Fatal("nothing of it is in the file: this is the wrong search")
	}
	h.deps.Keep = func(context.Context, func(secret.Bytes) (secret.Bytes, error)) error {
		t.Error("the session was changed")
		return nil
	}
	a = h.account()
	v := h.vault()
	if err := a.(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf("the next one")); err != nil {
		t.Fatal(err)
	}
	if n := tr.in(h, path); n > 0 {
		t.Errorf("%d pieces of what the old password opened are in the file", n)
	}
	if _, err := h.unlock(password); !errors.Is(err, vault.ErrWrongPassword) {
		t.Errorf("the old password: %v, want ErrWrongPassword", err)
	}
	set, err := h.unlock("the next one")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Marshal(); err != nil || !got.Equal(before) {
		t.Errorf("the new password gives other keys: %v", err)
	}
	h.wantItems(want)
	h.put(v, "later") // the session that was open
}

func TestChangePasswordRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(h *home)
		want  error
	}{
		{"nobody to ask", func(h *home) {
			h.deps.Ask = func(context.Context) (secret.String, error) { return secret.String{}, errTest }
		}, errTest},
		{"wrong password", func(h *home) {
			h.deps.Ask = func(context.Context) (secret.String, error) { return secret.TextOf("wrong"), nil }
		}, vault.ErrWrongPassword},
		{"no salt", func(h *home) { h.deps.Rand = io.LimitReader(h.deps.Rand, 15) }, io.ErrUnexpectedEOF},
		{"no nonce", func(h *home) { h.deps.Rand = io.LimitReader(h.deps.Rand, 16+11) }, io.ErrUnexpectedEOF},
		{"damaged wrap", func(h *home) { h.change(key("m/", h.first(), h.set.User), flip(-64-4-1)) }, vault.ErrDamaged},
		{"damaged vault", func(h *home) { h.change(key("v/", h.first()), flip(0)) }, vault.ErrDamaged},
		{"damaged account", func(h *home) { h.change(h.accountKey(), flip(0)) }, vault.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, memory.New())
			tt.spoil(h)
			before := h.dump()
			err := h.account().(backend.PasswordChanger).ChangePassword(t.Context(), secret.TextOf("next"))
			if !errors.Is(err, tt.want) {
				t.Errorf("ChangePassword: %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(before, h.dump()); diff != "" {
				t.Errorf("the store changed: %s", diff)
			}
		})
	}
}

// A racer is a store in which another process is faster.
type racer struct {
	kv.DB

	before func() // each Update
	racing bool
}

func (r *racer) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if !r.racing && r.before != nil {
		r.racing = true
		r.before()
		r.racing = false
	}
	return r.DB.Update(ctx, fn)
}

// What is wrapped under a password that is not the one any more would never
// open again.
func TestPasswordChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context, *home, backend.Account) error{
		"create": func(ctx context.Context, _ *home, a backend.Account) error {
			_, err := a.(backend.Creator).CreateVault(ctx, "second")
			return err
		},
		"rekey": func(ctx context.Context, h *home, a backend.Account) error {
			return a.(backend.Rekeyer).Rekey(ctx, h.first().String(), nil)
		},
		"passwd": func(ctx context.Context, _ *home, a backend.Account) error {
			return a.(backend.PasswordChanger).ChangePassword(ctx, secret.TextOf("next"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &racer{DB: memory.New()}
			h := newHome(t, r)
			w := h.twin()
			var after map[string]string
			r.before = func() {
				r.before = nil
				first, err1 := w.owner(0)
				second, err2 := w.owner(1)
				if err := errors.Join(err1, err2, first.ReplaceBy(t.Context(), h.db, second)); err != nil {
					t.Error(err)
				}
				after = h.dump()
			}
			if err := run(t.Context(), h, h.account()); !errors.Is(err, vault.ErrWrongPassword) {
				t.Errorf("error %v, want ErrWrongPassword", err)
			}
			if diff := cmp.Diff(after, h.dump()); diff != "" {
				t.Errorf("the store changed: %s", diff)
			}
		})
	}
}

// The change is made even if the old values cannot be overwritten.
func TestChangePasswordScrub(t *testing.T) {
	t.Parallel()
	s := &scrubber{DB: memory.New(), err: kv.ErrBusy}
	h := newHome(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := h.stored()
	if err := h.account().(backend.PasswordChanger).ChangePassword(ctx, secret.TextOf("next")); !errors.Is(err, vault.ErrBusy) {
		t.Errorf("ChangePassword: %v, want the error of Scrub", err)
	}
	if s.scrubbed != 1 || bytes.Equal(before.Salt, h.stored().Salt) {
		t.Errorf("Scrub was called %d times", s.scrubbed)
	}
}
