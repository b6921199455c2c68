package tokens_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/tokens"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

type store struct {
	*testing.T

	db *memory.DB
}

func (s store) create(now time.Time, in tokens.Token) (t tokens.Token, text secret.String, err error) {
	s.Helper()
	err = s.db.Update(s.Context(), func(tx kv.Tx) error {
		t, text, err = tokens.Create(tx, now, rand.Reader, in)
		return err
	})
	return t, text, err
}

func (s store) mustCreate(now time.Time, in tokens.Token) (tokens.Token, secret.String) {
	s.Helper()
	t, text, err := s.create(now, in)
	if err != nil {
		s.Fatal(err)
	}
	return t, text
}

func (s store) authenticate(now time.Time, api string, text secret.String) (t tokens.Token, err error) {
	err = s.db.View(s.Context(), func(tx kv.Tx) error {
		t, err = tokens.Authenticate(tx, now, api, text)
		return err
	})
	return t, err
}

func (s store) list() (all []tokens.Token, err error) {
	_ = s.db.View(s.Context(), func(tx kv.Tx) error {
		for t, e := range tokens.List(tx) {
			if e == nil {
				all = append(all, t)
			}
			err = errors.Join(err, e)
		}
		return nil
	})
	return all, err
}

var full = tokens.Token{
	API: "store", Account: "a1", Email: "a@example.com", Service: "images", Note: "of the build", ReadOnly: true, Expires: at.Add(time.Hour),
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	made, text := s.mustCreate(at, full)
	if len(text.Reveal()) != tokens.Length || strings.Trim(text.Reveal(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("the token has %d characters, or others than it should", text.Len())
	}
	want := full
	want.ID, want.Created = made.ID, at
	if made.ID.IsZero() || made != want {
		t.Errorf("Create = %+v, want %+v", made, want)
	}
	got, err := s.authenticate(at, "store", text)
	if err != nil || got != want {
		t.Errorf("Authenticate = %+v, %v, want %+v", got, err, want)
	}
	plain, text2 := s.mustCreate(at, tokens.Token{API: "pwm"})
	if plain.ReadOnly || text2.Equal(text) || plain.ID == made.ID {
		t.Error("another token has something of the first")
	}
	_ = s.db.View(t.Context(), func(tx kv.Tx) error {
		for k, v := range tx.Scan(nil) {
			if bytes.Contains(k, text.Bytes().Reveal()) || bytes.Contains(v, text.Bytes().Reveal()) {
				t.Error("the token itself is kept")
			}
		}
		return nil
	})
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field string
		token tokens.Token
	}{
		{"API", tokens.Token{}},
		{"API", tokens.Token{API: strings.Repeat("a", 256)}},
		{"Account", tokens.Token{API: "store", Account: "a\nb"}},
		{"Email", tokens.Token{API: "store", Email: "\xff"}},
		{"Service", tokens.Token{API: "store", Service: strings.Repeat("a", 256)}},
		{"Note", tokens.Token{API: "store", Note: "\x1b[m"}},
		{"Expires", tokens.Token{API: "store", Expires: at}},
	}
	for _, tt := range tests {
		s := store{t, memory.New()}
		_, _, err := s.create(at, tt.token)
		if e, ok := errors.AsType[*tokens.InvalidError](err); !ok || e.Field != tt.field {
			t.Errorf("%+v: %v, want an error of %s", tt.token, err, tt.field)
		}
	}
	s := store{t, memory.New()}
	for _, n := range []int{0, 16, 45} {
		err := s.db.Update(t.Context(), func(tx kv.Tx) error {
			_, _, err := tokens.Create(tx, at, bytes.NewReader(make([]byte, n)), full)
			return err
		})
		if err == nil {
			t.Errorf("%d random bytes are enough for a token", n)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	made, text := s.mustCreate(at, full)
	tests := []struct {
		name string
		now  time.Time
		api  string
		text secret.String
		want error
	}{
		{"in time", at.Add(time.Hour - time.Millisecond), "store", text, nil},
		{"expired", at.Add(time.Hour), "store", text, tokens.ErrToken},
		{"another API", at, "pwm", text, tokens.ErrToken},
		{"empty", at, "store", secret.String{}, tokens.ErrToken},
		{"cut short", at, "store", secret.TextOf(text.Reveal()[1:]), tokens.ErrToken},
		{"its id", at, "store", secret.TextOf(made.ID.String()), tokens.ErrToken},
	}
	for _, tt := range tests {
		if _, err := s.authenticate(tt.now, tt.api, tt.text); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	a, textA := s.mustCreate(at, tokens.Token{API: "store"})
	b, textB := s.mustCreate(at, tokens.Token{API: "store"})
	revoke := func(id seal.ID) error {
		return s.db.Update(t.Context(), func(tx kv.Tx) error { return tokens.Revoke(tx, id) })
	}
	if err := revoke(a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.authenticate(at, "store", textA); err != tokens.ErrToken {
		t.Errorf("a revoked token: %v", err)
	}
	if _, err := s.authenticate(at, "store", textB); err != nil {
		t.Errorf("the other token: %v", err)
	}
	if err := revoke(a.ID); !errors.Is(err, tokens.ErrNotFound) {
		t.Errorf("revoked again: %v", err)
	}
	if all, err := s.list(); err != nil || !slices.Equal(all, []tokens.Token{b}) {
		t.Errorf("List = %v, %v", all, err)
	}
}

// TestSweep checks that expired tokens go when another one is made.
func TestSweep(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	s.mustCreate(at, full)
	forever, _ := s.mustCreate(at, tokens.Token{API: "store"})
	if all, err := s.list(); err != nil || len(all) != 2 {
		t.Fatalf("List = %v, %v", all, err)
	}
	last, _ := s.mustCreate(full.Expires, tokens.Token{API: "pwm"})
	all, err := s.list()
	byID := func(a, b tokens.Token) int { return bytes.Compare(a.ID[:], b.ID[:]) }
	want := []tokens.Token{forever, last}
	slices.SortFunc(all, byID)
	slices.SortFunc(want, byID)
	if d := cmp.Diff(want, all); d != "" || err != nil {
		t.Errorf("List: %v\n%s", err, d)
	}
}

// TestDamaged cuts and changes a record in every way that matters.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s := store{t, memory.New()}
	_, text := s.mustCreate(at, full)
	var key, value []byte
	_ = s.db.View(t.Context(), func(tx kv.Tx) error {
		for k, v := range tx.Scan([]byte("tk/")) {
			key, value = bytes.Clone(k), bytes.Clone(v)
		}
		return nil
	})
	flags := len(value) - 17
	bad := [][]byte{{}, append(bytes.Clone(value), 0)}
	for n := range value {
		bad = append(bad, value[:n])
	}
	for _, i := range []int{0, flags} {
		b := bytes.Clone(value)
		b[i] |= 2
		bad = append(bad, b)
	}
	for i, b := range bad {
		if err := s.db.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(key, b) }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.authenticate(at, "store", text); !errors.Is(err, tokens.ErrDamaged) {
			t.Errorf("case %d: %v, want ErrDamaged", i, err)
		}
		if _, err := s.list(); !errors.Is(err, tokens.ErrDamaged) {
			t.Errorf("case %d: List: %v, want ErrDamaged", i, err)
		}
	}
}
