package itemdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrDamaged reports a record that does not parse. The error that wraps it
// names the item.
var ErrDamaged = errors.New("the item record is damaged")

// ErrType reports a type that is longer than 255 bytes.
var ErrType = errors.New("the item type is too long")

// ErrTime reports a time of deletion that is neither zero nor of the years 1970
// to 9999.
var ErrTime = errors.New("the time of deletion is out of range")

// An ID is the 16 bytes of the UUID of a vault or item.
type ID = [16]byte

// A Record is an item without its data.
type Record struct {
	ID       ID
	Type     string // at most 255 bytes
	Revision uint64
	// Times are in UTC and whole milliseconds; what is finer is cut off.
	Created, Updated time.Time
	Deleted          time.Time // zero: the item is live; else of the years 1970 to 9999
	Index            [32]byte  // of the exact name; zero: it cannot be looked up
	Name             []byte    // sealed
}

const (
	recordVersion = 1
	fixedSize     = 1 + 8 + 3*8 + 32 + 1
)

// encodeRecord lays r out as FORMAT.md says; the ID stands in the key.
func encodeRecord(r Record) ([]byte, error) {
	if len(r.Type) > 255 {
		return nil, ErrType
	}
	if !isDeletion(r.Deleted) {
		return nil, ErrTime
	}
	b := append(make([]byte, 0, fixedSize+len(r.Type)+len(r.Name)), recordVersion)
	b = binary.BigEndian.AppendUint64(b, r.Revision)
	for _, t := range []time.Time{r.Created, r.Updated, r.Deleted} {
		b = binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
	}
	b = append(b, r.Index[:]...)
	b = append(b, byte(len(r.Type))) //nolint:gosec // at most 255, see above
	b = append(b, r.Type...)
	return append(b, r.Name...), nil
}

// parseRecord reads the record of an item. Name is part of b; typ is a type
// that is likely, whose memory is then used again.
func parseRecord(id ID, b []byte, typ string) (Record, error) {
	if len(b) < fixedSize || b[0] != recordVersion || len(b) < fixedSize+int(b[fixedSize-1]) {
		return Record{ID: id}, damaged(id)
	}
	r := Record{
		ID:       id,
		Type:     typ,
		Revision: binary.BigEndian.Uint64(b[1:]),
		Created:  parseTime(b[9:]),
		Updated:  parseTime(b[17:]),
		Deleted:  parseTime(b[25:]),
		Index:    [32]byte(b[33:]),
	}
	b, n := b[fixedSize:], int(b[fixedSize-1])
	if string(b[:n]) != typ {
		r.Type = string(b[:n])
	}
	if !isDeletion(r.Deleted) {
		return r, damaged(id)
	}
	r.Name = b[n:len(b):len(b)]
	return r, nil
}

func parseTime(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC()
}

// isDeletion reports whether a record may have this time of deletion. It is so
// narrow that no single bit flipped moves a live item to the trash.
func isDeletion(t time.Time) bool {
	return t.IsZero() || t.Unix() >= 0 && t.UTC().Year() <= 9999
}

func damaged(id ID) error {
	return fmt.Errorf("item %x-%x-%x-%x-%x: %w", id[:4], id[4:6], id[6:8], id[8:10], id[10:], ErrDamaged)
}
