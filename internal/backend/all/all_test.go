package all_test

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/backend/all"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	if d, err := all.Registry().Driver("local"); err != nil || d.Name != "local" || d.Summary == "" {
		t.Errorf("Driver(local) = %q, %v", d.Name, err)
	}
	if _, err := all.Registry().Driver("cloud"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Driver(cloud): %v, want ErrUnsupported", err)
	}
}
