package pwm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// damagedType is the type of a record in the mirror whose entry is only kept.
const damagedType = "\x00"

// maxType is how many bytes of a type a record has.
const maxType = 255

// A line is an entry of the blob and the id that it has on this machine.
type line struct {
	id   seal.ID
	raw  jsontext.Value
	head Head
}

// localID returns the id of an entry on this machine: its own if that is a UUID
// as they are written here, else one that is made of it.
func (b *box) localID(entry string) seal.ID {
	if id, err := seal.ParseID(entry); err == nil && id.String() == entry {
		return id
	}
	return b.madeID("entry", []byte(entry), 0)
}

func (b *box) madeID(what string, of []byte, n uint64) seal.ID {
	h := sha256.New()
	h.Write([]byte("keyhold/pwm-" + what + "/1"))
	h.Write(b.id[:])
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	h.Write(of)
	return uuid(h.Sum(nil))
}

// linesOf gives every entry of a blob its id.
func (b *box) linesOf(content *Blob) []line {
	lines := make([]line, len(content.entries))
	taken := map[seal.ID]uint64{}
	for i, e := range content.entries {
		l := line{raw: e.raw, head: e.head}
		if e.head.Err == nil {
			l.id = b.localID(e.head.ID)
		} else {
			same := b.madeID("damaged", e.raw, 0)
			l.id = b.madeID("damaged", e.raw, taken[same])
			taken[same]++
		}
		lines[i] = l
	}
	return lines
}

// record returns what the mirror keeps of an entry.
func (b *box) record(k *opened, l line, revision uint64) (rec itemdb.Record, data, tags []byte, err error) {
	rec = itemdb.Record{
		ID: itemdb.ID(l.id), Type: l.head.Type[:min(len(l.head.Type), maxType)], Revision: revision,
		Created: l.head.Created, Updated: l.head.Updated, Deleted: l.head.Deleted,
	}
	if l.head.Err != nil {
		rec.Type = damagedType
	} else {
		rec.Index = k.NameIndex(l.head.Name)
	}
	if rec.Name, err = k.SealName(b.a.d.Rand, l.id, l.head.Name); err != nil {
		return rec, nil, nil, err
	}
	if data, err = k.SealData(b.a.d.Rand, l.id, secret.Of(bytes.Clone(l.raw))); err != nil {
		return rec, nil, nil, err
	}
	if list := tagsOf(l); len(list) > 0 {
		tags, err = k.SealTags(b.a.d.Rand, l.id, list)
	}
	return rec, data, tags, err
}

// tagsOf returns the tags of an entry that reads.
func tagsOf(l line) []string {
	if l.head.Err != nil {
		return nil
	}
	list, _ := members(l.raw)
	if _, ok := find(list, "tags"); !ok {
		return nil
	}
	it, err := entry{l.raw, l.head}.item()
	if err != nil {
		return nil
	}
	return it.Tags
}

// replace puts lines in place of all that the mirror has. What is there already
// is not written again, and keeps its revision.
func (b *box) replace(tx kv.Tx, k *opened, lines []line, revision uint64, there bool) error {
	if !there {
		if err := itemdb.DeleteVault(tx, b.Mirror); err != nil {
			return err
		}
	}
	left := map[itemdb.ID]bool{}
	for _, part := range itemdb.Parts() {
		for id := range itemdb.Known(tx, b.Mirror, part) {
			left[id] = true
		}
	}
	for _, l := range lines {
		if left[itemdb.ID(l.id)] {
			delete(left, itemdb.ID(l.id))
			if b.has(tx, k, l) {
				continue
			}
		}
		if err := b.put(tx, k, l, revision); err != nil {
			return err
		}
	}
	for id := range left {
		if _, err := itemdb.Discard(tx, b.Mirror, id); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the mirror has exactly that entry.
func (b *box) has(tx kv.Tx, k *opened, l line) bool {
	rec, found, err := itemdb.Get(tx, b.Mirror, itemdb.ID(l.id))
	if err != nil || !found || (rec.Type == damagedType) != (l.head.Err != nil) || !rec.Deleted.Equal(l.head.Deleted) {
		return false
	}
	data, _, err := itemdb.Data(tx, b.Mirror, itemdb.ID(l.id))
	if err != nil {
		return false
	}
	plain, err := k.OpenData(l.id, data)
	if err != nil {
		return false
	}
	defer plain.Wipe()
	return bytes.Equal(plain.Reveal(), l.raw)
}

func (b *box) put(tx kv.Tx, k *opened, l line, revision uint64) error {
	rec, data, tags, err := b.record(k, l, revision)
	if err != nil {
		return err
	}
	return itemdb.Put(tx, b.Mirror, rec, data, tags)
}

var (
	errNoData = errors.New(itemdb.NoData.String())
	errTwin   = errors.New("another entry has this id")
)

// raw returns the entry that a record of the mirror is of.
func (b *box) raw(tx kv.Tx, k *opened, id seal.ID) (itemdb.Record, entry, error) {
	rec, found, err := itemdb.Get(tx, b.Mirror, itemdb.ID(id))
	if err == nil && !found {
		return rec, entry{}, notFound("item", id.String())
	}
	fail := func(name string, err error) (itemdb.Record, entry, error) {
		return rec, entry{}, &vault.DamagedError{ID: id.String(), Name: name, Err: err}
	}
	if err != nil {
		return fail("", err)
	}
	name, err := k.OpenName(id, rec.Name)
	if err != nil {
		return fail("", err)
	}
	data, ok, err := itemdb.Data(tx, b.Mirror, itemdb.ID(id))
	if err == nil && !ok {
		err = errNoData
	}
	if err != nil {
		return fail(name, err)
	}
	plain, err := k.OpenData(id, data)
	if err != nil {
		return fail(name, err)
	}
	e := entry{raw: jsontext.Value(plain.Reveal())}
	e.head = headOf(e.raw)
	var damaged *vault.DamagedError
	switch {
	case errors.As(e.head.Err, &damaged):
		return fail(name, damaged.Err)
	case rec.Type == damagedType:
		return fail(name, errTwin)
	}
	return rec, e, nil
}

// read opens an item of the mirror.
func (b *box) read(tx kv.Tx, k *opened, id seal.ID) (vault.Item, error) {
	rec, e, err := b.raw(tx, k, id)
	if err != nil {
		return vault.Item{}, err
	}
	it, err := e.item()
	if err != nil {
		return vault.Item{}, &vault.DamagedError{ID: id.String(), Name: e.head.Name, Err: err}
	}
	it.ID, it.Revision = id.String(), rec.Revision
	return it, nil
}

// markStale says that the mirror may not be what the service has, until that is
// known again.
func (b *box) markStale(ctx context.Context) error { return b.setStale(ctx, true) }

func (b *box) setStale(ctx context.Context, stale bool) error {
	b.a.mu.Lock()
	b.a.listed = false
	b.a.mu.Unlock()
	return b.a.state().Update(ctx, func(tx kv.Tx) error {
		m, ok := b.a.place.Mark(tx, b.id)
		if !ok {
			return nil
		}
		m.Stale = stale
		return b.a.place.PutMark(tx, b.id, m)
	})
}
