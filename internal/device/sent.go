package device

import (
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	fields "github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/secret"
)

// A Sent is what this machine remembers of a value that it sent to a service
// which never gives it back: not the value but a fingerprint of it under a key
// that this machine has, and when the service says that it was changed.
type Sent struct {
	Fingerprint [32]byte
	Modified    time.Time // to the microsecond
}

const (
	sentVersion = 1
	sentPrefix  = "sent/"
)

// SentKeySize is how many random bytes the key of the fingerprints has.
const SentKeySize = 32

// A SentPlace names a secret at a service.
type SentPlace [16]byte

// SentPlaceOf returns the place of the secret at the end of this path, which
// begins with the address of the service.
func SentPlaceOf(path ...string) SentPlace {
	w := fields.New(sentVersion)
	for _, p := range path {
		w.Bytes([]byte(p))
	}
	sum := sha256.Sum256(w.Record())
	return SentPlace(sum[:16])
}

// FingerprintSent returns the fingerprint of a value that is sent to a place.
func FingerprintSent(key secret.Bytes, at SentPlace, value secret.Bytes) [32]byte {
	h := hmac.New(sha256.New, key.Reveal())
	h.Write([]byte("keyhold/sent/1"))
	h.Write(at[:])
	h.Write(value.Reveal())
	return [32]byte(h.Sum(nil))
}

func sentKey(at SentPlace) []byte { return append([]byte(sentPrefix), at[:]...) }

// SentAt returns what was last sent to a place. A damaged record is none: the
// value is sent again then.
func SentAt(tx kv.Tx, at SentPlace) (Sent, bool) {
	b := tx.Get(sentKey(at))
	if b == nil {
		return Sent{}, false
	}
	var s Sent
	r := fields.Read(b, sentVersion)
	r.Fixed(s.Fingerprint[:])
	s.Modified = time.UnixMicro(int64(r.Uint())).UTC() //nolint:gosec // as it was written
	return s, r.Done() == nil
}

// PutSent remembers what was sent to a place.
func PutSent(tx kv.Tx, at SentPlace, s Sent) error {
	w := fields.New(sentVersion)
	w.Fixed(s.Fingerprint[:])
	w.Uint(uint64(s.Modified.UnixMicro())) //nolint:gosec // the same bits
	return tx.Put(sentKey(at), w.Record())
}

// DropSent forgets what was sent to a place; nothing is no error.
func DropSent(tx kv.Tx, at SentPlace) error {
	if tx.Get(sentKey(at)) == nil {
		return nil
	}
	return tx.Delete(sentKey(at))
}
