package device

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

func fixture() (homeID, sessionID, sessionKey, header) {
	return homeID(bytes.Repeat([]byte{0x11}, 16)), sessionID(bytes.Repeat([]byte{0x22}, 16)),
		sessionKey{secret.Of(bytes.Repeat([]byte{0x33}, 32))},
		header{kind: KindSession, profile: "work", ends: time.UnixMilli(1_800_000_000_123), idle: time.Hour}
}

// golden is what FORMAT.md makes of fixture, the payload "keys" and a nonce of
// zeros.
const golden = "0101000001a3185c507b000000000036ee8004776f726b000000000000000000000000"

func TestRecordLayout(t *testing.T) {
	t.Parallel()
	home, id, key, h := fixture()
	data, nonce, err := sealRecord(zeros{}, home, id, key, h, text("keys"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data[:len(golden)/2]); got != golden {
		t.Errorf("header %s\nwant   %s", got, golden)
	}
	if len(data) != 19+4+12+4+16 || !bytes.Equal(nonce, make([]byte, 12)) {
		t.Errorf("%d bytes, nonce %x", len(data), nonce)
	}
	gcm, err := newGCM(key)
	if err != nil {
		t.Fatal(err)
	}
	aad := "keyhold/session/1" + string(home[:]) + string(id[:]) + string(data[:23])
	if got, err := gcm.Open(nil, data[23:35], data[35:], []byte(aad)); err != nil || string(got) != "keys" {
		t.Errorf("payload %q, %v", got, err)
	}
	r, err := parseRecord(data)
	if err != nil || r.kind != h.kind || r.profile != h.profile || !r.ends.Equal(h.ends) || r.idle != h.idle {
		t.Errorf("parsed as %+v, %v", r.header, err)
	}
}

// Every byte of a record matters, and so do the ids and the key.
func TestRecordTampered(t *testing.T) {
	t.Parallel()
	home, id, key, h := fixture()
	data, _, err := sealRecord(rand.Reader, home, id, key, h, text("keys"))
	if err != nil {
		t.Fatal(err)
	}
	open := func(data []byte, home homeID, id sessionID, key sessionKey) error {
		r, err := parseRecord(data)
		if err == nil {
			_, err = openRecord(r, home, id, key)
		}
		return err
	}
	if err := open(data, home, id, key); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(data)
			bad[i] ^= bit
			want := ErrDamaged
			if i == 0 {
				want = errVersion
			}
			if err := open(bad, home, id, key); !errors.Is(err, want) {
				t.Errorf("byte %d: %v", i, err)
			}
		}
	}
	for n := range len(data) {
		if err := open(data[:n], home, id, key); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := open(append(bytes.Clone(data), 0), home, id, key); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte more: %v", err)
	}
	for name, err := range map[string]error{
		"home": open(data, homeID{}, id, key),
		"id":   open(data, home, sessionID{}, key),
		"key":  open(data, home, id, sessionKey{secret.Of(make([]byte, 32))}),
	} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestHeaderRefused(t *testing.T) {
	t.Parallel()
	_, _, _, h := fixture()
	good := h.encode()
	set := func(at int, b ...byte) []byte {
		bad := bytes.Clone(good)
		copy(bad[at:], b)
		return bad
	}
	ff := bytes.Repeat([]byte{0xff}, 8)
	for name, b := range map[string][]byte{
		"kind 0":          set(1, 0),
		"kind 4":          set(1, 4),
		"no end":          set(2, make([]byte, 8)...),
		"negative end":    set(2, ff...),
		"no idle":         set(10, make([]byte, 8)...),
		"endless idle":    set(10, ff...),
		"no profile":      set(18, 0),
		"longer profile":  set(18, 5),
		"control":         set(19, '\n'),
		"not UTF-8":       set(19, 0xff),
		"profile of 129":  append(set(18, 129), make([]byte, 200)...),
		"nothing":         nil,
		"only a version":  {1},
		"without profile": good[:18],
	} {
		if _, _, err := parseHeader(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := parseHeader(set(0, 2)); !errors.Is(err, errVersion) {
		t.Errorf("version 2: %v", err)
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_800_000_000_000)
	h := header{ends: start.Add(12 * time.Hour), idle: time.Hour}
	tests := []struct {
		name      string
		used, now time.Duration
		want      time.Duration
	}{
		{"new", 0, 0, time.Hour},
		{"used a while ago", 0, 10 * time.Minute, 50 * time.Minute},
		{"almost idle too long", 0, time.Hour - 1, 1},
		{"idle too long", 0, time.Hour, 0},
		{"idle far too long", 0, 2 * time.Hour, 0},
		{"near the end", 11*time.Hour + 50*time.Minute, 11*time.Hour + 55*time.Minute, 5 * time.Minute},
		{"at the end", 12 * time.Hour, 12 * time.Hour, 0},
		{"used a moment in the future", time.Minute, 0, time.Hour},
		{"used in the future", time.Minute + 1, 0, 0},
	}
	for _, tt := range tests {
		if got := h.left(start.Add(tt.used), start.Add(tt.now)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestKindString(t *testing.T) {
	t.Parallel()
	for k, want := range map[Kind]string{KindSession: "session", KindExported: "exported", KindGrant: "grant", 9: "kind 9"} {
		if k.String() != want {
			t.Errorf("%d = %q, want %q", k, k.String(), want)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	_, id, key, _ := fixture()
	token := formatToken(id, key)
	good := "kh1." + strings.Repeat("22", 16) + "." + strings.Repeat("MzMz", 10) + "MzM"
	if token.Reveal() != good {
		t.Fatalf("token %s\nwant  %s", token.Reveal(), good)
	}
	gotID, gotKey, err := parseToken(token)
	if err != nil || gotID != id || !gotKey.Equal(key.Bytes) {
		t.Fatalf("parsed as %s, %v", gotID, err)
	}
	for name, bad := range map[string]string{
		"empty":              "",
		"prefix":             "kh1.",
		"version":            "kh2." + good[4:],
		"upper-case prefix":  "KH1." + good[4:],
		"newline":            good + "\n",
		"space before":       " " + good,
		"short":              good[:79],
		"long":               good + "M",
		"padding":            good + "=",
		"no full stop":       strings.Replace(good, "2.M", "22M", 1),
		"id not hex":         strings.Replace(good, "22", "2g", 1),
		"id upper case":      strings.Replace(good, "22", "AA", 1),
		"key of +/":          strings.Replace(good, "Mz", "+/", 1),
		"newline in the key": strings.Replace(good, "Mz", "M\n", 1),
		"bits over":          good[:79] + "N",
	} {
		_, key, err := parseToken(secret.TextOf(bad))
		if !errors.Is(err, ErrDamaged) || key.Len() != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if bad != "" && len(bad) > 10 && strings.Contains(err.Error(), bad[5:]) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	_, id, key, _ := fixture()
	f.Add(formatToken(id, key).Reveal())
	f.Add("kh1.")
	f.Fuzz(func(t *testing.T, s string) {
		id, key, err := parseToken(secret.TextOf(s))
		if err == nil && formatToken(id, key).Reveal() != s || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	home, id, key, h := fixture()
	data, _, err := sealRecord(zeros{}, home, id, key, h, text("keys"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:30])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(r.encode(), r.head) || r.left(r.ends, r.ends) != 0 {
			t.Errorf("%x is not what was read", r.head)
		}
		if _, err := openRecord(r, home, id, key); err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}
