package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrNoToken reports that there is no token for this service.
	ErrNoToken = errors.New("no token")
	// ErrOrigin reports a token that is for another origin.
	ErrOrigin = errors.New("the token is for another origin")
)

// ringLimit is the longest value that an OS keyring takes.
const ringLimit = 1 << 10

// A Token is what a service gave to this machine.
type Token struct {
	Origin string // the only one it may be sent to, such as https://vault.example:8443
	Secret secret.Bytes
}

// clone returns a copy that is wiped on its own.
func (t Token) clone() Token {
	t.Secret = secret.Of(bytes.Clone(t.Secret.Reveal()))
	return t
}

// Tokens are the tokens of one home, one for each service of a profile. They
// may be used from several goroutines, and by several processes at once.
type Tokens struct {
	h    *Home
	ring keyring.Store
	key  *DeviceKey
	rand io.Reader
}

// NewTokens returns the tokens of h, kept in ring, the OS keyring. Those that
// ring does not take, because it is nil, not available, or they are long, are
// sealed under key in the home. It does no I/O.
func NewTokens(h *Home, ring keyring.Store, key *DeviceKey, rand io.Reader) *Tokens {
	return &Tokens{h: h, ring: ring, key: key, rand: rand}
}

// Get returns the token of the service, to be sent to origin, which must be
// letter for letter that of Set; if it is not, the error is ErrOrigin. If there
// is no token, or nothing that could open it ever again, the error is
// ErrNoToken. If only this process cannot get at it, the error is
// keyring.ErrUnavailable or ErrNoDeviceKey.
func (t *Tokens) Get(ctx context.Context, profile, service, origin string) (Token, error) {
	token, err := t.get(ctx, profile, service)
	if err == nil && token.Origin != origin {
		token.Secret.Wipe()
		err = fmt.Errorf("%w: %s, not %s", ErrOrigin, token.Origin, origin)
	}
	if err != nil {
		return Token{}, fmt.Errorf("token of %s: %w", service, err)
	}
	return token, nil
}

func (t *Tokens) get(ctx context.Context, profile, service string) (Token, error) {
	if err := errors.Join(ctx.Err(), checkProfile(profile), checkService(service)); err != nil {
		return Token{}, err
	}
	home, err := t.h.readID()
	if errors.Is(err, fs.ErrNotExist) {
		return Token{}, ErrNoToken
	}
	if err != nil {
		return Token{}, err
	}
	entries, err := t.read()
	if err != nil {
		return Token{}, err
	}
	i, ok := find(entries, profile, service)
	if !ok || entries[i].place == nowhere {
		return Token{}, ErrNoToken
	}
	if entries[i].place == inRing {
		return t.fromRing(ctx, tokenName(home, profile, service))
	}
	key, err := t.key.get(ctx, home, false)
	if errors.Is(err, errNeverMade) {
		err = errOtherKey
	}
	var token Token
	if err == nil {
		token, err = openToken(home, key, entries[i])
	}
	if errors.Is(err, errOtherKey) {
		err = fmt.Errorf("%w: %w", ErrNoToken, err)
	}
	return token, err
}

func (t *Tokens) fromRing(ctx context.Context, name string) (Token, error) {
	if t.ring == nil {
		return Token{}, errNotInUse()
	}
	value, err := t.ring.Get(ctx, name)
	if errors.Is(err, keyring.ErrNotFound) {
		return Token{}, fmt.Errorf("%w: it is not in the OS keyring any more", ErrNoToken)
	}
	if err != nil {
		return Token{}, err
	}
	token, err := parseValue(value)
	if err != nil {
		value.Wipe()
	}
	return token, err
}

func errNotInUse() error {
	return fmt.Errorf("%w: the OS keyring, which has it, is not in use", keyring.ErrUnavailable)
}

// Set sets or replaces the token of the service, and makes the home if need be.
// It keeps no reference to the token. If nothing can keep it, the error is
// ErrNoDeviceKey. When Set returns, the token is on disk or in the OS keyring.
func (t *Tokens) Set(ctx context.Context, profile, service string, token Token) error {
	err := errors.Join(ctx.Err(), checkProfile(profile), checkService(service), token.check())
	if err == nil {
		_, err = t.h.makeID(t.rand)
	}
	if err == nil {
		err = t.change(func(home homeID, entries []tokenEntry) error {
			return t.set(ctx, home, entries, tokenEntry{profile: profile, service: service}, token)
		})
	}
	if err != nil {
		return fmt.Errorf("keep token of %s: %w", service, err)
	}
	return nil
}

func (t *Tokens) set(ctx context.Context, home homeID, entries []tokenEntry, e tokenEntry, token Token) error {
	value := formatValue(token)
	defer value.Wipe()
	i, ok := find(entries, e.profile, e.service)
	if !ok {
		entries = slices.Insert(entries, i, e)
	}
	old := entries[i] // with no place at all if it is new
	if t.ring != nil && value.Len() <= ringLimit {
		err := t.setInRing(ctx, tokenName(home, e.profile, e.service), value, entries, i)
		if !errors.Is(err, keyring.ErrUnavailable) {
			return err
		}
	}
	key, err := t.key.get(ctx, home, true)
	if err == nil {
		e.sealed, err = sealToken(t.rand, home, key, e.profile, e.service, value)
	}
	if err != nil {
		return err
	}
	e.place = inFile
	if ok && old.place.ring() {
		e.place = inFileMoved
	}
	entries[i] = e
	return t.write(entries)
}

// setInRing writes down that the OS keyring may have the token before it does:
// after a crash in between it is still known what there is to delete.
func (t *Tokens) setInRing(ctx context.Context, name string, value secret.Bytes, entries []tokenEntry, i int) error {
	e := entries[i]
	switch e.place {
	case inRing:
		return t.ring.Set(ctx, name, value, 0)
	case inFile:
		entries[i].place = inFileMoved
	case 0:
		entries[i].place = nowhere
	case inFileMoved, nowhere: // say so already
	}
	if entries[i].place != e.place {
		if err := t.write(entries); err != nil {
			return err
		}
	}
	if err := t.ring.Set(ctx, name, value, 0); err != nil {
		if errors.Is(err, keyring.ErrUnavailable) && entries[i].place != e.place {
			entries[i] = e
			before := slices.DeleteFunc(slices.Clone(entries), func(e tokenEntry) bool { return e.place == 0 })
			err = errors.Join(err, t.write(before))
		}
		return err
	}
	entries[i].place, entries[i].sealed = inRing, nil
	return t.write(entries)
}

// Delete deletes the token of the service. That there is none is no error. If
// the OS keyring, which has it, is not available, the error is
// keyring.ErrUnavailable: Get does not find the token any more, but it is still
// there; Delete and DeleteProfile try again.
func (t *Tokens) Delete(ctx context.Context, profile, service string) error {
	return t.delete(ctx, profile, func(e tokenEntry) bool { return e.service == service })
}

// DeleteProfile deletes every token of the profile, like Delete.
func (t *Tokens) DeleteProfile(ctx context.Context, profile string) error {
	return t.delete(ctx, profile, func(tokenEntry) bool { return true })
}

func (t *Tokens) delete(ctx context.Context, profile string, which func(tokenEntry) bool) error {
	if err := errors.Join(ctx.Err(), checkProfile(profile)); err != nil {
		return fmt.Errorf("delete token: %w", err)
	}
	err := t.change(func(home homeID, entries []tokenEntry) error {
		var left []tokenEntry
		var still error
		for _, e := range entries {
			if e.profile != profile || !which(e) {
				left = append(left, e)
				continue
			}
			if err := t.deleteFromRing(ctx, home, e); err != nil {
				still = errors.Join(still, fmt.Errorf("%s: %w", e.service, err))
				left = append(left, tokenEntry{e.profile, e.service, nowhere, nil})
			}
		}
		if len(left) == len(entries) && still == nil {
			return nil
		}
		return errors.Join(t.write(left), still)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete token: %w", err)
	}
	return nil
}

func (t *Tokens) deleteFromRing(ctx context.Context, home homeID, e tokenEntry) error {
	switch {
	case !e.place.ring():
		return nil
	case t.ring == nil:
		return errNotInUse()
	}
	return t.ring.Delete(ctx, tokenName(home, e.profile, e.service))
}

// change calls do under a lock, so that of two changes at once none is lost.
// In a home that is not there it makes nothing: the error is fs.ErrNotExist.
func (t *Tokens) change(do func(homeID, []tokenEntry) error) error {
	home, err := t.h.readID()
	if err != nil {
		return err
	}
	unlock, err := lockPath(t.h.Path("tokens.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := t.read()
	if err != nil {
		return err
	}
	return do(home, entries)
}

func (t *Tokens) write(entries []tokenEntry) error {
	b, err := formatTokens(entries)
	if err != nil {
		return err
	}
	return t.h.replaceFile("tokens", b)
}

// read returns the entries, which are none if there is no file.
func (t *Tokens) read() ([]tokenEntry, error) {
	path := t.h.Path("tokens")
	b, _, err := readFile(path, maxTokens, maxTokens)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var entries []tokenEntry
	if err == nil {
		entries, err = parseTokens(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}
