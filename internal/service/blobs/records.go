package blobs

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
)

const version = 1

// headKey is where the head of a vault is kept; with no name it is what those
// of all vaults of the owner start with.
func headKey(owner, name string) []byte { return key("b/", owner, name) }
func dataKey(owner, name string) []byte { return key("bd/", owner, name) }

// key has a hash of the owner so that its length is always the same: where the
// name begins is never in doubt.
func key(prefix, owner, name string) []byte {
	sum := sha256.Sum256([]byte(owner))
	return append(append([]byte(prefix), sum[:]...), name...)
}

// A head is a vault without its data.
type head struct {
	Info
	owner string
	iv    []byte
	key   Key
}

// put keeps h and its data.
func (h head) put(tx kv.Tx, data []byte) error {
	w := record.New(version)
	w.Bytes([]byte(h.owner))
	w.Uint(h.Version)
	w.Time(h.Created)
	w.Time(h.Updated)
	w.Fixed(h.iv)
	w.Fixed(h.key.Wrap)
	w.Fixed(h.key.IV)
	w.Fixed(h.key.Salt)
	return errors.Join(tx.Put(headKey(h.owner, h.Name), w.Record()), tx.Put(dataKey(h.owner, h.Name), data))
}

func getHead(tx kv.Tx, owner, name string) (head, error) {
	b := tx.Get(headKey(owner, name))
	if b == nil {
		return head{}, fmt.Errorf("vault %q: %w", name, ErrNotFound)
	}
	h, err := parseHead(name, b)
	if err == nil && h.owner != owner {
		err = fmt.Errorf("vault %q: %w", name, ErrDamaged)
	}
	return h, err
}

func parseHead(name string, b []byte) (head, error) {
	h := head{
		Info: Info{Name: name}, iv: make([]byte, ivSize),
		key: Key{Wrap: make([]byte, wrapSize), IV: make([]byte, ivSize), Salt: make([]byte, saltSize)},
	}
	r := record.Read(b, version)
	h.owner = string(r.Bytes())
	h.Version = r.Uint()
	h.Created, h.Updated = r.Time(), r.Time()
	for _, part := range [][]byte{h.iv, h.key.Wrap, h.key.IV, h.key.Salt} {
		r.Fixed(part)
	}
	if r.Done() != nil || h.Version == 0 {
		return head{}, fmt.Errorf("vault %q: %w", name, ErrDamaged)
	}
	return h, nil
}
