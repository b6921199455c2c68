package record_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/record"
)

var when = time.Date(2026, 3, 4, 5, 6, 7, 890e6, time.UTC)

func sample() []byte {
	w := record.New(7)
	w.Byte(1)
	w.Uint(1 << 40)
	w.Time(when)
	w.Time(time.Time{})
	w.Fixed([]byte("abcd"))
	w.Bytes([]byte("name"))
	w.Bytes(nil)
	return w.Record()
}

func read(b []byte, version byte) (fields []any, err error) {
	r := record.Read(b, version)
	var fixed [4]byte
	fields = append(fields, r.Byte(), r.Uint(), r.Time(), r.Time())
	r.Fixed(fixed[:])
	fields = append(fields, string(fixed[:]), string(r.Bytes()), string(r.Bytes()))
	return fields, r.Done()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	got, err := read(sample(), 7)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []any{byte(1), uint64(1 << 40), when, time.Time{}, "abcd", "name", ""} {
		if got[i] != want {
			t.Errorf("field %d = %v, want %v", i, got[i], want)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	whole := sample()
	for n := range whole {
		if _, err := read(whole[:n], 7); !errors.Is(err, record.ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := read(append(bytes.Clone(whole), 0), 7); !errors.Is(err, record.ErrMalformed) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := read(whole, 8); !errors.Is(err, record.ErrMalformed) {
		t.Errorf("other version: %v", err)
	}
	huge := record.New(1)
	huge.Fixed([]byte{0xff, 0xff, 0xff, 0xff})
	r := record.Read(huge.Record(), 1)
	if b := r.Bytes(); b != nil || r.Done() == nil {
		t.Error("a length beyond the record was accepted")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := record.Read(b, 7)
		var fixed [4]byte
		w := record.New(7)
		w.Byte(r.Byte())
		w.Uint(r.Uint())
		w.Time(r.Time())
		r.Fixed(fixed[:])
		w.Fixed(fixed[:])
		w.Bytes(r.Bytes())
		switch err := r.Done(); {
		case err != nil && !errors.Is(err, record.ErrMalformed):
			t.Errorf("%v, want ErrMalformed", err)
		case err == nil && !bytes.Equal(w.Record(), b):
			t.Errorf("%x is written as %x", b, w.Record())
		}
	})
}
