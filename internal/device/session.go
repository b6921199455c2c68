package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// ErrResealed reports that another process changed what the session holds
// since it was read here. Resume it again and apply the change to that.
var ErrResealed = errors.New("the session was changed by another process")

// A Session is an open session. It is not for concurrent use.
type Session struct {
	header
	of    *Sessions
	home  homeID
	id    sessionID
	key   sessionKey
	keys  secret.Bytes
	nonce []byte
	used  time.Time
}

// ID returns the id of the session, 32 hexadecimal characters. It is no
// secret.
func (s *Session) ID() string { return s.id.String() }

// Kind returns what the session is for.
func (s *Session) Kind() Kind { return s.kind }

// Profile returns the name of the profile that the session belongs to.
func (s *Session) Profile() string { return s.profile }

// Keys returns what the session holds; the session and the caller share its
// memory.
func (s *Session) Keys() secret.Bytes { return s.keys }

// Ends returns when the session ends, however much it is used.
func (s *Session) Ends() time.Time { return s.ends }

// Idle returns how long the session stays open without being used.
func (s *Session) Idle() time.Duration { return s.idle }

// Left returns how long the session stays open if it is not used from now on;
// 0 if it is over.
func (s *Session) Left(now time.Time) time.Duration { return s.left(s.used, now) }

// Wipe overwrites the keys in memory. The session stays open for others.
func (s *Session) Wipe() {
	s.key.Wipe()
	s.keys.Wipe()
}

// Renew counts as use: the idle limit starts anew. If the session was ended or
// has run out, the error is ErrNoSession and nothing is renewed. Any other
// error leaves the session as usable as it was: a caller who only reads, in a
// home that cannot be written to, may ignore it.
func (s *Session) Renew(ctx context.Context) error {
	now := s.of.now()
	if s.Left(now) <= 0 {
		return noSession(errExpired)
	}
	err := os.Chtimes(s.of.run.path(s.id), now, now)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noSession(errGone)
	case err == nil:
		s.used = now
	}
	if s.kind == KindSession && s.of.ring != nil {
		err = errors.Join(err, s.of.ring.Touch(ctx, ringName(s.home, s.profile), s.ringTime(now)))
	}
	if err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	return nil
}

// Reseal replaces what the session holds by keys, which it shares with the
// caller from now on; the former keys are not wiped. It does not count as use.
// Readers see the one or the other. If the session was ended or has run out,
// the error is ErrNoSession, and it stays ended; if another process was
// faster, the error is ErrResealed.
func (s *Session) Reseal(keys secret.Bytes) error {
	if s.Left(s.of.now()) <= 0 {
		return noSession(errExpired)
	}
	data, nonce, err := sealRecord(s.of.rand, s.home, s.id, s.key, s.header, keys)
	if err != nil {
		return fmt.Errorf("reseal session: %w", err)
	}
	tmp, err := writeTemp(string(s.of.run), data)
	if errors.Is(err, fs.ErrNotExist) {
		return noSession(errGone)
	}
	if err != nil {
		return fmt.Errorf("reseal session: %w", err)
	}
	if err := s.replace(tmp); err != nil {
		return err
	}
	s.keys, s.nonce = keys, nonce
	return nil
}

// replace puts tmp in the record's place, under the lock: otherwise it could
// bring back a session that was ended a moment ago.
func (s *Session) replace(tmp string) error {
	defer os.Remove(tmp) //nolint:errcheck // not there any more if all went well
	unlock, err := s.of.run.lock()
	if err != nil {
		return fmt.Errorf("reseal session: %w", err)
	}
	defer unlock()
	data, used, err := s.of.run.read(s.id)
	if errors.Is(err, fs.ErrNotExist) {
		return noSession(errGone)
	}
	var r record
	if err == nil {
		r, err = parseRecord(data)
	}
	if err != nil {
		return fmt.Errorf("reseal session: %w", err)
	}
	if !bytes.Equal(r.nonce, s.nonce) {
		return ErrResealed
	}
	if err := s.of.run.place(tmp, s.id, used); err != nil {
		return fmt.Errorf("reseal session: %w", err)
	}
	return nil
}

// ringTime is how long the keyring should hold the key.
func (s *Session) ringTime(now time.Time) time.Duration { return min(s.idle, s.ends.Sub(now)) }
