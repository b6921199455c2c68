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
		{Updated: time.UnixMilli(math.MaxInt64), Deleted: time.UnixMilli(math.MinInt64)},
	} {
		b, err := appendRecord(nil, r)
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
		if again, err := appendRecord(nil, r); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x (%v)", b, again, err)
		}
	})
}
