package device

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

const (
	tokensVersion  = 1
	tokenLabel     = "keyhold/token/1"
	deviceVersion  = 1
	deviceLabel    = "keyhold/device-key/1"
	deviceIDLabel  = "keyhold/device-key-id/1"
	deviceFileSize = 1 + nonceSize + keySize + tagSize

	maxService = 64
	maxOrigin  = 255
	maxToken   = 16 << 10 // the secret
	maxTokens  = 1 << 20  // the file
	maxSealed  = keyIDSize + nonceSize + tokenHead + maxOrigin + maxToken + tagSize
	minSealed  = keyIDSize + nonceSize + tokenHead + 2 + tagSize
	tokenHead  = 1 + 1
	keyIDSize  = 8
)

type (
	// A deviceKey seals the tokens of one home.
	deviceKey struct{ secret.Bytes }
	// A wrapKey seals the device key.
	wrapKey struct{ secret.Bytes }
	// A keyID tells which device key sealed a token.
	keyID [keyIDSize]byte
)

func (k deviceKey) id() keyID {
	sum := sha256.Sum256(append([]byte(deviceIDLabel), k.Reveal()...))
	return keyID(sum[:keyIDSize])
}

// A place says where a token is.
type place byte

const (
	inRing      place = 1 // in the OS keyring
	inFile      place = 2 // here, sealed
	inFileMoved place = 3 // here, sealed; the OS keyring may have an older one
	nowhere     place = 4 // deleted or just being set; the OS keyring may have one
)

// ring reports whether the OS keyring may have one.
func (p place) ring() bool { return p != inFile }

// file reports whether it is sealed here.
func (p place) file() bool { return p == inFile || p == inFileMoved }

// A tokenEntry is what the file says about the token of one service.
type tokenEntry struct {
	profile, service string
	place            place
	sealed           []byte // key id, nonce, ciphertext, tag; only if it is here
}

func (e tokenEntry) compare(o tokenEntry) int {
	if c := strings.Compare(e.profile, o.profile); c != 0 {
		return c
	}
	return strings.Compare(e.service, o.service)
}

// find returns where the service's entry is, or should be.
func find(entries []tokenEntry, profile, service string) (int, bool) {
	return slices.BinarySearchFunc(entries, tokenEntry{profile: profile, service: service}, tokenEntry.compare)
}

func formatTokens(entries []tokenEntry) ([]byte, error) {
	b := []byte{tokensVersion}
	for _, e := range entries {
		b = appendText(append(b, byte(e.place)), e.profile)
		b = appendText(b, e.service)
		b = binary.BigEndian.AppendUint16(b, uint16(len(e.sealed))) //nolint:gosec // at most maxSealed
		b = append(b, e.sealed...)
	}
	if len(b) > maxTokens {
		return nil, fmt.Errorf("tokens of %d bytes, more than %d", len(b), maxTokens)
	}
	return b, nil
}

// appendText appends a name or an origin, which has been checked, with its
// length in front.
func appendText(b []byte, s string) []byte {
	b = append(b, byte(len(s))) //nolint:gosec // at most 255
	return append(b, s...)
}

// parseTokens accepts only what formatTokens writes. The entries keep parts of
// b.
func parseTokens(b []byte) ([]tokenEntry, error) {
	if len(b) == 0 || len(b) > maxTokens {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}
	if b[0] != tokensVersion {
		return nil, errVersion
	}
	r := reader{b[1:], true}
	var entries []tokenEntry
	for len(r.b) > 0 {
		e := tokenEntry{place: place(r.uint8())}
		e.profile = string(r.take(int(r.uint8())))
		e.service = string(r.take(int(r.uint8())))
		e.sealed = r.take(r.uint16())
		n := len(e.sealed)
		switch {
		case !r.ok, e.place < inRing, e.place > nowhere,
			checkProfile(e.profile) != nil, checkService(e.service) != nil,
			e.place.file() && (n < minSealed || n > maxSealed), !e.place.file() && n != 0,
			len(entries) > 0 && entries[len(entries)-1].compare(e) >= 0:
			return nil, fmt.Errorf("%w: entry %d", ErrDamaged, len(entries)+1)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// A reader takes parts off b; ok is false once there were too few.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.ok = nil, false
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) uint8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

// formatValue is a token as the OS keyring holds it, and as it is sealed.
func formatValue(t Token) secret.Bytes {
	b := make([]byte, 0, tokenHead+len(t.Origin)+t.Secret.Len())
	b = appendText(append(b, tokensVersion), t.Origin)
	return secret.Of(append(b, t.Secret.Reveal()...))
}

// parseValue takes value apart; the token shares its memory.
func parseValue(value secret.Bytes) (Token, error) {
	b := value.Reveal()
	if len(b) > 0 && b[0] != tokensVersion {
		return Token{}, errVersion
	}
	r := reader{b, true}
	r.take(1)
	t := Token{Origin: string(r.take(int(r.uint8()))), Secret: secret.Of(r.b)}
	if !r.ok || t.check() != nil {
		return Token{}, fmt.Errorf("%w: token", ErrDamaged)
	}
	return t, nil
}

func sealToken(rand io.Reader, home homeID, key deviceKey, profile, service string, value secret.Bytes) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	id := key.id()
	b := make([]byte, keyIDSize+nonceSize, keyIDSize+nonceSize+value.Len()+tagSize)
	copy(b, id[:])
	nonce := b[keyIDSize:]
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, err
	}
	return gcm.Seal(b, nonce, value.Reveal(), tokenAdditional(home, id, profile, service)), nil
}

// openToken opens what parseTokens found to be long enough.
func openToken(home homeID, key deviceKey, e tokenEntry) (Token, error) {
	id, nonce, sealed := keyID(e.sealed[:keyIDSize]), e.sealed[keyIDSize:][:nonceSize], e.sealed[keyIDSize+nonceSize:]
	if id != key.id() {
		return Token{}, errOtherKey
	}
	gcm, err := newGCM(key)
	if err != nil {
		return Token{}, err
	}
	b, err := gcm.Open(nil, nonce, sealed, tokenAdditional(home, id, e.profile, e.service))
	if err != nil {
		return Token{}, fmt.Errorf("%w or of another home", ErrDamaged)
	}
	return parseValue(secret.Of(b))
}

func tokenAdditional(home homeID, id keyID, profile, service string) []byte {
	b := slices.Concat([]byte(tokenLabel), home[:], []byte{tokensVersion}, id[:])
	return appendText(appendText(b, profile), service)
}

func sealDeviceKey(rand io.Reader, home homeID, wrap wrapKey, key deviceKey) ([]byte, error) {
	gcm, err := newGCM(wrap)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 1+nonceSize, deviceFileSize)
	b[0] = deviceVersion
	if _, err := io.ReadFull(rand, b[1:]); err != nil {
		return nil, err
	}
	return gcm.Seal(b, b[1:], key.Reveal(), deviceAdditional(home)), nil
}

func openDeviceKey(b []byte, home homeID, wrap wrapKey) (deviceKey, error) {
	switch {
	case len(b) > 0 && b[0] != deviceVersion:
		return deviceKey{}, errVersion
	case len(b) != deviceFileSize:
		return deviceKey{}, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}
	gcm, err := newGCM(wrap)
	if err != nil {
		return deviceKey{}, err
	}
	key, err := gcm.Open(nil, b[1:][:nonceSize], b[1+nonceSize:], deviceAdditional(home))
	if err != nil {
		return deviceKey{}, fmt.Errorf("%w, or of another account or home", ErrDamaged)
	}
	return deviceKey{secret.Of(key)}, nil
}

func deviceAdditional(home homeID) []byte {
	return slices.Concat([]byte(deviceLabel), home[:], []byte{deviceVersion})
}

// errOtherKey reports a token whose device key this machine has no more.
var errOtherKey = errors.New("the device key that sealed it is lost")

// checkService keeps out what would make the name in the keyring ambiguous.
func checkService(s string) error {
	if s == "" || len(s) > maxService || !plain(s) || strings.Contains(s, "/") {
		return fmt.Errorf("service %q must be 1 to %d bytes of text without a slash", s, maxService)
	}
	return nil
}

func (t Token) check() error {
	switch {
	case t.Origin == "" || len(t.Origin) > maxOrigin || !plain(t.Origin):
		return fmt.Errorf("origin %q must be 1 to %d bytes of text", t.Origin, maxOrigin)
	case t.Secret.Len() == 0 || t.Secret.Len() > maxToken:
		return fmt.Errorf("token of %d bytes: it must be 1 to %d", t.Secret.Len(), maxToken)
	}
	return nil
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// tokenName is the name of the token in the OS keyring.
func tokenName(home homeID, profile, service string) string {
	return home.String() + "/" + profile + "/" + service
}

// deviceName is the name of the device key in a keyring. No session and no
// token has it.
func deviceName(home homeID) string { return home.String() + "/device" }
