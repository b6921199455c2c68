package all_test

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/backend/all"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"local", "vaultctl", "pwm"} {
		if d, err := all.Registry().Driver(name); err != nil || d.Name != name || d.Summary == "" {
			t.Errorf("Driver(%s) = %q, %v", name, d.Name, err)
		}
	}
	if _, err := all.Registry().Driver("cloud"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Driver(cloud): %v, want ErrUnsupported", err)
	}
}
