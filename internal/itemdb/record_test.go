package itemdb

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"
)

func FuzzRecord(f *testing.F) {
	for _, r := range []Record{
		{},
		{Type: "login", Revision: 1, Created: time.UnixMilli(1), Index: [32]byte{1}, Name: []byte("name")},
		{Updated: time.UnixMilli(math.MaxInt64), Deleted: time.UnixMilli(253402300799999)},
	} {
		b, err := encodeRecord(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		id := ID{1, 2, 3}
		r, err := parseRecord(id, b, "login")
		if r.ID != id {
			t.Errorf("the id is %x", r.ID)
		}
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
			return
		}
		if again, err := encodeRecord(r); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x (%v)", b, again, err)
		}
	})
}

// A live item does not vanish by one flipped bit in its time of deletion.
func TestRecord_deletedByOneBit(t *testing.T) {
	t.Parallel()
	live, err := encodeRecord(Record{Type: "login", Name: []byte("name")})
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 64 {
		b := bytes.Clone(live)
		b[25+bit/8] ^= 1 << (bit % 8)
		if r, err := parseRecord(ID{}, b, ""); !errors.Is(err, ErrDamaged) {
			t.Errorf("bit %d flipped: deleted at %v, %v", bit, r.Deleted, err)
		}
	}
}

func TestRecord_deletedOutOfRange(t *testing.T) {
	t.Parallel()
	for _, ms := range []int64{-1, math.MinInt64, 253402300800000, math.MaxInt64} {
		if _, err := encodeRecord(Record{Deleted: time.UnixMilli(ms)}); !errors.Is(err, ErrTime) {
			t.Errorf("deleted at %d ms: %v", ms, err)
		}
	}
}
