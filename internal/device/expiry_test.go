package device

import (
	"testing"
	"time"
)

func TestExpiry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		limits Limits
		moves  []time.Duration // the session is renewed after each but the last
		open   bool
	}{
		{"new", Limits{}, []time.Duration{0}, true},
		{"almost idle", Limits{}, []time.Duration{time.Hour - 1}, true},
		{"idle", Limits{}, []time.Duration{time.Hour}, false},
		{"renewed", Limits{}, []time.Duration{59 * time.Minute, 59 * time.Minute, 59 * time.Minute}, true},
		{"ended", Limits{Idle: 20 * time.Hour}, []time.Duration{6 * time.Hour, 6 * time.Hour}, false},
		{"not yet ended", Limits{Idle: 20 * time.Hour}, []time.Duration{6 * time.Hour, 6*time.Hour - time.Second}, true},
		{"the clock a little back", Limits{}, []time.Duration{-time.Minute}, true},
		{"the clock back", Limits{}, []time.Duration{-time.Minute - 1}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			_, err := b.Start(t.Context(), "default", text("k"), tt.limits)
			if err != nil {
				t.Fatal(err)
			}
			token, _, err := b.Export(t.Context(), "default", text("e"), tt.limits)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range tt.moves[:len(tt.moves)-1] {
				b.clock.move(d)
				for _, s := range []*Session{b.open("default", "k"), b.openToken("default", token, "e")} {
					if err := s.Renew(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			b.clock.move(tt.moves[len(tt.moves)-1])
			if tt.open {
				b.open("default", "k")
				b.openToken("default", token, "e")
				return
			}
			b.open("default", "")
			b.openToken("default", token, "")
			if n, err := b.End(t.Context(), ""); n != 0 || err != nil {
				t.Errorf("End = %d, %v", n, err)
			}
		})
	}
}
