package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
)

func TestNeverPrints(t *testing.T) {
	t.Parallel()
	const value = "hunter2-canary"
	s := secret.TextOf(value)
	b := secret.Of([]byte(value))
	type nested struct {
		s secret.String
		b secret.Bytes
		P *secret.String
	}
	n := nested{s, b, &s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
		for _, v := range []any{s, &s, b, &b, n, &n, []any{s, b}, map[string]any{"k": s, "b": b}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	fmt.Fprintln(&out, s, b, n)
	for _, v := range []any{s, b, n, []secret.String{s}, map[string]secret.Bytes{"k": b}} {
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "b", b, "n", n)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "b", b, "n", n)
	hex := fmt.Sprintf("%x", value)
	decimal := strings.Trim(fmt.Sprint([]byte(value)), "[]")
	for _, form := range []string{value, hex, strings.ToUpper(hex), decimal} {
		if strings.Contains(out.String(), form) {
			t.Errorf("printed as %q", form)
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("printed nothing at all")
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	s := secret.TextOf("pa\x00ß")
	if got := s.Reveal(); got != "pa\x00ß" {
		t.Errorf("Reveal = %q", got)
	}
	if s.Len() != 5 || s.Bytes().Len() != 5 {
		t.Errorf("Len = %d, %d, want 5", s.Len(), s.Bytes().Len())
	}
	if !s.Equal(secret.TextOf("pa\x00ß")) || s.Equal(secret.TextOf("pa")) {
		t.Error("Equal is wrong")
	}
	b := s.Bytes()
	if !b.Equal(secret.Of([]byte("pa\x00ß"))) || b.Text().Reveal() != s.Reveal() {
		t.Error("Bytes and Text do not agree")
	}
	b.Wipe()
	if !bytes.Equal([]byte(s.Reveal()), make([]byte, 5)) {
		t.Errorf("after Wipe: %q", s.Reveal())
	}
	s.Wipe()
}

func TestZero(t *testing.T) {
	t.Parallel()
	var s secret.String
	var b secret.Bytes
	if s.Reveal() != "" || b.Reveal() != nil || s.Len() != 0 || b.Len() != 0 {
		t.Error("the zero values are not empty")
	}
	s.Wipe()
	b.Wipe()
}
