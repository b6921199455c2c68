package bolt

import (
	"bytes"
	"encoding/binary"
	"iter"

	"github.com/keyhold/keyhold/internal/kv"
)

// A tree is one bucket: a page of the file or, while it is small, a leaf that
// lies in its parent.
type tree struct {
	im     *image
	root   uint64
	inline *page
}

func (t tree) top() (*page, error) {
	if t.inline != nil {
		return t.inline, nil
	}
	return t.im.node(t.root)
}

// parseBucket reads a bucket's value in its parent.
func (im *image) parseBucket(v []byte) (tree, error) {
	if len(v) < bucketSize {
		return tree{}, damaged("a bucket is cut off")
	}
	if root := order.Uint64(v); root != 0 {
		return tree{im: im, root: root}, nil
	}
	p, err := parsePage(v[bucketSize:], 0)
	if err == nil && !p.leaf {
		err = damaged("a bucket inside a page has branches")
	}
	return tree{im: im, inline: p}, err
}

// bucket returns a bucket of the top level.
func (im *image) bucket(name string) (tree, error) {
	p, i, err := tree{im: im, root: im.meta.root}.find([]byte(name))
	if err != nil {
		return tree{}, err
	}
	if p == nil || !p.isBucket(i) {
		return tree{}, damaged("the bucket %s is missing", name)
	}
	return im.parseBucket(p.value(i))
}

// find returns the leaf and the element of key, or no leaf if it is not there.
func (t tree) find(key []byte) (*page, int, error) {
	p, err := t.top()
	for range maxDepth {
		if err != nil {
			return nil, 0, err
		}
		i := p.seek(key)
		if !p.leaf {
			p, err = t.im.node(p.child(i))
			continue
		}
		if i == p.count || !bytes.Equal(p.key(i), key) {
			return nil, 0, nil
		}
		return p, i, nil
	}
	return nil, 0, damaged("the branches have no end")
}

type position struct {
	p *page
	i int
}

// down follows the first child below the last position of stack to a leaf.
func (t tree) down(stack []position, seek []byte) ([]position, error) {
	for {
		at := stack[len(stack)-1]
		if at.p.leaf {
			return stack, nil
		}
		if len(stack) > maxDepth {
			return nil, damaged("the branches have no end")
		}
		p, err := t.im.node(at.p.child(at.i))
		if err != nil {
			return nil, err
		}
		stack = append(stack, position{p: p})
		if seek != nil {
			stack[len(stack)-1].i = p.seek(seek)
		}
	}
}

// scan yields the pairs with this prefix. It ends on any file: keys must rise,
// and it enters no more leaves than there are pages.
func (t tree) scan(prefix []byte, yield func(k, v []byte) bool) error {
	p, err := t.top()
	if err != nil {
		return err
	}
	stack, err := t.down([]position{{p, p.seek(prefix)}}, prefix)
	if err != nil {
		return err
	}
	var last []byte
	for leaves := uint64(0); ; leaves++ {
		if leaves > t.im.meta.end {
			return damaged("the branches have no end")
		}
		if leaves == longScan {
			t.im.mapFile()
		}
		at := &stack[len(stack)-1]
		for ; at.i < at.p.count; at.i++ {
			k := at.p.key(at.i)
			if last != nil && bytes.Compare(k, last) <= 0 {
				return damaged("the keys of page %d are out of order", at.p.id)
			}
			if last = k; !bytes.HasPrefix(k, prefix) || !yield(k, at.p.value(at.i)) {
				return nil
			}
		}
		for len(stack) > 0 && stack[len(stack)-1].i >= stack[len(stack)-1].p.count-1 {
			stack = stack[:len(stack)-1]
		}
		if len(stack) == 0 {
			return nil
		}
		stack[len(stack)-1].i++
		if stack, err = t.down(stack, nil); err != nil {
			return err
		}
	}
}

// format checks the format record, with which nothing else of the store may
// be read if it is a newer one.
func (im *image) format(path string) error {
	t, err := im.bucket(metaBucket)
	if err != nil {
		return err
	}
	p, i, err := t.find([]byte(formatKey))
	if err != nil {
		return err
	}
	if p == nil || len(p.value(i)) < 8 || len(p.value(i)) > 8+64 {
		return damaged("it has no format record")
	}
	v := p.value(i)
	switch n := binary.BigEndian.Uint64(v); {
	case n == 0:
		return damaged("it has the format 0")
	case n > formatNumber:
		return &kv.FormatError{Path: path, Format: n, Version: printable(v[8:])}
	default:
		return nil
	}
}

// printable keeps what a version number is made of.
func printable(b []byte) string {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return string(b)
}

// An abort leaves a transaction function whose Tx cannot go on.
type abort struct{ err error }

type readTx struct{ data tree }

// Get implements kv.Tx.
func (t *readTx) Get(key []byte) []byte {
	p, i, err := t.data.find(key)
	if err != nil {
		panic(abort{err})
	}
	if p == nil {
		return nil
	}
	return p.value(i)
}

// Put implements kv.Tx.
func (*readTx) Put(_, _ []byte) error { return kv.ErrReadOnly }

// Delete implements kv.Tx.
func (*readTx) Delete([]byte) error { return kv.ErrReadOnly }

// Scan implements kv.Tx.
func (t *readTx) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	prefix = append([]byte{}, prefix...)
	return func(yield func([]byte, []byte) bool) {
		if err := t.data.scan(prefix, yield); err != nil {
			panic(abort{err})
		}
	}
}

// An emptyTx is what View sees of a store that does not exist.
type emptyTx struct{ readTx }

// Get implements kv.Tx.
func (*emptyTx) Get([]byte) []byte { return nil }

// Scan implements kv.Tx.
func (*emptyTx) Scan([]byte) iter.Seq2[[]byte, []byte] {
	return func(func([]byte, []byte) bool) {}
}
