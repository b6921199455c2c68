package bolt

import (
	"bytes"
	"context"
	"iter"
	"sort"

	bbolt "go.etcd.io/bbolt"

	"github.com/keyhold/keyhold/internal/kv"
)

// A guard checks the pages of the data bucket before bbolt reads them. It has
// walked all branches (about one page in fifty) and knows the leaves by their
// first keys; a leaf is checked when it is first needed.
type guard struct {
	w       *walk
	lows    [][]byte // first keys of the leaves; nil if there is only the root
	leaves  []uint64
	checked []bool
}

func newGuard(ctx context.Context, im *image) (*guard, error) {
	g := &guard{w: newWalk(ctx, im)}
	meta, data, err := g.w.top()
	if err != nil {
		return nil, err
	}
	if err := g.w.pairs(meta, true, func(uint64, []byte, *page) error { return nil }); err != nil {
		return nil, err
	}
	err = g.w.pairs(data, false, func(id uint64, low []byte, p *page) error {
		g.lows, g.leaves, g.checked = append(g.lows, low), append(g.leaves, id), append(g.checked, p != nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, err = g.w.free()
	return g, err
}

// at returns the number of the leaf under which key belongs.
func (g *guard) at(key []byte) int {
	return max(0, sort.Search(len(g.lows), func(i int) bool { return bytes.Compare(g.lows[i], key) > 0 })-1)
}

// check checks the leaves from number i to number j, as far as there are such.
func (g *guard) check(i, j int) error {
	for i = max(i, 0); i <= j && i < len(g.leaves); i++ {
		if g.checked[i] {
			continue
		}
		b, err := g.w.im.read(g.leaves[i])
		if err != nil {
			return err
		}
		p, err := parsePage(b, g.leaves[i])
		if err != nil {
			return err
		}
		var high []byte
		if i+1 < len(g.lows) {
			high = g.lows[i+1]
		}
		if !p.leaf || p.hasBuckets() || !p.ordered(g.lows[i], high) {
			return damaged("page %d is out of order", p.id)
		}
		if n := p.pages(); n > 1 {
			if err := g.w.claim(p.id+1, n-1); err != nil {
				return err
			}
		}
		g.checked[i] = true
	}
	return nil
}

type writeTx struct {
	s *session
	b *bbolt.Bucket
}

// need checks the leaves for the keys from first to last, and more of them on
// either side.
func (t *writeTx) need(first, last []byte, more int) {
	g := t.s.guard
	if g == nil {
		return
	}
	i, j := g.at(first), len(g.leaves)
	if last != nil {
		j = g.at(last)
	}
	if err := g.check(i-more, j+more); err != nil {
		panic(abort{err})
	}
}

// Get implements kv.Tx. It copies, so that no fault can happen in the caller.
func (t *writeTx) Get(key []byte) (v []byte) {
	t.need(key, key, 0)
	_ = t.s.engine(func() error {
		if got := t.b.Get(key); got != nil {
			v = append([]byte{}, got...)
		}
		return nil
	})
	return v
}

// Put implements kv.Tx.
func (t *writeTx) Put(key, value []byte) error {
	if len(key) == 0 || len(key) > kv.MaxKey {
		return kv.ErrKey
	}
	t.need(key, key, 0)
	value = append([]byte{}, value...)
	return t.s.engine(func() error { return t.b.Put(key, value) })
}

// Delete implements kv.Tx. When a leaf gets too small, bbolt reads the one
// before or after it.
func (t *writeTx) Delete(key []byte) error {
	t.need(key, key, 1)
	return t.s.engine(func() error { return t.b.Delete(key) })
}

// Scan implements kv.Tx. It copies as Get does. The cursor may look into the
// leaf behind the last key.
func (t *writeTx) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	prefix = append([]byte{}, prefix...)
	return func(yield func([]byte, []byte) bool) {
		t.need(prefix, after(prefix), 1)
		var c *bbolt.Cursor
		next := func() (k, v []byte) {
			_ = t.s.engine(func() error {
				if c == nil {
					c = t.b.Cursor()
					k, v = c.Seek(prefix)
				} else {
					k, v = c.Next()
				}
				if bytes.HasPrefix(k, prefix) && k != nil {
					k, v = bytes.Clone(k), append([]byte{}, v...)
				} else {
					k = nil
				}
				return nil
			})
			return k, v
		}
		for k, v := next(); k != nil; k, v = next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// after returns the first key behind all that start with prefix, or nil if
// there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}
