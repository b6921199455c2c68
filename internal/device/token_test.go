package device

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
)

func TestExport(t *testing.T) {
	t.Parallel()
	b, other := newBench(t), newBench(t)
	token, s := b.export("default", "k")
	if s.Kind() != KindExported || len(b.ring.values) != 0 {
		t.Errorf("kind %v, %d keys in the ring", s.Kind(), len(b.ring.values))
	}
	grant, g, err := b.Grant(t.Context(), "default", text("values"), Limits{})
	if err != nil || g.Kind() != KindGrant {
		t.Fatal(err)
	}
	b.openToken("default", token, "k")
	b.openToken("default", grant, "values")
	b.open("default", "")
	ring := b.start("default", "r")

	reason := func(b *bench, profile string, token secret.String, want string) {
		t.Helper()
		_, err := b.ResumeToken(t.Context(), profile, token)
		te, ok := errors.AsType[*TokenError](err)
		if !ok || !strings.Contains(te.Reason, want) || !strings.Contains(err.Error(), te.Reason) {
			t.Errorf("error = %v, want %q", err, want)
		}
		if strings.Contains(err.Error(), token.Reveal()[37:]) {
			t.Errorf("the error holds the key: %v", err)
		}
	}
	reason(b, "work", token, "for the profile default")
	reason(b, "default", formatToken(ring.id, ring.key), "wrong kind: session")
	reason(b, "default", formatToken(s.id, g.key), "damaged")
	reason(b, "default", formatToken(sessionID{}, s.key), "ended")
	reason(b, "default", secret.TextOf("kh1."+strings.Repeat("x", 76)), "full stop")
	reason(other, "default", token, "another home")
	other.start("default", "o")
	other.put(s, b.file(s))
	reason(other, "default", token, "another home")

	// The keyring is no way around the token.
	b.ring.values[ringName(s.home, "default")] = formatRing(s.id, s.key).Reveal()
	b.open("default", "")
	b.ring.values[ringName(s.home, "work")] = formatRing(ring.id, ring.key).Reveal()
	b.open("work", "")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.ResumeToken(ctx, "default", token); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, _, err := b.Export(ctx, "default", text("k"), Limits{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, _, err := b.Export(t.Context(), "default", text("k"), Limits{Idle: -1}); err == nil {
		t.Error("no error")
	}
}
