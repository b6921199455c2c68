package keyring

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/keyhold/keyhold/internal/secret"
)

// A Report says about one store whether it works.
type Report struct {
	Kind string
	Used bool  // it is the one that a new value would go to
	Err  error // why it cannot be used; nil if it can
}

// Explain tries every store of which s consists, in the order in which they are
// used, by keeping a value of its own there for a moment. A nil s has none. It
// is for diagnosis: unlike s, it also asks the stores that are not needed.
func Explain(ctx context.Context, s Store) []Report {
	if s == nil {
		return nil
	}
	stores := []Store{s}
	if f, ok := s.(*first); ok {
		stores = []Store{f.main, f.spare}
	}
	reports := make([]Report, len(stores))
	used := false
	for i, s := range stores {
		err := try(ctx, s)
		reports[i] = Report{Kind: s.Kind(), Used: err == nil && !used, Err: err}
		used = used || err == nil
	}
	return reports
}

func try(ctx context.Context, s Store) error {
	name, text := "probe:"+rand.Text(), rand.Text()
	if err := s.Set(ctx, name, secret.TextOf(text).Bytes(), 0); err != nil {
		return err
	}
	got, err := s.Get(ctx, name)
	if err == nil && string(got.Reveal()) != text {
		err = errors.New("it returned another value than was set")
	}
	return errors.Join(err, s.Delete(context.WithoutCancel(ctx), name))
}
