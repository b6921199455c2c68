// Package pwm is the kind of vault that a pwm service keeps: one sealed blob
// per vault. FORMAT.md has the plaintext of a blob.
package pwm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// MaxBlob is how many bytes the plaintext of a vault may have: sealed it is as
// much as a service keeps.
const MaxBlob = 25<<20 - 16

const (
	maxID       = 255
	topEntries  = "entries"
	emptyObject = `{"entries":[]}`
)

// A Blob is the opened plaintext of a vault: its entries, and everything else
// that it holds as it was read. It is not for several goroutines.
type Blob struct {
	before, after []byte // the text around the elements of entries
	entries       []entry
	places        map[string]int // of the ids
}

// An entry is one element of the array.
type entry struct {
	raw  jsontext.Value
	head Head
}

// A Head is what a list says of an entry. With Err, a *vault.DamagedError, the
// entry is only kept: it is no object, or its id is missing or there twice.
type Head struct {
	vault.Entry
	Deleted time.Time
	Err     error
}

// NewBlob returns the plaintext of a new vault.
func NewBlob() *Blob {
	b, _ := ParseBlob(secret.TextOf(emptyObject).Bytes()) // it does parse
	return b
}

// OpenBlob opens and reads the blob of a vault, or is vault.ErrDamaged.
func OpenBlob(key seal.VaultKey, iv, data []byte) (*Blob, error) {
	plain, err := key.OpenBlob(iv, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", vault.ErrDamaged, err)
	}
	return ParseBlob(plain)
}

// Seal returns a new iv and the blob, sealed with it.
func (b *Blob) Seal(rand io.Reader, key seal.VaultKey) (iv, data []byte, err error) {
	plain, err := b.Bytes()
	if err != nil {
		return nil, nil, err
	}
	defer plain.Wipe()
	return key.SealBlob(rand, plain)
}

// ParseBlob reads the plaintext of a vault, and keeps it. What is not an object
// with one array entries is vault.ErrDamaged. No error quotes it.
func ParseBlob(plain secret.Bytes) (*Blob, error) {
	text := plain.Reveal()
	b := &Blob{places: make(map[string]int)}
	// An entry that breaks the rules for names and for UTF-8 is damaged on its own.
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != '{' {
		return nil, damaged("it is no JSON object")
	}
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != '}' {
		var name jsontext.Token
		if name, err = dec.ReadToken(); err != nil {
			break
		}
		if name.String() != topEntries {
			err = dec.SkipValue()
			continue
		}
		if b.before != nil {
			return nil, damaged("the entries are there twice")
		}
		err = b.readEntries(dec, text)
	}
	if err == nil {
		_, err = dec.ReadToken()
	}
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errMore
		}
	}
	switch {
	case err != nil:
		return nil, damaged("it is not one JSON object")
	case b.before == nil:
		return nil, damaged("it has no array of entries")
	}
	return b, nil
}

var errMore = errors.New("something follows")

func damaged(why string) error { return fmt.Errorf("the vault is %w: %s", vault.ErrDamaged, why) }

// readEntries reads the array, if it is one.
func (b *Blob) readEntries(dec *jsontext.Decoder, text []byte) error {
	if dec.PeekKind() != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	before := text[:dec.InputOffset()]
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := dec.InputOffset()
		b.add(jsontext.Value(text[end-int64(len(v)) : end]))
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	b.before, b.after = before, text[dec.InputOffset()-1:]
	return nil
}

// add appends an entry as it was read.
func (b *Blob) add(raw jsontext.Value) {
	h := headOf(raw)
	if h.Err == nil {
		if _, twice := b.places[h.ID]; twice {
			h.Err = &vault.DamagedError{ID: h.ID, Name: h.Name, Err: errors.New("another entry has this id")}
		} else {
			b.places[h.ID] = len(b.entries)
		}
	}
	b.entries = append(b.entries, entry{raw, h})
}

// Heads returns what is known of each entry, the deleted and damaged ones too,
// in their order.
func (b *Blob) Heads() []Head {
	heads := make([]Head, len(b.entries))
	for i, e := range b.entries {
		heads[i] = e.head
	}
	return heads
}

// Item returns the entry with this id, or vault.ErrNotFound. Its Revision is 0.
// One that does not read is a *vault.DamagedError.
func (b *Blob) Item(id string) (vault.Item, error) {
	i, ok := b.places[id]
	if !ok {
		return vault.Item{}, fmt.Errorf("entry %s: %w", id, vault.ErrNotFound)
	}
	it, err := b.entries[i].item()
	if err != nil {
		return vault.Item{}, &vault.DamagedError{ID: id, Name: b.entries[i].head.Name, Err: err}
	}
	return it, nil
}

// Put writes an item in place of the entry with its ID, or behind all. What it
// does not change in that entry stays as it is byte for byte. The item must
// have an ID; one that cannot be written is vault.ErrInvalid.
func (b *Blob) Put(it vault.Item) error {
	if it.ID == "" || len(it.ID) > maxID {
		return fmt.Errorf("%w id of an entry", vault.ErrInvalid)
	}
	i, ok := b.places[it.ID]
	var old jsontext.Value
	if ok {
		old = b.entries[i].raw
	}
	raw, err := write(it, old)
	if err != nil {
		return err
	}
	h := headOf(raw)
	if h.Err != nil || h.ID != it.ID {
		return fmt.Errorf("%w entry: it does not read back", vault.ErrInvalid)
	}
	if ok {
		b.entries[i] = entry{raw, h}
		return nil
	}
	b.add(raw)
	return nil
}

// Remove takes the entry with this id out, or returns vault.ErrNotFound.
func (b *Blob) Remove(id string) error {
	i, ok := b.places[id]
	if !ok {
		return fmt.Errorf("entry %s: %w", id, vault.ErrNotFound)
	}
	b.drop(map[int]bool{i: true})
	return nil
}

// drop takes the entries at these places out. One that was damaged because one
// of them had its id reads then.
func (b *Blob) drop(doomed map[int]bool) {
	all := b.entries
	b.entries = make([]entry, 0, len(all))
	clear(b.places)
	for i, e := range all {
		if !doomed[i] {
			b.add(e.raw)
		}
	}
}

// Bytes returns the plaintext. More than MaxBlob is vault.ErrInvalid.
func (b *Blob) Bytes() (secret.Bytes, error) {
	n := len(b.before) + len(b.after) + len(b.entries)
	for _, e := range b.entries {
		n += len(e.raw)
	}
	if n > MaxBlob {
		return secret.Bytes{}, fmt.Errorf("%w vault: it has more than 25 MiB", vault.ErrInvalid)
	}
	out := make([]byte, 0, n)
	out = append(out, b.before...)
	for i, e := range b.entries {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e.raw...)
	}
	return secret.Of(append(out, b.after...)), nil
}
