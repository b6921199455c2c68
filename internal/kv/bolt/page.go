package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"sort"

	"github.com/keyhold/keyhold/internal/kv"
)

// This file reads bbolt's file format: pages of one size, each with a header
// of 16 bytes (id, flags, count, overflow) and, in leaves and branches, an
// array of 16-byte elements that say where in the page their key and value
// are. Pages 0 and 1 hold the two meta pages. Numbers have the byte order of
// the machine, as bbolt writes them.

const (
	headerSize  = 16
	elementSize = 16
	bucketSize  = 16 // header of a bucket inside its parent's leaf
	metaSize    = 64

	branchFlag   = 0x01
	leafFlag     = 0x02
	freelistFlag = 0x10
	bucketFlag   = 0x01 // of an element

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	// A tree of 2^64 pages with two children each would not be deeper.
	maxDepth = 64
)

var order = binary.NativeEndian

// A damage says what is wrong with a store, never what is in it.
type damage struct {
	text string
	err  error // may be nil
}

func (d *damage) Error() string {
	if d.err != nil {
		return fmt.Sprintf("%v: %s: %v", kv.ErrDamaged, d.text, d.err)
	}
	return fmt.Sprintf("%v: %s", kv.ErrDamaged, d.text)
}

func (d *damage) Unwrap() []error {
	if d.err != nil {
		return []error{kv.ErrDamaged, d.err}
	}
	return []error{kv.ErrDamaged}
}

func damaged(format string, args ...any) error {
	return &damage{text: fmt.Sprintf(format, args...)}
}

type meta struct {
	pageSize            int
	root, freelist, end uint64 // end: no page from here on is in use
	txid                uint64
	slot                int64 // 0 or 1
	alone               bool  // the other meta page is damaged
	raw                 [metaSize]byte
}

// parseMeta reads the meta page that b starts with.
func parseMeta(b []byte, slot int64) (meta, bool) {
	if len(b) < headerSize+metaSize {
		return meta{}, false
	}
	b = b[headerSize : headerSize+metaSize]
	m := meta{
		pageSize: int(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		end:      order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
		slot:     slot,
		raw:      [metaSize]byte(b),
	}
	ok := order.Uint32(b) == boltMagic && order.Uint32(b[4:]) == boltVersion &&
		order.Uint64(b[56:]) == metaSum(b) &&
		m.pageSize >= 1<<10 && m.pageSize <= 1<<16 && m.pageSize&(m.pageSize-1) == 0
	return m, ok
}

func metaSum(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b[:56])
	return h.Sum64()
}

// An image is the file as its newest valid meta page describes it. It believes
// nothing that it reads, and it reads with pread: whatever is in the file, the
// worst that comes of it is an error. A long scan maps the file (mapping.go),
// since fresh memory costs more than what is read into it.
type image struct {
	f        io.ReaderAt
	size     int64
	meta     meta
	branches map[uint64]*page
	leaf     *page // read last
	mapped   []byte
}

func openImage(f *os.File) (*image, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, damaged("the file is empty")
	}
	im := &image{f: f, size: info.Size(), branches: map[uint64]*page{}}
	if im.meta, err = readMeta(f, im.size); err != nil {
		return nil, err
	}
	if pages := uint64(im.size / int64(im.meta.pageSize)); im.meta.end > pages {
		return nil, damaged("the file has %d pages of %d", pages, im.meta.end)
	}
	return im, nil
}

// readMeta chooses the meta page as bbolt does: the newer one if it is valid,
// else the other. The second one is behind the first page, whose size only a
// valid meta page tells.
func readMeta(f io.ReaderAt, size int64) (meta, error) {
	first := make([]byte, min(size, 2<<12))
	if err := readAt(f, first, 0); err != nil {
		return meta{}, err
	}
	a, okA := parseMeta(first, 0)
	for i := range 7 {
		at := int64(1<<10) << i
		if okA && int64(a.pageSize) != at || at+headerSize+metaSize > size {
			continue
		}
		b := first[min(at, int64(len(first))):]
		if len(b) < headerSize+metaSize {
			b = make([]byte, headerSize+metaSize)
			if err := readAt(f, b, at); err != nil {
				return meta{}, err
			}
		}
		second, ok := parseMeta(b, 1)
		switch {
		case !ok || int64(second.pageSize) != at:
			a.alone = true
		case !okA || second.txid > a.txid:
			second.alone = !okA
			return second, nil
		}
	}
	if !okA {
		return meta{}, damaged("it is not a bolt file")
	}
	return a, nil
}

func readAt(f io.ReaderAt, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return damaged("the file ends early")
	default:
		return &damage{text: "a page cannot be read", err: err}
	}
}

// read returns a page with the pages that it continues on.
func (im *image) read(id uint64) ([]byte, error) {
	if id < 2 || id >= im.meta.end {
		return nil, damaged("page %d is outside of the file", id)
	}
	if im.mapped != nil {
		return im.readMapped(id)
	}
	size := im.meta.pageSize
	b := make([]byte, size)
	if err := readAt(im.f, b, int64(id)*int64(size)); err != nil {
		return nil, err
	}
	more := uint64(order.Uint32(b[12:]))
	if more == 0 {
		return b, nil
	}
	if more >= im.meta.end-id {
		return nil, damaged("page %d ends outside of the file", id)
	}
	b = append(b, make([]byte, int(more)*size)...)
	return b, readAt(im.f, b[size:], int64(id+1)*int64(size))
}

// node returns a branch or leaf.
func (im *image) node(id uint64) (*page, error) {
	if p := im.branches[id]; p != nil {
		return p, nil
	}
	if im.leaf != nil && im.leaf.id == id {
		return im.leaf, nil
	}
	b, err := im.read(id)
	if err != nil {
		return nil, err
	}
	p, err := parsePage(b, id)
	if err != nil {
		return nil, err
	}
	if p.leaf {
		im.leaf = p
	} else {
		im.branches[id] = p
	}
	return p, nil
}

// A page is a branch or a leaf whose elements all lie inside of it.
type page struct {
	id    uint64
	leaf  bool
	count int
	buf   []byte
}

func parsePage(b []byte, id uint64) (*page, error) {
	if len(b) < headerSize {
		return nil, damaged("page %d is cut off", id)
	}
	flags := order.Uint16(b[8:])
	p := &page{id: id, leaf: flags == leafFlag, count: int(order.Uint16(b[10:])), buf: b}
	if got := order.Uint64(b); got != id {
		return nil, damaged("page %d says it is page %d", id, got)
	}
	if flags != leafFlag && flags != branchFlag {
		return nil, damaged("page %d has the type %#x", id, flags)
	}
	begin := headerSize + elementSize*p.count
	if begin > len(b) || !p.leaf && p.count == 0 {
		return nil, damaged("page %d has %d elements", id, p.count)
	}
	for i := range p.count {
		at, k, v := p.span(i)
		if k == 0 || at < uint64(begin) || at+k+v > uint64(len(b)) {
			return nil, damaged("element %d of page %d lies outside of it", i, id)
		}
	}
	return p, nil
}

func (p *page) element(i int) []byte { return p.buf[headerSize+elementSize*i:] }

// span returns where the key of element i begins and how long key and value are.
func (p *page) span(i int) (at, k, v uint64) {
	e := p.element(i)
	base := uint64(headerSize + elementSize*i)
	if p.leaf {
		return base + uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
	}
	return base + uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), 0
}

func (p *page) key(i int) []byte {
	at, k, _ := p.span(i)
	return p.buf[at : at+k : at+k]
}

func (p *page) value(i int) []byte {
	at, k, v := p.span(i)
	return p.buf[at+k : at+k+v : at+k+v]
}

func (p *page) child(i int) uint64 { return order.Uint64(p.element(i)[8:]) }

func (p *page) isBucket(i int) bool { return order.Uint32(p.element(i))&bucketFlag != 0 }

// pages returns how many pages of the file it takes.
func (p *page) pages() uint64 { return uint64(order.Uint32(p.buf[12:])) + 1 }

// seek returns the first element of a leaf that is not below key, or the
// element of a branch under which key belongs.
func (p *page) seek(key []byte) int {
	i := sort.Search(p.count, func(i int) bool { return bytes.Compare(p.key(i), key) >= 0 })
	if !p.leaf && i > 0 && (i == p.count || !bytes.Equal(p.key(i), key)) {
		i--
	}
	return i
}
