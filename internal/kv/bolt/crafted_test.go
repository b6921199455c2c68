package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
)

// A crafted is a store of three levels whose pages a test can change.
type crafted struct {
	t    *testing.T
	path string
	im   *image
	root *page // of the data bucket
}

func craft(t *testing.T) *crafted {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db := New(path)
	for range 2 {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			for i := range 200 {
				if err := tx.Put(craftedKey(i), make([]byte, 500)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	im, err := openImage(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := im.bucket(dataBucket)
	if err != nil {
		t.Fatal(err)
	}
	root, err := data.top()
	if err != nil {
		t.Fatal(err)
	}
	c := &crafted{t: t, path: path, im: im, root: root}
	if root.leaf || c.page(root.child(0)).leaf {
		t.Fatal("the store has fewer than three levels")
	}
	return c
}

func craftedKey(i int) []byte { return fmt.Appendf(nil, "%04d%s", i, strings.Repeat("k", 400)) }

func (c *crafted) page(id uint64) *page {
	c.t.Helper()
	p, err := c.im.node(id)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// write puts a page back after its buf was changed.
func (c *crafted) write(id uint64, b []byte) {
	c.t.Helper()
	f, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = f.WriteAt(b, int64(id)*int64(c.im.meta.pageSize))
	if err := errors.Join(err, f.Close()); err != nil {
		c.t.Fatal(err)
	}
}

func setChild(p *page, i int, id uint64) { order.PutUint64(p.element(i)[8:], id) }

// corruptions change a store; each would send bbolt round in circles, out of
// memory or out of the file. They return a page and what to write there.
var corruptions = map[string]func(c *crafted) (uint64, []byte){
	"root is its own child": func(c *crafted) (uint64, []byte) {
		setChild(c.root, 0, c.root.id)
		return c.root.id, c.root.buf
	},
	"root is its own last child": func(c *crafted) (uint64, []byte) {
		setChild(c.root, c.root.count-1, c.root.id)
		return c.root.id, c.root.buf
	},
	"branch leads back to the root": func(c *crafted) (uint64, []byte) {
		p := c.page(c.root.child(0))
		setChild(p, 0, c.root.id)
		return p.id, p.buf
	},
	"branch where a leaf should be": func(c *crafted) (uint64, []byte) {
		p := c.page(c.root.child(0))
		setChild(p, 1, c.root.child(1))
		return p.id, p.buf
	},
	"leaf where a branch should be": func(c *crafted) (uint64, []byte) {
		setChild(c.root, 1, c.page(c.root.child(0)).child(0))
		return c.root.id, c.root.buf
	},
	"one leaf twice": func(c *crafted) (uint64, []byte) {
		p := c.page(c.root.child(0))
		setChild(p, 1, p.child(0))
		return p.id, p.buf
	},
	"child behind the end": func(c *crafted) (uint64, []byte) {
		setChild(c.root, 0, 1<<40)
		return c.root.id, c.root.buf
	},
	"child is a meta page": func(c *crafted) (uint64, []byte) {
		setChild(c.root, 0, 1)
		return c.root.id, c.root.buf
	},
	"branch without children": func(c *crafted) (uint64, []byte) {
		order.PutUint16(c.root.buf[10:], 0)
		return c.root.id, c.root.buf
	},
	"huge overflow": func(c *crafted) (uint64, []byte) {
		order.PutUint32(c.root.buf[12:], 1<<31)
		return c.root.id, c.root.buf
	},
	"huge free list": func(c *crafted) (uint64, []byte) {
		b, err := c.im.read(c.im.meta.freelist)
		if err != nil {
			c.t.Fatal(err)
		}
		order.PutUint16(b[10:], 0xFFFF)
		order.PutUint64(b[16:], 1<<35)
		return c.im.meta.freelist, b
	},
	"free list has a used page": func(c *crafted) (uint64, []byte) {
		b, err := c.im.read(c.im.meta.freelist)
		if err != nil {
			c.t.Fatal(err)
		}
		order.PutUint64(b[16:], c.root.id)
		return c.im.meta.freelist, b
	},
	"free list is something else": func(c *crafted) (uint64, []byte) {
		return c.im.meta.freelist, bytes.Clone(c.root.buf)
	},
	"page of no type": func(c *crafted) (uint64, []byte) {
		order.PutUint16(c.root.buf[8:], 3)
		return c.root.id, c.root.buf
	},
	"key outside of the page": func(c *crafted) (uint64, []byte) {
		order.PutUint32(c.root.element(0)[4:], 1<<31-1)
		return c.root.id, c.root.buf
	},
	"bucket among the pairs": func(c *crafted) (uint64, []byte) {
		p := c.page(c.page(c.root.child(0)).child(0))
		order.PutUint32(p.element(0), bucketFlag)
		return p.id, p.buf
	},
	"no buckets": func(c *crafted) (uint64, []byte) {
		p := c.page(c.im.meta.root)
		order.PutUint16(p.buf[10:], 0)
		return p.id, p.buf
	},
	"a bucket that is none": func(c *crafted) (uint64, []byte) {
		p := c.page(c.im.meta.root)
		order.PutUint32(p.element(0), 0)
		return p.id, p.buf
	},
}

func TestCrafted(t *testing.T) {
	t.Parallel()
	for name, change := range corruptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := craft(t)
			c.write(change(c))
			db := New(c.path)
			if err := db.Check(t.Context()); !errors.Is(err, kv.ErrDamaged) {
				t.Errorf("Check = %v, want ErrDamaged", err)
			}
			touch := func(tx kv.Tx) error {
				for i := range 200 {
					_ = tx.Get(craftedKey(i))
				}
				for range tx.Scan(nil) {
					continue
				}
				return nil
			}
			if err := db.View(t.Context(), touch); err != nil && !errors.Is(err, kv.ErrDamaged) {
				t.Errorf("View = %v", err)
			}
			if err := os.Remove(db.markPath()); err != nil {
				t.Error(err)
			}
			if err := db.Scrub(t.Context()); !errors.Is(err, kv.ErrDamaged) {
				t.Errorf("Scrub = %v, want ErrDamaged", err)
			}
			if err := os.Remove(db.markPath()); err != nil {
				t.Error(err)
			}
			err := db.Update(t.Context(), func(tx kv.Tx) error {
				for i := range 200 {
					if err := tx.Delete(craftedKey(i)); err != nil {
						return err
					}
				}
				return touch(tx)
			})
			if !errors.Is(err, kv.ErrDamaged) {
				t.Errorf("Update = %v, want ErrDamaged", err)
			}
		})
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 80))
	leaf := make([]byte, 64)
	order.PutUint16(leaf[8:], leafFlag)
	order.PutUint16(leaf[10:], 1)
	order.PutUint32(leaf[20:], 16)
	order.PutUint32(leaf[24:], 3)
	order.PutUint32(leaf[28:], 4)
	f.Add(leaf)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = parseMeta(b, 0)
		p, err := parsePage(b, 0)
		if err != nil {
			if !errors.Is(err, kv.ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
			return
		}
		for i := range p.count {
			_ = p.key(i)
			if p.leaf {
				_, _ = p.value(i), p.isBucket(i)
				_, _ = (&image{}).parseBucket(p.value(i))
			} else {
				_ = p.child(i)
			}
		}
		_, _ = p.seek([]byte("key")), p.ordered(nil, nil)
	})
}
