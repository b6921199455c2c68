package blobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrPending reports a session that nobody has approved yet.
	ErrPending = errors.New("the session is not approved yet")
	// ErrBusy reports that too many sessions wait.
	ErrBusy = errors.New("too many sessions wait to be approved")
)

const (
	// SessionTime is how long a session waits to be approved and taken.
	SessionTime = 5 * time.Minute
	// maxSessions is how many may wait: anybody can begin one.
	maxSessions = 1000
	// sessionBytes is how many random bytes an id has.
	sessionBytes = 24
)

// A Session is a login that waits for somebody to approve it: then whoever
// knows its id gets a token, once. The id is kept as a hash.
type Session struct {
	ID      secret.String
	Expires time.Time // UTC, milliseconds
}

var sessionPrefix = []byte("bs/")

func sessionKey(id secret.String) []byte {
	sum := sha256.Sum256(id.Bytes().Reveal())
	return append(bytes.Clone(sessionPrefix), sum[:]...)
}

// Begin starts a session. Those that are out of date are removed on this
// occasion; if too many are left it is ErrBusy.
func Begin(tx kv.Tx, now time.Time, rand io.Reader) (Session, error) {
	waiting := 0
	var old [][]byte
	for k, b := range tx.Scan(sessionPrefix) {
		if _, err := parseSession(b, now); err != nil {
			old = append(old, bytes.Clone(k))
			continue
		}
		waiting++
	}
	for _, k := range old {
		if err := tx.Delete(k); err != nil {
			return Session{}, err
		}
	}
	if waiting >= maxSessions {
		return Session{}, ErrBusy
	}
	raw := make([]byte, sessionBytes)
	if _, err := io.ReadFull(rand, raw); err != nil {
		return Session{}, fmt.Errorf("draw the id of a session: %w", err)
	}
	s := Session{secret.Text(base64.RawURLEncoding.AppendEncode(nil, raw)), millis(now.Add(SessionTime))}
	return s, putSession(tx, s, "")
}

func putSession(tx kv.Tx, s Session, owner string) error {
	w := record.New(version)
	w.Time(s.Expires)
	w.Bytes([]byte(owner))
	return tx.Put(sessionKey(s.ID), w.Record())
}

// An approval is what is kept of a session.
type approval struct {
	expires time.Time
	owner   string // empty: nobody has approved it
}

// parseSession is ErrNotFound for a session that is out of date.
func parseSession(b []byte, now time.Time) (approval, error) {
	r := record.Read(b, version)
	a := approval{r.Time(), string(r.Bytes())}
	switch {
	case r.Done() != nil:
		return approval{}, fmt.Errorf("session: %w", ErrDamaged)
	case !now.Before(a.expires):
		return approval{}, fmt.Errorf("session: %w", ErrNotFound)
	}
	return a, nil
}

func getSession(tx kv.Tx, now time.Time, id secret.String) (approval, error) {
	b := tx.Get(sessionKey(id))
	if b == nil {
		return approval{}, fmt.Errorf("session: %w", ErrNotFound)
	}
	return parseSession(b, now)
}

// Approve lets a session log in as owner. One that is unknown, out of date or
// taken is ErrNotFound; one that is approved already, ErrExists.
func Approve(tx kv.Tx, now time.Time, id secret.String, owner string) error {
	if err := checkOwner(owner); err != nil {
		return err
	}
	a, err := getSession(tx, now, id)
	switch {
	case err != nil:
		return err
	case a.owner != "":
		return fmt.Errorf("an approval of the session: %w", ErrExists)
	}
	return putSession(tx, Session{id, a.expires}, owner)
}

// Peek returns whether a session was approved: nil, ErrPending, or ErrNotFound.
func Peek(tx kv.Tx, now time.Time, id secret.String) error {
	a, err := getSession(tx, now, id)
	if err == nil && a.owner == "" {
		return ErrPending
	}
	return err
}

// Take ends an approved session and returns whose it is: whoever gets that may
// be given a token. Else it is ErrPending or ErrNotFound, and nothing changes.
func Take(tx kv.Tx, now time.Time, id secret.String) (owner string, err error) {
	if err := Peek(tx, now, id); err != nil {
		return "", err
	}
	a, err := getSession(tx, now, id)
	if err != nil {
		return "", err
	}
	return a.owner, tx.Delete(sessionKey(id))
}
