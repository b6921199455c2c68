package device_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
)

func TestSent(t *testing.T) {
	t.Parallel()
	at := device.SentPlaceOf("https://a/v4", "account", "1", "2", "3")
	for _, other := range [][]string{
		{"https://a/v4", "system", "1", "2", "3"}, {"https://a/v4", "account", "1", "23"}, {"https://a/v4", "account", "1", "2", "4"},
		{"https://a/v4account", "1", "2", "3"},
	} {
		if device.SentPlaceOf(other...) == at {
			t.Errorf("%q has the place of another", other)
		}
	}
	key, value := secret.Of(make([]byte, device.SentKeySize)), secret.Of([]byte("value"))
	print1 := device.FingerprintSent(key, at, value)
	for name, other := range map[string][32]byte{
		"value": device.FingerprintSent(key, at, secret.Of([]byte("valuf"))),
		"key":   device.FingerprintSent(secret.Of([]byte("0123456789abcdef0123456789abcdef")), at, value),
		"place": device.FingerprintSent(key, device.SentPlaceOf("x"), value),
	} {
		if other == print1 {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
	want := device.Sent{Fingerprint: print1, Modified: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)}
	db := memory.New()
	update := func(fn func(kv.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	get := func() (s device.Sent, ok bool) {
		t.Helper()
		err := db.View(t.Context(), func(tx kv.Tx) error {
			s, ok = device.SentAt(tx, at)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return s, ok
	}
	if _, ok := get(); ok {
		t.Error("there is something before anything was sent")
	}
	update(func(tx kv.Tx) error { return device.PutSent(tx, at, want) })
	if got, ok := get(); !ok || cmp.Diff(want, got) != "" {
		t.Errorf("%t, %s", ok, cmp.Diff(want, got))
	}
	update(func(tx kv.Tx) error { return tx.Put(append([]byte("sent/"), at[:]...), []byte{1, 2, 3}) })
	if _, ok := get(); ok {
		t.Error("a damaged record counts")
	}
	update(func(tx kv.Tx) error { return device.DropSent(tx, at) })
	update(func(tx kv.Tx) error { return device.DropSent(tx, at) })
	if _, ok := get(); ok {
		t.Error("it is there after it was dropped")
	}
}
