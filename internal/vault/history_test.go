package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

func TestEditTimes(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	east := time.FixedZone("", 3600)
	tests := []struct {
		name              string
		updated, past, at time.Time
		want              time.Time
	}{
		{"later", epoch, time.Time{}, epoch.Add(time.Hour), epoch.Add(time.Hour)},
		{"same", epoch, time.Time{}, epoch, epoch.Add(ms)},
		{"a clock that went back", epoch, time.Time{}, epoch.Add(-time.Hour), epoch.Add(ms)},
		{"less than a millisecond", epoch, time.Time{}, epoch.Add(ms - 1), epoch.Add(ms)},
		{"a history from the future", epoch, epoch.Add(time.Hour), epoch.Add(time.Minute), epoch.Add(time.Hour + ms)},
		{"no times", time.Time{}, time.Time{}, epoch, epoch},
		{"another zone", epoch, time.Time{}, epoch.Add(time.Hour + 5).In(east), epoch.Add(time.Hour)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			it := vault.Item{ID: id(1), Type: "login", Updated: tt.updated}
			if !tt.past.IsZero() {
				it.History = []vault.Past{{At: tt.past, Field: "password", Kind: vault.Secret}}
			}
			got, err := vault.Edit{Tag: []string{"x"}}.Apply(it, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			last := got.History[len(got.History)-1].At
			if got.Updated != tt.want || last != tt.want {
				t.Errorf("updated %v, history %v, want %v", got.Updated, last, tt.want)
			}
		})
	}
}

func TestHistoryLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		size int // of each value
		want int // revisions kept, beyond the newest
	}{
		{"many", 1, 19},
		{"at the limit", 64<<10/4 - len("password"), 4},
		{"one byte over it", 64<<10/4 - len("password") + 1, 3},
		{"none fits", 64 << 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			it := stored(t, `{"type":"login"}`)
			for i := range 30 {
				v := secret.Of([]byte(strings.Repeat(string(rune('A'+i)), tt.size)))
				it = apply(t, vault.Edit{Set: []vault.Field{{Name: "password", Kind: vault.Secret, Value: v}}}, it)
			}
			revs := it.Revisions()
			if len(revs) != tt.want+1 {
				t.Fatalf("%d revisions, want %d and the newest", len(revs), tt.want)
			}
			for i, rev := range revs { // the newest has the value before the last one, and so on
				want := byte('A' + 29 - len(revs) + i)
				if got := rev[0].Value.Reveal()[0]; got != want {
					t.Errorf("revision %d has %c, want %c", i, got, want)
				}
			}
		})
	}
}

func TestHistoryLimitCountsMembers(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 64<<10)
	it := stored(t, `{"type":"login","history":[{"at":"2026-01-01T00:00:00Z","field":"password","value":"a","by":"`+big+`"}]}`)
	if got := apply(t, vault.Edit{Tag: []string{"x"}}, it).Revisions(); len(got) != 1 {
		t.Errorf("%d revisions, want the newest only", len(got))
	}
}
