// Package apptest makes an outside world for tests: streams in memory, a home
// of its own, a person who answers as told, and no keyring but a file.
package apptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend/all"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/term"
)

// Password is the master password of every home made here.
const Password = "correct horse battery staple"

// A World is an App with what it reads and wrote.
type World struct {
	*app.App
	Out, Err *bytes.Buffer
	Env      map[string]string
	Person   *Person
}

// New returns a world with an empty home.
func New(t *testing.T) *World {
	t.Helper()
	w := &World{
		Out: new(bytes.Buffer), Err: new(bytes.Buffer), Person: new(Person),
		Env: map[string]string{"KEYHOLD_HOME": filepath.Join(t.TempDir(), "kh"), "KEYHOLD_KEYRING": "off"},
	}
	w.App = &app.App{
		In: new(bytes.Buffer), Out: w.Out, Err: w.Err, Prompt: w.Person,
		Now: time.Now, Rand: rand.Reader,
		Getenv: func(name string) string { return w.Env[name] },
		Environ: func() []string {
			var env []string
			for k, v := range w.Env {
				env = append(env, k+"="+v)
			}
			return env
		},
		Wait:     func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Backends: all.Registry(),
		Version:  app.Version{Number: "test", Go: "go", Platform: "test/test"},
	}
	return w
}

// NewOpen returns a world whose home has the vault "personal", without items,
// open in a session. The key derivation runs once for all of them.
func NewOpen(t *testing.T) *World {
	t.Helper()
	tmpl := prepared()
	if tmpl.err != nil {
		t.Fatal(tmpl.err)
	}
	w := New(t)
	if err := os.CopyFS(w.Env["KEYHOLD_HOME"], os.DirFS(tmpl.home)); err != nil {
		t.Fatal(err)
	}
	w.Env["KEYHOLD_SESSION"] = tmpl.token.Reveal()
	return w
}

type template struct {
	home  string
	token secret.String
	err   error
}

// prepared makes the home that NewOpen copies.
var prepared = sync.OnceValue(func() template {
	dir, err := os.MkdirTemp("", "keyhold-apptest-") // left to the system: nothing runs after all tests
	if err != nil {
		return template{err: err}
	}
	env := map[string]string{"KEYHOLD_HOME": dir, "KEYHOLD_KEYRING": "off", "KEYHOLD_PASSWORD": Password}
	a := &app.App{
		In: new(bytes.Buffer), Out: io.Discard, Err: io.Discard, Prompt: new(Person),
		Now: time.Now, Rand: rand.Reader,
		Getenv: func(name string) string { return env[name] }, Environ: func() []string { return nil },
		Backends: all.Registry(),
	}
	if err := errors.Join(a.Load(nil)); err != nil {
		return template{err: err}
	}
	if _, _, err := a.CreateAccount(context.Background(), config.DefaultProfile, app.FirstVault); err != nil {
		return template{err: err}
	}
	u, err := a.Unlock(context.Background(), device.Limits{}, true)
	return template{dir, u.Token, err}
})

// A Person answers questions at the terminal. Without answers there is nobody.
type Person struct {
	Answers []string
	Asked   []string
}

// Available reports whether there are answers left.
func (p *Person) Available() bool { return len(p.Answers) > 0 }

func (p *Person) next(question string) (string, error) {
	p.Asked = append(p.Asked, question)
	if len(p.Answers) == 0 {
		return "", term.ErrNoTerminal
	}
	answer := p.Answers[0]
	p.Answers = p.Answers[1:]
	return answer, nil
}

// Secret returns the next answer.
func (p *Person) Secret(_ context.Context, prompt string) (secret.String, error) {
	s, err := p.next(prompt)
	return secret.TextOf(s), err
}

// Line returns the next answer.
func (p *Person) Line(_ context.Context, prompt string) (string, error) { return p.next(prompt) }

// Confirm returns whether the next answer is y.
func (p *Person) Confirm(_ context.Context, question string) (bool, error) {
	s, err := p.next(question)
	return s == "y", err
}
