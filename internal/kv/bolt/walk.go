package bolt

import (
	"bytes"
	"context"
	"slices"
)

// A walk goes through a tree and notes who uses which page. A page that is
// used twice ends it, so no file can send it in circles.
type walk struct {
	ctx  context.Context
	im   *image
	used []bool
	// deep reads the leaves too. Otherwise they are known by their depth,
	// which is one for all leaves of a tree, and only claimed.
	deep  bool
	depth int                                        // of the leaves; -1 before the first
	leaf  func(id uint64, low []byte, p *page) error // p is nil if it was not read
}

func newWalk(ctx context.Context, im *image) *walk {
	return &walk{ctx: ctx, im: im, used: make([]bool, im.meta.end)}
}

// claim notes that n pages from id on are in use.
func (w *walk) claim(id, n uint64) error {
	if id < 2 || id >= w.im.meta.end || n > w.im.meta.end-id {
		return damaged("page %d is outside of the file", id)
	}
	for ; n > 0; id, n = id+1, n-1 {
		if w.used[id] {
			return damaged("page %d is used twice", id)
		}
		w.used[id] = true
	}
	return nil
}

// tree walks the tree whose root is the page id.
func (w *walk) tree(id uint64, deep bool, leaf func(uint64, []byte, *page) error) error {
	w.deep, w.depth, w.leaf = deep, -1, leaf
	return w.node(id, 0, nil, nil)
}

// node walks the page id, whose keys must begin with low and be less than high;
// nil is no bound. That its parent has exactly its first key is what bbolt
// itself does not check and goes by: else it adds the page to the parent anew.
func (w *walk) node(id uint64, level int, low, high []byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if level == w.depth && !w.deep {
		if err := w.claim(id, 1); err != nil {
			return err
		}
		return w.leaf(id, low, nil)
	}
	b, err := w.im.read(id)
	if err != nil {
		return err
	}
	p, err := parsePage(b, id)
	if err != nil {
		return err
	}
	if err := w.claim(id, p.pages()); err != nil {
		return err
	}
	if p.leaf && w.depth < 0 {
		w.depth = level
	}
	if p.leaf != (level == w.depth) || level > maxDepth {
		return damaged("page %d is at the wrong depth", id)
	}
	if !p.ordered(low, high) {
		return damaged("the keys of page %d are out of order", id)
	}
	if p.leaf {
		return w.leaf(id, low, p)
	}
	for i := range p.count {
		to := high
		if i+1 < p.count {
			to = p.key(i + 1)
		}
		if err := w.node(p.child(i), level+1, p.key(i), to); err != nil {
			return err
		}
	}
	return nil
}

// ordered reports whether the keys rise from low, if that is not nil, and stay
// below high.
func (p *page) ordered(low, high []byte) bool {
	if low != nil && (p.count == 0 || !bytes.Equal(p.key(0), low)) {
		return false
	}
	for i := range p.count {
		k := p.key(i)
		if i > 0 && bytes.Compare(p.key(i-1), k) >= 0 {
			return false
		}
		if high != nil && bytes.Compare(k, high) >= 0 {
			return false
		}
	}
	return true
}

// top walks the tree of buckets and returns the two there are.
func (w *walk) top() (meta, data tree, err error) {
	found := map[string]tree{}
	err = w.tree(w.im.meta.root, true, func(id uint64, _ []byte, p *page) error {
		for i := range p.count {
			name := string(p.key(i))
			if !p.isBucket(i) || name != metaBucket && name != dataBucket {
				return damaged("page %d has an unknown bucket", id)
			}
			t, err := w.im.parseBucket(p.value(i))
			if err != nil {
				return err
			}
			found[name] = t
		}
		return nil
	})
	if err == nil && len(found) != 2 {
		err = damaged("a bucket is missing")
	}
	return found[metaBucket], found[dataBucket], err
}

// pairs walks a bucket, which must hold no buckets of its own.
func (w *walk) pairs(t tree, deep bool, leaf func(uint64, []byte, *page) error) error {
	if t.inline == nil {
		return w.tree(t.root, deep, func(id uint64, low []byte, p *page) error {
			if p != nil && p.hasBuckets() {
				return damaged("page %d has an unknown bucket", id)
			}
			return leaf(id, low, p)
		})
	}
	if t.inline.hasBuckets() || !t.inline.ordered(nil, nil) {
		return damaged("a bucket inside a page is out of order")
	}
	return nil
}

func (p *page) hasBuckets() bool {
	for i := range p.count {
		if p.isBucket(i) {
			return true
		}
	}
	return false
}

// free claims the free list and the pages on it, which it returns.
func (w *walk) free() ([]uint64, error) {
	id := w.im.meta.freelist
	b, err := w.im.read(id)
	if err != nil {
		return nil, err
	}
	if order.Uint64(b) != id || order.Uint16(b[8:]) != freelistFlag {
		return nil, damaged("page %d is not a free list", id)
	}
	if err := w.claim(id, uint64(len(b)/w.im.meta.pageSize)); err != nil {
		return nil, err
	}
	n, list := uint64(order.Uint16(b[10:])), b[headerSize:]
	if n == 0xFFFF { // the number is too great for its field
		n, list = order.Uint64(list), list[8:]
	}
	if n > uint64(len(list)/8) {
		return nil, damaged("the free list has %d entries", n)
	}
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = order.Uint64(list[8*i:])
		if err := w.claim(ids[i], 1); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// survey walks everything and returns the free pages. A page that nobody has
// is damage too.
func (im *image) survey(ctx context.Context) ([]uint64, error) {
	w := newWalk(ctx, im)
	meta, data, err := w.top()
	if err != nil {
		return nil, err
	}
	ok := func(uint64, []byte, *page) error { return nil }
	if err := w.pairs(meta, true, ok); err != nil {
		return nil, err
	}
	if err := w.pairs(data, true, ok); err != nil {
		return nil, err
	}
	free, err := w.free()
	if err != nil {
		return nil, err
	}
	if len(w.used) > 2 {
		if i := slices.Index(w.used[2:], false); i >= 0 {
			return nil, damaged("page %d is neither used nor free", i+2)
		}
	}
	return free, nil
}
