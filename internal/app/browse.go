package app

import (
	"context"
	"net/url"
	"os/exec"
	"runtime"
)

// browse has the desktop open a page, if somebody sits there. It does not wait
// and says nothing: the address is shown in any case.
func (a *App) browse(ctx context.Context, page string) {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !a.CanAsk() {
		return
	}
	var words []string
	switch runtime.GOOS {
	case "darwin":
		words = []string{"open"}
	case "windows":
		words = []string{"rundll32", "url.dll,FileProtocolHandler"}
	default:
		if a.Getenv("DISPLAY") == "" && a.Getenv("WAYLAND_DISPLAY") == "" {
			return
		}
		words = []string{"xdg-open"}
	}
	// It outlives this process.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), words[0], append(words[1:], u.String())...) //nolint:gosec // an address of a page alone
	cmd.Env = a.ChildEnv()
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}
