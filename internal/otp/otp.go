// Package otp makes time-based one-time codes (RFC 6238) from the seeds that
// services hand out.
//
// It has no library behind it on purpose. The usual one, pquerna/otp, makes the
// dozen lines of [Key.Code] from a seed in base32, but reads URLs without
// checking them: an unknown algorithm is SHA-1 to it and a period that is no
// number 30 seconds, which gives wrong codes instead of an error. What is hard
// would still be ours, and its drawer of bar codes would come along.
package otp

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 has it, and most services nothing else
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// An Algorithm is a hash function that codes are made with.
type Algorithm string

// The algorithms. The zero Algorithm is SHA1.
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
)

func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	}
	return sha1.New
}

// A Key makes the codes of one account. Zero members stand for what is usual:
// SHA1, 6 digits, 30 seconds.
type Key struct {
	Secret          secret.Bytes
	Algorithm       Algorithm
	Digits          int           // 6 to 8
	Period          time.Duration // whole seconds
	Issuer, Account string        // as the service calls them; may be empty
}

// A SeedError reports a seed that no code can be made from. It holds nothing of
// the seed.
type SeedError struct {
	Problem string
	// Foreign: the seed may be right, but it is for codes of another kind. The
	// error is then an errors.ErrUnsupported.
	Foreign bool
}

func (e *SeedError) Error() string { return "no one-time codes from this seed: " + e.Problem }

// Is reports whether target is errors.ErrUnsupported and the seed is Foreign.
func (e *SeedError) Is(target error) bool { return e.Foreign && target == errors.ErrUnsupported }

// Code returns the code at t, and how long it is valid from then on.
func (k Key) Code(t time.Time) (code string, validFor time.Duration) {
	period, digits := max(k.Period.Truncate(time.Second), 0), k.Digits
	if period == 0 {
		period = 30 * time.Second
	}
	if digits < 6 || digits > 8 {
		digits = 6
	}
	seconds := int64(period / time.Second)
	into := t.Unix() % seconds
	if into < 0 { // before 1970
		into += seconds
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64((t.Unix()-into)/seconds)) //nolint:gosec // two's complement before 1970
	mac := hmac.New(k.Algorithm.hash(), k.Secret.Reveal())
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	mod := uint32(1_000_000)
	for range digits - 6 {
		mod *= 10
	}
	validFor = period - time.Duration(into)*time.Second - time.Duration(t.Nanosecond())
	return fmt.Sprintf("%0*d", digits, n%mod), validFor
}
