package device

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

// A Kind says what a session is for.
type Kind byte

const (
	// KindSession is a session whose key is in a keyring.
	KindSession Kind = 1
	// KindExported is a session whose key is only in a token.
	KindExported Kind = 2
	// KindGrant is a session that holds only some values; its key is only in
	// a token.
	KindGrant Kind = 3
)

// String returns "session", "exported" or "grant".
func (k Kind) String() string {
	switch k {
	case KindSession:
		return "session"
	case KindExported:
		return "exported"
	case KindGrant:
		return "grant"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

const (
	idText    = 32 // characters of an id
	keySize   = 32
	nonceSize = 12
	tagSize   = 16

	recordVersion = 1
	recordLabel   = "keyhold/session/1"
	headerFixed   = 1 + 1 + 8 + 8 + 1
	maxProfile    = 128
	maxHeader     = headerFixed + maxProfile
	maxRecord     = 1 << 20
	maxPayload    = maxRecord - maxHeader - nonceSize - tagSize

	tokenPrefix = "kh1."
	tokenText   = len(tokenPrefix) + idText + 1 + 43
	ringSize    = 16 + keySize
)

// errVersion reports a record that another version of keyhold made.
var errVersion = errors.New("made by another version of keyhold")

type (
	homeID    [16]byte
	sessionID [16]byte
	// A sessionKey seals one record.
	sessionKey struct{ secret.Bytes }
)

func (id homeID) String() string    { return hex.EncodeToString(id[:]) }
func (id sessionID) String() string { return hex.EncodeToString(id[:]) }

func parseHomeID(b []byte) (id homeID, err error) {
	if !parseID(id[:], b) {
		return homeID{}, fmt.Errorf("%w: it must hold %d hexadecimal characters", ErrDamaged, idText)
	}
	return id, nil
}

func parseSessionID(s string) (id sessionID, ok bool) {
	ok = parseID(id[:], []byte(s))
	return id, ok
}

// parseID accepts only what String writes: lower case, nothing around it.
func parseID(dst, text []byte) bool {
	if len(text) != idText || bytes.ContainsAny(text, "ABCDEF") {
		return false
	}
	_, err := hex.Decode(dst, text)
	return err == nil
}

// A header is the part of a record that can be read without its key, and
// believed only with it.
type header struct {
	kind    Kind
	profile string
	ends    time.Time     // whole milliseconds
	idle    time.Duration // whole milliseconds
}

func (h header) encode() []byte {
	b := make([]byte, 0, maxHeader)
	b = append(b, recordVersion, byte(h.kind))
	b = binary.BigEndian.AppendUint64(b, uint64(h.ends.UnixMilli())) //nolint:gosec // checked to be positive
	b = binary.BigEndian.AppendUint64(b, uint64(h.idle.Milliseconds()))
	return appendText(b, h.profile)
}

// left is how long a session last used at used is still open at now; 0 if it
// is not. One that was used in the future is not: the clock cannot be trusted.
func (h header) left(used, now time.Time) time.Duration {
	since := now.Sub(used)
	if since < -time.Minute {
		return 0
	}
	return max(0, min(h.ends.Sub(now), h.idle-max(0, since)))
}

// parseHeader reads the header at the start of b and returns its length.
func parseHeader(b []byte) (h header, n int, err error) {
	if len(b) > 0 && b[0] != recordVersion {
		return header{}, 0, errVersion
	}
	if len(b) < headerFixed {
		return header{}, 0, fmt.Errorf("%w: too short", ErrDamaged)
	}
	ends, idle := binary.BigEndian.Uint64(b[2:]), binary.BigEndian.Uint64(b[10:])
	n = headerFixed + int(b[18])
	if len(b) < n {
		return header{}, 0, fmt.Errorf("%w: too short", ErrDamaged)
	}
	h = header{kind: Kind(b[1]), profile: string(b[headerFixed:n])}
	if h.kind < KindSession || h.kind > KindGrant || checkProfile(h.profile) != nil ||
		ends == 0 || ends > math.MaxInt64 || idle == 0 || idle > math.MaxInt64/uint64(time.Millisecond) {
		return header{}, 0, fmt.Errorf("%w: header", ErrDamaged)
	}
	h.ends = time.UnixMilli(int64(ends))
	h.idle = time.Duration(idle) * time.Millisecond //nolint:gosec // checked above
	return h, n, nil
}

// A record is a session file, taken apart.
type record struct {
	header
	head, nonce, sealed []byte
}

// parseRecord takes b apart, of which the record keeps parts.
func parseRecord(b []byte) (record, error) {
	h, n, err := parseHeader(b)
	if err != nil {
		return record{}, err
	}
	if len(b) < n+nonceSize+tagSize || len(b) > maxRecord {
		return record{}, fmt.Errorf("%w: length", ErrDamaged)
	}
	return record{h, b[:n], b[n : n+nonceSize], b[n+nonceSize:]}, nil
}

// sealRecord returns the record's file and where in it the nonce is.
func sealRecord(rand io.Reader, home homeID, id sessionID, key sessionKey, h header, payload secret.Bytes) (data, nonce []byte, err error) {
	if payload.Len() > maxPayload {
		return nil, nil, fmt.Errorf("session of %d bytes, more than %d", payload.Len(), maxPayload)
	}
	gcm, err := newGCM(key)
	if err != nil {
		return nil, nil, err
	}
	head := h.encode()
	n := len(head)
	data = make([]byte, n+nonceSize, n+nonceSize+payload.Len()+tagSize)
	copy(data, head)
	nonce = data[n:]
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, nil, err
	}
	return gcm.Seal(data, nonce, payload.Reveal(), additional(home, id, head)), nonce, nil
}

// openRecord returns the payload, in memory of its own.
func openRecord(r record, home homeID, id sessionID, key sessionKey) (secret.Bytes, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return secret.Bytes{}, err
	}
	payload, err := gcm.Open(nil, r.nonce, r.sealed, additional(home, id, r.head))
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("%w or of another home", ErrDamaged)
	}
	return secret.Of(payload), nil
}

func additional(home homeID, id sessionID, head []byte) []byte {
	b := make([]byte, 0, len(recordLabel)+len(home)+len(id)+maxHeader)
	b = append(b, recordLabel...)
	b = append(b, home[:]...)
	b = append(b, id[:]...)
	return append(b, head...)
}

func newGCM(key interface{ Reveal() []byte }) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key.Reveal())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func formatToken(id sessionID, key sessionKey) secret.String {
	b := make([]byte, 0, tokenText)
	b = append(b, tokenPrefix...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '.')
	return secret.Text(base64.RawURLEncoding.AppendEncode(b, key.Reveal()))
}

// parseToken accepts only what formatToken writes. Its errors are texts that
// hold nothing of the token.
func parseToken(token secret.String) (sessionID, sessionKey, error) {
	b := token.Bytes().Reveal()
	bad := func(what string) (sessionID, sessionKey, error) {
		return sessionID{}, sessionKey{}, fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	switch {
	case !bytes.HasPrefix(b, []byte(tokenPrefix)):
		return bad("it does not start with " + tokenPrefix)
	case len(b) != tokenText:
		return bad(fmt.Sprintf("it has %d characters instead of %d", len(b), tokenText))
	case b[len(tokenPrefix)+idText] != '.':
		return bad("its second full stop is missing")
	}
	var id sessionID
	if !parseID(id[:], b[len(tokenPrefix):][:idText]) {
		return bad("its id is not hexadecimal")
	}
	key := make([]byte, keySize+1) // Decode wants room for all of 43 characters
	n, err := base64.RawURLEncoding.Strict().Decode(key, b[tokenText-43:])
	if err != nil || n != keySize {
		clear(key)
		return bad("its key is not base64url")
	}
	return id, sessionKey{secret.Of(key[:keySize:keySize])}, nil
}

// formatRing is what a keyring holds.
func formatRing(id sessionID, key sessionKey) secret.Bytes {
	return secret.Of(append(append(make([]byte, 0, ringSize), id[:]...), key.Reveal()...))
}

// parseRing takes value apart; the key shares its memory.
func parseRing(value secret.Bytes) (sessionID, sessionKey, error) {
	b := value.Reveal()
	if len(b) != ringSize {
		return sessionID{}, sessionKey{}, fmt.Errorf("%w: entry of %d bytes in the keyring", ErrDamaged, len(b))
	}
	return sessionID(b[:16]), sessionKey{secret.Of(b[16:])}, nil
}

func ringName(home homeID, profile string) string { return home.String() + ":" + profile }

func checkProfile(p string) error {
	if p == "" || len(p) > maxProfile || !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl) {
		return fmt.Errorf("profile %q must be 1 to %d bytes of text", p, maxProfile)
	}
	return nil
}
