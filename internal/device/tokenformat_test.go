package device

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
)

// goldenTokens is what FORMAT.md makes of an entry of each place, the token
// "t" of "o" being sealed under 33… in the home 11… with a nonce of zeros.
const goldenTokens = "01" +
	"02" + "0161" + "0173" + "0028" + "3494f34f620148eb" + "000000000000000000000000"

func TestTokensLayout(t *testing.T) {
	t.Parallel()
	home, _, session, _ := fixture()
	key := deviceKey(session)
	value := formatValue(Token{"o", text("t")})
	if got := hex.EncodeToString(value.Reveal()); got != "01016f74" {
		t.Errorf("value %s", got)
	}
	sealed, err := sealToken(zeros{}, home, key, "a", "s", value)
	if err != nil {
		t.Fatal(err)
	}
	entries := []tokenEntry{{"a", "s", inFile, sealed}, {"a", "t", inRing, nil}, {"b", "a", nowhere, nil}, {"b", "b", inFileMoved, sealed}}
	b, err := formatTokens(entries)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b[:len(goldenTokens)/2]); got != goldenTokens {
		t.Errorf("tokens %s\nwant   %s", got, goldenTokens)
	}
	tail := b[len(goldenTokens)/2:][4+16:]
	if got := hex.EncodeToString(tail[:18]); got != "010161017400000401620161000003016201" {
		t.Errorf("tail %s", got)
	}
	back, err := parseTokens(b)
	if err != nil || len(back) != len(entries) {
		t.Fatal(err)
	}
	for i, e := range back {
		e.sealed = append([]byte(nil), e.sealed...)
		if !reflect.DeepEqual(e, entries[i]) {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	gcm, err := newGCM(key)
	if err != nil {
		t.Fatal(err)
	}
	aad := "keyhold/token/1" + string(home[:]) + "\x01" + string(sealed[:8]) + "\x01a\x01s"
	if got, err := gcm.Open(nil, sealed[8:20], sealed[20:], []byte(aad)); err != nil || !bytes.Equal(got, value.Reveal()) {
		t.Errorf("opened as %q, %v", got, err)
	}
}

// A token opens only where it was put.
func TestTokenTampered(t *testing.T) {
	t.Parallel()
	home, _, session, _ := fixture()
	key := deviceKey(session)
	sealed, err := sealToken(rand.Reader, home, key, "a", "s", formatValue(Token{"o", text("t")}))
	if err != nil {
		t.Fatal(err)
	}
	good := tokenEntry{"a", "s", inFile, sealed}
	if got, err := openToken(home, key, good); err != nil || got.Origin != "o" || string(got.Secret.Reveal()) != "t" {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x80
		want := ErrDamaged
		if i < keyIDSize {
			want = errOtherKey
		}
		if _, err := openToken(home, key, tokenEntry{"a", "s", inFile, bad}); !errors.Is(err, want) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for _, e := range []tokenEntry{{"a", "t", inFile, sealed}, {"b", "s", inFile, sealed}} {
		if _, err := openToken(home, key, e); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s, %s: %v", e.profile, e.service, err)
		}
	}
	if _, err := openToken(homeID{}, key, good); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestDeviceLayout(t *testing.T) {
	t.Parallel()
	home, _, session, _ := fixture()
	wrap := wrapKey{secret.Of(bytes.Repeat([]byte{0x44}, 32))}
	b, err := sealDeviceKey(zeros{}, home, wrap, deviceKey(session))
	if err != nil || len(b) != 61 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	gcm, err := newGCM(wrap)
	if err != nil {
		t.Fatal(err)
	}
	got, err := gcm.Open(nil, b[1:13], b[13:], []byte("keyhold/device-key/1"+string(home[:])+"\x01"))
	if err != nil || !bytes.Equal(got, session.Reveal()) || b[0] != 1 {
		t.Errorf("%x, %v", got, err)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		want := ErrDamaged
		if i == 0 {
			want = errVersion
		}
		if _, err := openDeviceKey(bad, home, wrap); !errors.Is(err, want) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	if _, err := openDeviceKey(b, homeID{}, wrap); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	short := secret.Of([]byte("short"))
	_, open := openDeviceKey(b, home, wrapKey{short})
	_, seal := sealDeviceKey(zeros{}, home, wrapKey{short}, deviceKey(session))
	_, token := sealToken(zeros{}, home, deviceKey{short}, "a", "s", short)
	if open == nil || seal == nil || token == nil {
		t.Error("a short key was accepted")
	}
}

func FuzzTokens(f *testing.F) {
	sealed := make([]byte, minSealed)
	for _, entries := range [][]tokenEntry{
		nil,
		{{"a", "s", inFile, sealed}, {"a", "t", inRing, nil}, {"b", "a", nowhere, nil}, {"b", "b", inFileMoved, sealed}},
		{{"a", "t", inRing, nil}, {"a", "s", inRing, nil}},
		{{"a", "s", inRing, nil}, {"a", "s", inRing, nil}},
		{{"", "s", inRing, nil}}, {{"a", "s/s", inRing, nil}}, {{"a", "s", 0, nil}}, {{"a", "s", 5, nil}},
		{{"a", "s", inRing, sealed}}, {{"a", "s", inFile, sealed[1:]}},
	} {
		b, err := formatTokens(entries)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := parseTokens(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
				t.Error(err)
			}
			return
		}
		again, err := formatTokens(entries)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
		for i, e := range entries {
			if j, ok := find(entries, e.profile, e.service); !ok || i != j {
				t.Errorf("entry %d is found as %d, %v", i, j, ok)
			}
			if e.place.file() {
				if _, err := openToken(homeID{}, deviceKey{secret.Of(make([]byte, keySize))}, e); err == nil {
					t.Error("opened")
				}
			}
		}
	})
}

func FuzzTokenValue(f *testing.F) {
	f.Add([]byte("\x01\x01ot"))
	f.Add([]byte("\x01\x01o"))
	f.Add([]byte("\x01\x00t"))
	f.Add([]byte("\x01\x01\nt"))
	f.Add([]byte("\x02"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		token, err := parseValue(secret.Of(b))
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
				t.Error(err)
			}
			return
		}
		if got := formatValue(token).Reveal(); !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
	})
}

func FuzzDeviceKey(f *testing.F) {
	wrap := wrapKey{secret.Of(make([]byte, keySize))}
	good, err := sealDeviceKey(zeros{}, homeID{}, wrap, deviceKey{secret.Of(make([]byte, keySize))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[1:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := openDeviceKey(b, homeID{}, wrap)
		if err == nil && key.Len() != keySize || err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
			t.Errorf("%d bytes, %v", key.Len(), err)
		}
	})
}
