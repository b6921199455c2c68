package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// seeds adds the vectors and the damaged ones, with a name and a value after each.
func seeds(f *testing.F, more ...any) {
	f.Helper()
	paths, err := filepath.Glob("testdata/items/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		plain, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]any{plain}, more...)...)
	}
	for _, plain := range damaged {
		if len(plain) < 1000 {
			f.Add(append([]any{[]byte(plain)}, more...)...)
		}
	}
}

// accepted reads plain, and fails the test on an error that no reader may return.
func accepted(t *testing.T, plain []byte) (vault.Item, bool) {
	t.Helper()
	it, err := vault.UnmarshalItem(secret.Of(plain))
	if err != nil && !errors.Is(err, vault.ErrDamaged) {
		t.Fatalf("error = %v, want ErrDamaged", err)
	}
	return it, err == nil
}

func FuzzUnmarshalItem(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		it, ok := accepted(t, plain)
		if !ok {
			return
		}
		written := encode(t, it)
		again := decode(t, written)
		same(t, "read, written, read", again, it)
		if twice := encode(t, again); twice != written {
			t.Errorf("written twice:\n%s\n%s", written, twice)
		}
	})
}

func FuzzEdit(f *testing.F) {
	seeds(f, "password", []byte("value"), "tag", "website")
	f.Fuzz(func(t *testing.T, plain []byte, name string, v []byte, tag, remove string) {
		it, ok := accepted(t, plain)
		if !ok {
			return
		}
		it.ID, it.Name = id(1), "mail"
		before := encode(t, it)
		e := vault.Edit{Set: []vault.Field{{Name: name, Value: secret.Of(v)}}, Tag: []string{tag}, Remove: []string{remove}}
		out, err := e.Apply(it, epoch)
		if err != nil {
			if !errors.Is(err, vault.ErrInvalid) {
				t.Fatalf("error = %v, want ErrInvalid", err)
			}
			return
		}
		if encode(t, it) != before {
			t.Error("the item itself changed")
		}
		again := decode(t, encode(t, out))
		again.ID, again.Name = out.ID, out.Name
		same(t, "edited, written, read", again, out)
		repeated := vault.Edit{Name: e.Name, Set: e.Set, Tag: e.Tag, Untag: e.Untag} // removing once more may meet another field of the name
		same(t, "the same once more", apply(t, repeated, out), out)
	})
}

func FuzzRevert(f *testing.F) {
	seeds(f, 1)
	f.Fuzz(func(t *testing.T, plain []byte, rev int) {
		it, ok := accepted(t, plain)
		if !ok {
			return
		}
		it.ID, it.Name = id(1), "mail"
		before := encode(t, it)
		n := len(it.Versions())
		out, err := it.Revert(rev, epoch)
		if encode(t, it) != before {
			t.Error("the item itself changed")
		}
		if err != nil {
			if errors.Is(err, vault.ErrNotFound) != (rev < 1 || rev > n) || !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrInvalid) {
				t.Fatalf("of %d: %v", n, err)
			}
			return
		}
		out = reread(t, out)
		if out.Updated.Equal(it.Updated) {
			return
		}
		if _, err := out.Revert(1, epoch); err != nil {
			t.Fatalf("forth: %v", err)
		}
	})
}
