package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/kvtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.DB {
		return bolt.New(filepath.Join(t.TempDir(), "a", "b", "test.db"))
	})
}

func TestConformance_held(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.DB { return hold(t, filepath.Join(t.TempDir(), "a", "b", "test.db")) })
}
