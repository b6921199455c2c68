package blobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/service/blobs"
)

// A place is where the model keeps a vault.
type place struct{ owner, name string }

// A model is what the store should hold, in plain Go.
type model map[place]blobs.Vault

// A step is one call. Its name says which.
type step struct {
	call string
	place

	version uint64
	content blobs.Content
	key     *blobs.Key
	now     time.Time
}

func drawStep(t *rapid.T, m model) step {
	s := step{
		call:  rapid.SampledFrom([]string{"create", "update", "update", "update", "delete"}).Draw(t, "call"),
		place: place{rapid.SampledFrom([]string{ada, bob}).Draw(t, "owner"), rapid.SampledFrom([]string{"default", "a", "a/b", "aa"}).Draw(t, "name")},
		now:   at.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "now")) * time.Second),
	}
	s.content = content(rapid.StringN(0, 3, -1).Draw(t, "text"))
	if s.call == "create" || rapid.Bool().Draw(t, "password") {
		k := key(rapid.Byte().Draw(t, "key"))
		s.key = &k
	}
	s.version = m[s.place].Version
	if rapid.IntRange(0, 3).Draw(t, "stale") == 0 {
		s.version = rapid.Uint64Range(0, 9).Draw(t, "version")
	}
	return s
}

// apply does s to the model and returns the error that it should have.
func (m model) apply(s step) error {
	old, ok := m[s.place]
	switch {
	case s.call == "create" && ok:
		return blobs.ErrExists
	case s.call == "create":
		m[s.place] = blobs.Vault{Info: blobs.Info{Name: s.name, Version: 1, Created: s.now, Updated: s.now}, Content: s.content, Key: *s.key}
		return nil
	case !ok:
		return blobs.ErrNotFound
	case s.call == "delete" && s.name == "default":
		return blobs.ErrDenied
	case s.call == "delete":
		delete(m, s.place)
		return nil
	case s.version != old.Version:
		return errConflict
	}
	old.Version++
	old.Updated, old.Content = s.now, s.content
	if s.key != nil {
		old.Key = *s.key
	}
	m[s.place] = old
	return nil
}

var errConflict = errors.New("conflict")

func (s step) run(tx kv.Tx) (err error) {
	switch s.call {
	case "create":
		_, err = blobs.Create(tx, s.now, s.owner, s.name, s.content, *s.key)
	case "update":
		_, err = blobs.Update(tx, s.now, s.owner, s.name, s.version, s.content, s.key)
	default:
		err = blobs.Delete(tx, s.owner, s.name)
	}
	var conflict *blobs.ConflictError
	if errors.As(err, &conflict) && conflict.Yours == s.version && conflict.Current != s.version {
		return errConflict
	}
	return err
}

// TestModel makes random calls on a store and on a model of it.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx, db, m := context.Background(), memory.New(), model{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			s := drawStep(t, m)
			want := m.apply(s)
			if err := db.Update(ctx, s.run); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Fatalf("%s %v: error = %v, want %v", s.call, s.place, err, want)
			}
			got := model{}
			err := db.View(ctx, func(tx kv.Tx) error {
				for _, owner := range []string{ada, bob} {
					for _, i := range blobs.List(tx, owner) {
						v, err := blobs.Get(tx, owner, i.Name)
						if err != nil || v.Info != i {
							t.Fatalf("the list has %+v, the vault is %+v, %v", i, v.Info, err)
						}
						got[place{owner, i.Name}] = v
					}
				}
				return nil
			})
			if d := cmp.Diff(m, got, cmp.AllowUnexported(place{})); err != nil || d != "" {
				t.Fatalf("error %v (-want +got):\n%s", err, d)
			}
		}
	})
}
