package device

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
)

// An Account is what this machine remembers of the account of a service in
// which one profile has its vaults: the login answer, pins, marks and tokens.
// It may be used from several goroutines, and by several processes at once.
type Account struct {
	state   kv.DB
	profile string
	h       *Home   // nil: nothing is kept on this machine
	tokens  *Tokens // nil with h

	mu     sync.Mutex
	kept   map[string]Token // in place of tokens
	locked map[string]chan struct{}
}

// NewAccount returns what h remembers of the account of a profile. state is the
// store state.db; tokens are those of h. It does no I/O.
func NewAccount(h *Home, state kv.DB, tokens *Tokens, profile string) *Account {
	return &Account{state: state, profile: profile, h: h, tokens: tokens}
}

// NewTransientAccount returns an account for a profile from a file: its tokens
// live as long as it does, and state, which has the pins of that file, is one
// in memory. Nothing is written on this machine.
func NewTransientAccount(state kv.DB, profile string) *Account {
	return &Account{state: state, profile: profile, kept: map[string]Token{}, locked: map[string]chan struct{}{}}
}

// State returns the store with the login answer, the pins, the marks and, under
// keys that begin with "i", the mirrors.
func (a *Account) State() kv.DB { return a.state }

// Profile returns the name of the profile.
func (a *Account) Profile() string { return a.profile }

// IsTransient reports whether nothing is kept on this machine.
func (a *Account) IsTransient() bool { return a.h == nil }

// Token returns the token of a service as Tokens.Get does.
func (a *Account) Token(ctx context.Context, service, origin string) (Token, error) {
	if a.h != nil {
		return a.tokens.Get(ctx, a.profile, service, origin)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.kept[service]
	switch {
	case !ok:
		return Token{}, fmt.Errorf("token of %s: %w", service, ErrNoToken)
	case t.Origin != origin:
		return Token{}, fmt.Errorf("token of %s: %w: %s, not %s", service, ErrOrigin, t.Origin, origin)
	}
	return t.clone(), nil
}

// SetToken sets or replaces the token of a service as Tokens.Set does.
func (a *Account) SetToken(ctx context.Context, service string, t Token) error {
	if a.h != nil {
		return a.tokens.Set(ctx, a.profile, service, t)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept[service] = t.clone()
	return nil
}

// DeleteToken deletes the token of a service as Tokens.Delete does.
func (a *Account) DeleteToken(ctx context.Context, service string) error {
	if a.h != nil {
		return a.tokens.Delete(ctx, a.profile, service)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.kept, service)
	return nil
}

// Lock has the processes of this home take turns on what is called name. It
// waits until ctx ends; a process that keeps it for a minute makes it ErrBusy.
// The name is part of that of a file.
func (a *Account) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if a.h == nil {
		return a.lockHere(ctx, name)
	}
	dir := a.h.Path("run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "turn-"+name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := waitLock(ctx, f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil
}

// turnWait is how long Lock waits: longer than a call to a service may take.
const turnWait = time.Minute

func waitLock(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, turnWait, ErrBusy)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, lockPause) {
		if ok, err := tryLock(f); ok || err != nil {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}

// lockHere is Lock among the goroutines of this process.
func (a *Account) lockHere(ctx context.Context, name string) (unlock func(), err error) {
	a.mu.Lock()
	turn, ok := a.locked[name]
	if !ok {
		turn = make(chan struct{}, 1)
		a.locked[name] = turn
	}
	a.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
