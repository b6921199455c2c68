package accounts

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrTokenReuse reports a refresh token that was replaced: somebody has a
	// copy of it, so the session has ended.
	ErrTokenReuse = errors.New("the refresh token was used before; the session has ended")
	// ErrSessionExpired reports a refresh token that is out of date.
	ErrSessionExpired = errors.New("the session is out of date")
)

// SessionTime is how long a session lasts without being refreshed.
const SessionTime = 168 * time.Hour

// A Session is one device that is logged in.
type Session struct {
	ID, User               seal.ID
	Device                 string
	Created, Used, Expires time.Time // UTC, milliseconds

	current, before [32]byte // the refresh token and the one that it replaced
}

// A Grant is what a login or a refresh gives.
type Grant struct {
	Account Account
	Session Session
	Refresh secret.String // the refresh token, of which only a hash is kept
}

func sessionKey(id seal.ID) []byte      { return append([]byte("as/"), id[:]...) }
func tokenKey(mac [32]byte) []byte      { return append([]byte("at/"), mac[:]...) }
func ofUserPrefix(user seal.ID) []byte  { return append([]byte("au/"), user[:]...) }
func ofUserKey(user, id seal.ID) []byte { return append(ofUserPrefix(user), id[:]...) }
func millis(t time.Time) time.Time      { return t.UTC().Truncate(time.Millisecond) }
func checkText(field, text string) error {
	if len(text) > maxText || !utf8.ValidString(text) {
		return &InvalidError{field, "it must have at most 255 bytes of UTF-8"}
	}
	return nil
}

// newSession starts a session of a.
func newSession(tx kv.Tx, now time.Time, k Keys, rand io.Reader, a Account, device string) (Grant, error) {
	list, err := Sessions(tx, a.ID)
	if err != nil {
		return Grant{}, err
	}
	for _, s := range list {
		if device != "" && s.Device == device {
			if err := s.end(tx); err != nil {
				return Grant{}, err
			}
		}
	}
	id, err := seal.MakeID(rand)
	if err != nil {
		return Grant{}, err
	}
	now = millis(now)
	s := Session{ID: id, User: a.ID, Device: device, Created: now}
	if err := tx.Put(ofUserKey(a.ID, id), nil); err != nil {
		return Grant{}, err
	}
	return s.grant(tx, now, k, rand, a)
}

// grant gives s a new refresh token.
func (s Session) grant(tx kv.Tx, now time.Time, k Keys, rand io.Reader, a Account) (Grant, error) {
	token := make([]byte, 32)
	if _, err := io.ReadFull(rand, token); err != nil {
		return Grant{}, err
	}
	s.Used, s.Expires = millis(now), millis(now.Add(SessionTime))
	s.before, s.current = s.current, k.mac("refresh", token)
	text := secret.TextOf(base64.RawURLEncoding.EncodeToString(token))
	return Grant{a, s, text}, errors.Join(tx.Put(tokenKey(s.current), s.ID[:]), s.put(tx))
}

func (s Session) put(tx kv.Tx) error {
	w := record.New(version)
	w.Fixed(s.User[:])
	w.Bytes([]byte(s.Device))
	w.Time(s.Created)
	w.Time(s.Used)
	w.Time(s.Expires)
	w.Fixed(s.current[:])
	w.Fixed(s.before[:])
	return tx.Put(sessionKey(s.ID), w.Record())
}

func getSession(tx kv.Tx, id seal.ID) (Session, error) {
	b := tx.Get(sessionKey(id))
	if b == nil {
		return Session{}, ErrNotFound
	}
	s := Session{ID: id}
	r := record.Read(b, version)
	r.Fixed(s.User[:])
	s.Device = string(r.Bytes())
	s.Created, s.Used, s.Expires = r.Time(), r.Time(), r.Time()
	r.Fixed(s.current[:])
	r.Fixed(s.before[:])
	if r.Done() != nil {
		return Session{}, fmt.Errorf("session %s: %w", id, ErrDamaged)
	}
	return s, nil
}

// end removes all that is known of s.
func (s Session) end(tx kv.Tx) error {
	return errors.Join(tx.Delete(tokenKey(s.current)), tx.Delete(tokenKey(s.before)),
		tx.Delete(sessionKey(s.ID)), tx.Delete(ofUserKey(s.User, s.ID)))
}

// hash returns what stands for a refresh token in the store; ok says whether
// it has the form of one.
func (k Keys) hash(token secret.String) (mac [32]byte, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	if err != nil || len(b) != 32 {
		return mac, false
	}
	return k.mac("refresh", b), true
}

// byToken returns the session of a refresh token, or ErrCredentials.
func byToken(tx kv.Tx, k Keys, token secret.String) (s Session, mac [32]byte, err error) {
	mac, ok := k.hash(token)
	if !ok {
		return s, mac, ErrCredentials
	}
	b := tx.Get(tokenKey(mac))
	if len(b) != len(seal.ID{}) {
		return s, mac, ErrCredentials
	}
	s, err = getSession(tx, seal.ID(b))
	return s, mac, err
}

// Refresh gives the session of a refresh token another one, which lasts
// SessionTime, and ends the token. An unknown token is ErrCredentials, one that
// was replaced ErrTokenReuse, one out of date ErrSessionExpired; the last two
// end the session. It has to run in Update.
func Refresh(tx kv.Tx, now time.Time, k Keys, rand io.Reader, token secret.String) (Grant, error) {
	s, mac, err := byToken(tx, k, token)
	if err != nil {
		return Grant{}, err
	}
	a, err := Get(tx, s.User)
	var refused error
	switch {
	case err != nil:
		return Grant{}, err
	case subtle.ConstantTimeCompare(mac[:], s.current[:]) != 1:
		refused = ErrTokenReuse
	case !now.Before(s.Expires):
		refused = ErrSessionExpired
	case a.Disabled:
		refused = ErrDisabled
	}
	if refused != nil {
		if err := s.end(tx); err != nil {
			return Grant{}, err
		}
		return Grant{}, refusedError{refused}
	}
	if err := tx.Delete(tokenKey(s.before)); err != nil {
		return Grant{}, err
	}
	return s.grant(tx, now, k, rand, a)
}

// Logout ends the session of a refresh token, the one that was replaced last
// too. A token that is unknown is no error.
func Logout(tx kv.Tx, k Keys, token secret.String) error {
	s, _, err := byToken(tx, k, token)
	if errors.Is(err, ErrCredentials) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.end(tx)
}

// Sessions returns the sessions of a user, oldest first; some may be out of date.
func Sessions(tx kv.Tx, user seal.ID) ([]Session, error) {
	var list []Session
	prefix := ofUserPrefix(user)
	for k := range tx.Scan(prefix) {
		if len(k) != len(prefix)+len(seal.ID{}) {
			return nil, ErrDamaged
		}
		s, err := getSession(tx, seal.ID(k[len(prefix):]))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Session) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// EndSession ends one session of a user, or returns ErrNotFound.
func EndSession(tx kv.Tx, user, id seal.ID) error {
	s, err := getSession(tx, id)
	if err != nil {
		return err
	}
	if s.User != user {
		return ErrNotFound
	}
	return s.end(tx)
}

// EndSessions ends every session of a user.
func EndSessions(tx kv.Tx, user seal.ID) error {
	list, err := Sessions(tx, user)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := s.end(tx); err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes what is out of date: sessions, invites and failed logins. It
// is for a service to call now and then; nothing depends on it.
func Sweep(tx kv.Tx, now time.Time) error {
	var old [][]byte
	var ended []Session
	for k := range tx.Scan([]byte("as/")) {
		if len(k) != len(sessionKey(seal.ID{})) {
			continue
		}
		if s, err := getSession(tx, seal.ID(k[3:])); err == nil && !now.Before(s.Expires) {
			ended = append(ended, s)
		}
	}
	for k, b := range tx.Scan([]byte("af/")) {
		if _, last, err := parseFailures(b); err == nil && !now.Before(last.Add(LockTime)) {
			old = append(old, bytes.Clone(k))
		}
	}
	for k, b := range tx.Scan(invitePrefix) {
		if i, err := parseInvite(b); err == nil && !now.Before(i.Expires) {
			old = append(old, bytes.Clone(k))
		}
	}
	for _, s := range ended {
		if err := s.end(tx); err != nil {
			return err
		}
	}
	for _, k := range old {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
