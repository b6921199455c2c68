package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

// ErrNoSession reports that there is no session to resume: there never was
// one, or it was ended, has run out or cannot be read. The error that wraps it
// says which.
var ErrNoSession = errors.New("no open session")

// A TokenError reports that a token opens no session. Nothing else may be
// tried in its place.
type TokenError struct {
	Reason string // without anything of the token
}

func (e *TokenError) Error() string { return "session token: " + e.Reason }

// A refusal says why a session is not resumed; the caller makes it an
// ErrNoSession or a TokenError.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errGone    refusal = "it has ended"
	errExpired refusal = "it has run out"
)

func noSession(err error) error {
	if r, ok := errors.AsType[refusal](err); ok {
		return fmt.Errorf("%w: %w", ErrNoSession, r)
	}
	return err
}

const (
	// DefaultIdle is the idle limit where a Limits has none.
	DefaultIdle = time.Hour
	// DefaultAbsolute is the absolute limit where a Limits has none.
	DefaultAbsolute = 12 * time.Hour
)

// Limits say how long a session lasts: Idle since its last use, Absolute in
// all. Zero is the default.
type Limits struct{ Idle, Absolute time.Duration }

func (l Limits) check() (Limits, error) {
	if l.Idle == 0 {
		l.Idle = DefaultIdle
	}
	if l.Absolute == 0 {
		l.Absolute = DefaultAbsolute
	}
	if l.Idle < time.Millisecond || l.Absolute < time.Millisecond {
		return l, fmt.Errorf("session limits of %v idle, %v in all are too short", l.Idle, l.Absolute)
	}
	return l, nil
}

// Sessions are the sessions of one home. They may be used from several
// goroutines, and by several processes at once.
type Sessions struct {
	h    *Home
	run  runDir
	ring keyring.Store
	now  func() time.Time
	rand io.Reader
}

// NewSessions returns the sessions of h. Without a ring (nil) only those with
// a token can be made and resumed.
func NewSessions(h *Home, ring keyring.Store, now func() time.Time, rand io.Reader) *Sessions {
	return &Sessions{h: h, run: runDir(h.Path("run")), ring: ring, now: now, rand: rand}
}

// Start makes a session that holds keys, whose memory it shares, and puts its
// key into the keyring. It replaces the session of the profile that was in the
// keyring, and makes the home if need be. If the keyring refuses, there is no
// session; the error is keyring.ErrUnavailable if it is not there at all.
func (s *Sessions) Start(ctx context.Context, profile string, keys secret.Bytes, l Limits) (*Session, error) {
	if s.ring == nil {
		return nil, fmt.Errorf("start session: %w: none is in use", keyring.ErrUnavailable)
	}
	ses, err := s.create(KindSession, profile, keys, l)
	if err != nil {
		return nil, fmt.Errorf("start session: %w", err)
	}
	name := ringName(ses.home, profile)
	old := s.inRing(ctx, name)
	value := formatRing(ses.id, ses.key)
	defer value.Wipe()
	if err := s.ring.Set(ctx, name, value, ses.ringTime(ses.used)); err != nil {
		ses.key.Wipe()
		return nil, fmt.Errorf("start session: %w", errors.Join(err, os.Remove(s.run.path(ses.id))))
	}
	// A record of the profile that is not in the keyring was left by a reboot,
	// or is that of another process which is just starting one.
	s.run.sweep(ses.used, func(e entry) bool {
		return e.id == old || e.kind == KindSession && e.profile == profile &&
			e.id != ses.id && ses.used.Sub(e.used) > time.Minute
	})
	return ses, nil
}

// Export makes a session like Start, but its key is in no keyring: whoever has
// the token has the session. Other sessions stay as they are.
func (s *Sessions) Export(ctx context.Context, profile string, keys secret.Bytes, l Limits) (secret.String, *Session, error) {
	return s.export(ctx, KindExported, profile, keys, l)
}

// Grant makes a session like Export, of the kind that holds only some values.
func (s *Sessions) Grant(ctx context.Context, profile string, values secret.Bytes, l Limits) (secret.String, *Session, error) {
	return s.export(ctx, KindGrant, profile, values, l)
}

func (s *Sessions) export(ctx context.Context, k Kind, profile string, keys secret.Bytes, l Limits) (secret.String, *Session, error) {
	if err := ctx.Err(); err != nil {
		return secret.String{}, nil, err
	}
	ses, err := s.create(k, profile, keys, l)
	if err != nil {
		return secret.String{}, nil, fmt.Errorf("export session: %w", err)
	}
	s.run.sweep(ses.used, func(entry) bool { return false })
	return formatToken(ses.id, ses.key), ses, nil
}

// create makes the record.
func (s *Sessions) create(k Kind, profile string, keys secret.Bytes, l Limits) (*Session, error) {
	l, err := l.check()
	if err := errors.Join(err, checkProfile(profile)); err != nil {
		return nil, err
	}
	now := s.now()
	ends := time.UnixMilli(now.Add(l.Absolute).UnixMilli())
	if ends.UnixMilli() <= 0 {
		return nil, fmt.Errorf("the clock says %v", now)
	}
	home, err := s.h.makeID(s.rand)
	if err != nil {
		return nil, err
	}
	ses := &Session{
		header: header{kind: k, profile: profile, ends: ends, idle: l.Idle.Truncate(time.Millisecond)},
		of:     s, home: home, keys: keys, used: now,
	}
	key := make([]byte, keySize)
	ses.key = sessionKey{secret.Of(key)}
	_, err = io.ReadFull(s.rand, ses.id[:])
	if err == nil {
		_, err = io.ReadFull(s.rand, key)
	}
	var data []byte
	if err == nil {
		data, ses.nonce, err = sealRecord(s.rand, home, ses.id, ses.key, ses.header, keys)
	}
	if err == nil {
		err = s.run.write(ses.id, data, now)
	}
	if err != nil {
		clear(key)
		return nil, err
	}
	return ses, nil
}

// inRing returns the id of the session in the keyring, or zeros.
func (s *Sessions) inRing(ctx context.Context, name string) sessionID {
	value, err := s.ring.Get(ctx, name)
	if err != nil {
		return sessionID{}
	}
	defer value.Wipe()
	id, _, err := parseRing(value)
	if err != nil {
		return sessionID{}
	}
	return id
}

// Resume returns the session of the profile whose key is in the keyring. It
// does not count as use. If there is none, the error is ErrNoSession; it is
// also keyring.ErrUnavailable if the reason is that the keyring is not there.
func (s *Sessions) Resume(ctx context.Context, profile string) (*Session, error) {
	if err := checkProfile(profile); err != nil {
		return nil, fmt.Errorf("resume session: %w", err)
	}
	if s.ring == nil {
		return nil, fmt.Errorf("%w: no keyring is in use", ErrNoSession)
	}
	home, err := s.h.readID()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the home is new", ErrNoSession)
	}
	if err != nil {
		return nil, fmt.Errorf("resume session: %w", err)
	}
	var ses *Session
	var tried sessionID
	for range 3 {
		id, key, err := s.ringKey(ctx, ringName(home, profile))
		if err != nil {
			return nil, err
		}
		if id == tried {
			key.Wipe()
			break
		}
		tried = id
		ses, err = s.open(home, id, key, profile, func(k Kind) bool { return k == KindSession })
		if err == nil {
			return ses, nil
		}
		key.Wipe()
		if _, ok := errors.AsType[refusal](err); !ok {
			return nil, fmt.Errorf("resume session: %w", err)
		}
		if !errors.Is(err, errGone) {
			return nil, noSession(err)
		}
		// Perhaps another one was started in between: look again.
	}
	return nil, noSession(errGone)
}

func (s *Sessions) ringKey(ctx context.Context, name string) (sessionID, sessionKey, error) {
	value, err := s.ring.Get(ctx, name)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return sessionID{}, sessionKey{}, ErrNoSession
	case errors.Is(err, keyring.ErrUnavailable):
		return sessionID{}, sessionKey{}, fmt.Errorf("%w: %w", ErrNoSession, err)
	case err != nil:
		return sessionID{}, sessionKey{}, fmt.Errorf("resume session: %w", err)
	}
	id, key, err := parseRing(value)
	if err != nil {
		value.Wipe()
		return sessionID{}, sessionKey{}, noSession(refusal(err.Error()))
	}
	return id, key, nil
}

// ResumeToken returns the exported session or grant of the profile that token
// opens. It does not count as use. If there is none, the error is a
// *TokenError.
func (s *Sessions) ResumeToken(ctx context.Context, profile string, token secret.String) (*Session, error) {
	if err := errors.Join(ctx.Err(), checkProfile(profile)); err != nil {
		return nil, fmt.Errorf("resume session: %w", err)
	}
	id, key, err := parseToken(token)
	if err != nil {
		return nil, &TokenError{err.Error()}
	}
	home, err := s.h.readID()
	if errors.Is(err, fs.ErrNotExist) {
		err = errGone
	}
	var ses *Session
	if err == nil {
		ses, err = s.open(home, id, key, profile, func(k Kind) bool { return k != KindSession })
	}
	if err == nil {
		return ses, nil
	}
	key.Wipe()
	if r, ok := errors.AsType[refusal](err); ok {
		if r == errGone {
			r += ", or it is of another home"
		}
		return nil, &TokenError{string(r)}
	}
	return nil, fmt.Errorf("resume session: %w", err)
}

// open reads and opens a record. The session shares key; after an error it is
// still for the caller to wipe.
func (s *Sessions) open(home homeID, id sessionID, key sessionKey, profile string, allowed func(Kind) bool) (*Session, error) {
	data, used, err := s.run.read(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	var r record
	if err == nil {
		r, err = parseRecord(data)
	}
	var keys secret.Bytes
	if err == nil {
		keys, err = openRecord(r, home, id, key)
	}
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, errVersion), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, refusal("its record is " + err.Error())
	case err != nil:
		return nil, err
	}
	ses := &Session{header: r.header, of: s, home: home, id: id, key: key, keys: keys, nonce: r.nonce, used: used}
	switch {
	case !allowed(r.kind):
		err = refusal("it is of the wrong kind: " + r.kind.String())
	case r.profile != profile:
		err = refusal("it is for the profile " + r.profile)
	case ses.Left(s.now()) <= 0:
		err = errExpired
	}
	if err != nil {
		keys.Wipe()
		return nil, err
	}
	return ses, nil
}

// End ends the sessions and grants of the profile, or of every profile if it
// is empty: the records are removed and the keys in the keyring made invalid.
// It returns how many were open. It goes on after an error, and returns all of
// them; a keyring that is not there is none.
func (s *Sessions) End(ctx context.Context, profile string) (ended int, err error) {
	profiles := map[string]bool{profile: true}
	if profile == "" {
		profiles = map[string]bool{"default": true}
	} else if err := checkProfile(profile); err != nil {
		return 0, fmt.Errorf("end session: %w", err)
	}
	// Where there can be no lock, ending matters more.
	unlock, lockErr := s.run.lock()
	records, _, err := s.run.list()
	for _, e := range records {
		if profile != "" && (e.err != nil || e.profile != profile) {
			continue
		}
		removed := os.Remove(s.run.path(e.id))
		if removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
		if e.err != nil {
			continue
		}
		profiles[e.profile] = true
		if removed == nil && e.left(e.used, s.now()) > 0 {
			ended++
		}
	}
	if lockErr == nil {
		unlock()
	}
	if err = errors.Join(err, s.endKeys(ctx, profiles)); err != nil {
		return ended, fmt.Errorf("end session: %w", err)
	}
	return ended, nil
}

func (s *Sessions) endKeys(ctx context.Context, profiles map[string]bool) error {
	if s.ring == nil {
		return nil
	}
	home, err := s.h.readID()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		return nil // without an identity no key can be found, and no record opens
	}
	if err != nil {
		return err
	}
	for profile := range profiles {
		if e := s.ring.Delete(ctx, ringName(home, profile)); e != nil && !errors.Is(e, keyring.ErrUnavailable) {
			err = errors.Join(err, e)
		}
	}
	return err
}
