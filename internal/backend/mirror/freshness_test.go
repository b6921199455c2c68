package mirror_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/backend/mirror"
	"github.com/keyhold/keyhold/pkg/client"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func fresh(s backend.Service) *mirror.Freshness {
	return &mirror.Freshness{Service: s, Now: func() time.Time { return now }, Began: now.Add(-time.Second), Patience: time.Hour}
}

func TestDue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		service backend.Service
		age     time.Duration
		stale   bool
		want    bool
	}{
		{"just synced", backend.Service{}, 0, false, false},
		{"stale", backend.Service{}, 0, true, true},
		{"stale, offline", backend.Service{Offline: true}, time.Hour, true, false},
		{"before the default age", backend.Service{}, 5*time.Minute - 1, false, false},
		{"the default age", backend.Service{}, 5 * time.Minute, false, true},
		{"an age of one's own", backend.Service{MaxAge: time.Hour}, 59 * time.Minute, false, false},
		{"a clock that went back a little", backend.Service{}, -5 * time.Minute, false, false},
		{"a clock that went back by much", backend.Service{}, -5*time.Minute - 1, false, true},
		{"fresh, synced before", backend.Service{Fresh: true}, 2 * time.Second, false, true},
		{"fresh, synced since", backend.Service{Fresh: true}, time.Second, false, false},
	}
	for _, tt := range tests {
		if got := fresh(tt.service).Due(now.Add(-tt.age), tt.stale); got != tt.want {
			t.Errorf("%s: Due = %v", tt.name, got)
		}
	}
}

func TestOnline(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for _, tt := range []struct {
		name         string
		copied       time.Time
		err, want    error
		gaveUp, said bool
	}{
		{"an answer", now, nil, nil, false, false},
		{"a refusal", now, other, other, false, false},
		{"no answer, a copy", now.Add(-3 * time.Hour), client.ErrUnavailable, nil, true, true},
		{"too late, a copy", now, context.DeadlineExceeded, nil, true, true},
		{"no answer, no copy", time.Time{}, client.ErrUnavailable, client.ErrUnavailable, false, false},
	} {
		var said []string
		f := fresh(backend.Service{})
		f.Warn = func(code, _ string) { said = append(said, code) }
		for range 2 { // it is said once
			if err := f.Online(t.Context(), tt.copied, func(context.Context) error { return tt.err }); !errors.Is(err, tt.want) {
				t.Errorf("%s: Online = %v", tt.name, err)
			}
		}
		if f.GaveUp() != tt.gaveUp || (len(said) == 1) != tt.said || len(said) > 1 {
			t.Errorf("%s: gave up %v, said %v", tt.name, f.GaveUp(), said)
		}
		if tt.gaveUp && f.Due(time.Time{}, true) {
			t.Errorf("%s: the service is asked again", tt.name)
		}
	}
	f := fresh(backend.Service{Offline: true})
	if err := f.Online(t.Context(), now, func(context.Context) error { t.Error("it is asked"); return nil }); !errors.Is(err, backend.ErrOffline) {
		t.Errorf("offline: %v", err)
	}
}
