// Package record reads and writes small binary records: a version byte, then
// fields of fixed length, big-endian, and counted byte strings.
package record

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrMalformed reports a record that does not parse.
var ErrMalformed = errors.New("malformed record")

// A Writer appends fields to a record. The zero Writer is of no use: see New.
type Writer struct{ b []byte }

// New starts a record of this version.
func New(version byte) *Writer { return &Writer{[]byte{version}} }

// Record returns what was written.
func (w *Writer) Record() []byte { return w.b }

// Byte writes one byte.
func (w *Writer) Byte(v byte) { w.b = append(w.b, v) }

// Uint writes 8 bytes.
func (w *Writer) Uint(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// Time writes 8 bytes: milliseconds since 1970, 0 for the zero time.
func (w *Writer) Time(t time.Time) {
	if t.IsZero() {
		w.Uint(0)
		return
	}
	w.Uint(uint64(t.UnixMilli()))
}

// Fixed writes b without its length.
func (w *Writer) Fixed(b []byte) { w.b = append(w.b, b...) }

// Bytes writes b, less than 4 GiB, after its length in 4 bytes.
func (w *Writer) Bytes(b []byte) {
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(b))) //nolint:gosec // see above
	w.b = append(w.b, b...)
}

// A Reader takes fields from a record in the order they were written. After
// the first one that is not there all are zero, and Done tells.
type Reader struct {
	b   []byte
	bad bool
}

// Read starts to read a record, which must be of this version.
func Read(b []byte, version byte) *Reader {
	r := &Reader{b: b}
	if r.Byte() != version {
		r.bad = true
	}
	return r
}

// Done returns ErrMalformed unless the whole record was read and nothing was missing.
func (r *Reader) Done() error {
	if r.bad || len(r.b) > 0 {
		return ErrMalformed
	}
	return nil
}

func (r *Reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint reads 8 bytes.
func (r *Reader) Uint() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Time reads a time that Time wrote, in UTC.
func (r *Reader) Time() time.Time {
	ms := r.Uint()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// Fixed reads len(into) bytes.
func (r *Reader) Fixed(into []byte) {
	if b := r.take(len(into)); b != nil {
		copy(into, b)
	}
}

// Bytes reads a counted byte string into memory of its own.
func (r *Reader) Bytes() []byte {
	b := r.take(4)
	if b == nil {
		return nil
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	return append([]byte{}, r.take(int(n))...)
}
