package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/keyhold/keyhold/internal/kv"
	fields "github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Blob is a whole sealed vault as it was seen last, beside its mirror.
type Blob struct {
	Version  uint64
	IV, Data []byte
}

// maxSeen is how many blobs of a vault are remembered.
const maxSeen = 64

// blobPiece is how long the pieces are in which a blob is kept: who reads what
// stands beside one in the store reads it too.
const blobPiece = 16 << 10

func pieceKey(p Place, vault seal.ID, n int) []byte {
	return binary.BigEndian.AppendUint32(stateKey(kindBlob, p, vault), uint32(n)) //nolint:gosec // a blob has at most 25 MiB
}

// Blob returns the blob of a vault and whether there is one. A damaged one is none.
func (p Place) Blob(tx kv.Tx, vault seal.ID) (Blob, bool) {
	var b []byte
	n := 0
	for k, piece := range tx.Scan(stateKey(kindBlob, p, vault)) {
		if !bytes.Equal(k, pieceKey(p, vault, n)) {
			return Blob{}, false
		}
		b = append(b, piece...)
		n++
	}
	if n == 0 {
		return Blob{}, false
	}
	r := fields.Read(b, stateVersion)
	blob := Blob{Version: r.Uint(), IV: r.Bytes(), Data: r.Bytes()}
	return blob, r.Done() == nil
}

// PutBlob keeps the blob of a vault, and that it was seen.
func (p Place) PutBlob(tx kv.Tx, vault seal.ID, b Blob) error {
	w := fields.New(stateVersion)
	w.Uint(b.Version)
	w.Bytes(b.IV)
	w.Bytes(b.Data)
	if err := deleteAll(tx, stateKey(kindBlob, p, vault)); err != nil {
		return err
	}
	n := 0
	for piece := range slices.Chunk(w.Record(), blobPiece) {
		if err := tx.Put(pieceKey(p, vault, n), piece); err != nil {
			return err
		}
		n++
	}
	seen := p.seen(tx, vault)
	seen = slices.DeleteFunc(seen, func(s sighting) bool { return s.version == b.Version })
	seen = append(seen, sighting{b.Version, b.digest()})
	seen = seen[max(0, len(seen)-maxSeen):]
	w = fields.New(stateVersion)
	for _, s := range seen {
		w.Uint(s.version)
		w.Fixed(s.digest[:])
	}
	return tx.Put(stateKey(kindSeen, p, vault), w.Record())
}

// A sighting is a blob that was seen.
type sighting struct {
	version uint64
	digest  [32]byte
}

func (b Blob) digest() [32]byte {
	h := sha256.New()
	h.Write(b.IV)
	h.Write(b.Data)
	return [32]byte(h.Sum(nil))
}

func (p Place) seen(tx kv.Tx, vault seal.ID) []sighting {
	b := tx.Get(stateKey(kindSeen, p, vault))
	const size = 8 + 32
	if len(b) < 1 || b[0] != stateVersion || (len(b)-1)%size != 0 {
		return nil
	}
	r := fields.Read(b, stateVersion)
	list := make([]sighting, (len(b)-1)/size)
	for i := range list {
		list[i].version = r.Uint()
		r.Fixed(list[i].digest[:])
	}
	return list
}

// Replayed reports whether b is one that was seen under another version, or
// another one than was seen under its version: every change has an iv of its own.
func (p Place) Replayed(tx kv.Tx, vault seal.ID, b Blob) bool {
	digest := b.digest()
	return slices.ContainsFunc(p.seen(tx, vault), func(s sighting) bool {
		return (s.version == b.Version) != (s.digest == digest)
	})
}

// DeleteBlob deletes the blob of a vault. Forgetful also forgets which were seen.
func (p Place) DeleteBlob(tx kv.Tx, vault seal.ID, forgetful bool) error {
	if err := deleteAll(tx, stateKey(kindBlob, p, vault)); err != nil || !forgetful {
		return err
	}
	return tx.Delete(stateKey(kindSeen, p, vault))
}

// DeletePin forgets what was true of a vault: whatever the service shows of it
// next is believed.
func (p Place) DeletePin(tx kv.Tx, vault seal.ID) error {
	return tx.Delete(stateKey(kindPin, p, vault))
}
