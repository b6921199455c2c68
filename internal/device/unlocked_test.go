package device_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/device"
)

func TestLastUnlocked(t *testing.T) {
	t.Parallel()
	h := device.NewHome(filepath.Join(t.TempDir(), "kh"))
	if at, ok := h.LastUnlocked("default"); ok {
		t.Errorf("unlocked at %v in an empty home", at)
	}
	for _, at := range []time.Time{time.Unix(1_700_000_000, 0), time.Unix(1_800_000_000, 0)} {
		if err := h.MarkUnlocked("default", at); err != nil {
			t.Fatal(err)
		}
		if got, ok := h.LastUnlocked("default"); !ok || !got.Equal(at) {
			t.Errorf("LastUnlocked = %v, %v, want %v", got, ok, at)
		}
	}
	for range 2 {
		if err := h.ForgetUnlocked("default"); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := h.LastUnlocked("default"); ok {
		t.Error("it is not forgotten")
	}
	if _, ok := h.LastUnlocked("work"); ok {
		t.Error("another profile counts as unlocked too")
	}
}
