package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// A sum is the SHA-256 of something that is compared with many others.
type sum = [sha256.Size]byte

// digest decides between two items of the same time: SHA-256 of the name, the
// time of deletion, each with a NUL behind it, and the plaintext. An item that
// cannot be written has none.
func (it Item) digest() sum {
	b := append([]byte(it.Name), 0)
	if !it.Deleted.IsZero() {
		b = it.Deleted.UTC().AppendFormat(b, timeLayout)
	}
	b = append(b, 0)
	plain, err := MarshalItem(it)
	if err == nil {
		b = append(b, plain.Reveal()...)
	}
	defer clear(b)
	return sha256.Sum256(b)
}

// sum is equal for fields that are equal in all.
func (f Field) sum() sum {
	return sumOf([]byte(f.Name), []byte(f.Kind), f.Value.Reveal(), joinMembers(f.Extra))
}

// sum is equal for entries about the same value, whenever that was.
func (p Past) sum() sum {
	absent := []byte{0}
	if p.Absent {
		absent[0] = 1
	}
	return sumOf([]byte(p.Field), []byte(p.Kind), absent, p.Value.Reveal(), joinMembers(p.Extra))
}

// stamped is equal for entries that are equal in all.
func (p Past) stamped() sum {
	s := p.sum()
	at := p.At.UTC()
	return sumOf(s[:], binary.BigEndian.AppendUint64(nil, uint64(at.Unix())), binary.BigEndian.AppendUint64(nil, uint64(at.Nanosecond()))) //nolint:gosec // only compared
}

func joinMembers(m map[string]jsontext.Value) []byte {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b = appendCounted(appendCounted(b, []byte(name)), m[name])
	}
	return b
}

func sumOf(parts ...[]byte) sum {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return sum(h.Sum(nil))
}

func appendCounted(b, part []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
}

// countOf counts what has the same sum.
func countOf[T any](list []T, of func(T) sum) map[sum]int {
	n := make(map[sum]int, len(list))
	for _, v := range list {
		n[of(v)]++
	}
	return n
}

// leftOf merges three counts: what one side changed is as that side has it, and
// what both did, the greater one.
func leftOf(was, old, now map[sum]int) map[sum]int {
	left := make(map[sum]int, max(len(old), len(now)))
	for _, side := range []map[sum]int{old, now} {
		for key := range side {
			n, both := pick(was[key], old[key], now[key], same)
			if both {
				n = max(old[key], now[key])
			}
			left[key] = n
		}
	}
	return left
}
