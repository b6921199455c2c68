package app

import (
	"context"
	"net/url"
	"os/exec"
	"runtime"
)

// opener returns the command with which a desktop opens a page; nil: there is no
// desktop, or it is no page.
func opener(goos string, getenv func(string) string, page string) []string {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil
	}
	switch goos {
	case "darwin":
		return []string{"open", u.String()}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", u.String()}
	}
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	return []string{"xdg-open", u.String()}
}

// browse has the desktop open a page, if somebody sits there. It does not wait
// and says nothing: the address is shown in any case.
func (a *App) browse(ctx context.Context, page string) {
	words := opener(runtime.GOOS, a.Getenv, page)
	if words == nil || !a.CanAsk() {
		return
	}
	// It outlives this process.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), words[0], words[1:]...) //nolint:gosec // an address of a page alone
	cmd.Env = a.ChildEnv()
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}
