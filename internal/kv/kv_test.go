package kv_test

import (
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
)

func TestFormatError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  kv.FormatError
		want string
	}{
		{kv.FormatError{Path: "/h/local.db", Format: 2, Version: "1.4.0"}, "/h/local.db has format 2, which needs keyhold 1.4.0 or newer"},
		{kv.FormatError{Path: "/h/local.db", Format: 2}, "/h/local.db has format 2, which needs a newer keyhold"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("error = %q, want %q", got, tt.want)
		}
	}
}
