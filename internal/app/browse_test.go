package app

import (
	"slices"
	"testing"
)

// Only a page is opened: a service must not have a file or a program started.
func TestOpener(t *testing.T) {
	t.Parallel()
	const page = "https://page.test/login?a=1&b=%20"
	for _, tt := range []struct {
		goos, variable, page string
		want                 []string
	}{
		{"linux", "DISPLAY", page, []string{"xdg-open", page}},
		{"linux", "WAYLAND_DISPLAY", "http://127.0.0.1/x", []string{"xdg-open", "http://127.0.0.1/x"}},
		{"linux", "", page, nil},
		{"darwin", "", page, []string{"open", page}},
		{"windows", "", page, []string{"rundll32", "url.dll,FileProtocolHandler", page}},
		{"linux", "DISPLAY", "file:///etc/passwd", nil},
		{"darwin", "", "/bin/sh", nil},
		{"darwin", "", "-a Calculator", nil},
		{"windows", "", "javascript:alert(1)", nil},
		{"windows", "", "%", nil},
	} {
		getenv := func(name string) string {
			if name == tt.variable {
				return ":0"
			}
			return ""
		}
		if got := opener(tt.goos, getenv, tt.page); !slices.Equal(got, tt.want) {
			t.Errorf("on %s: %s is opened by %q, want %q", tt.goos, tt.page, got, tt.want)
		}
	}
}
