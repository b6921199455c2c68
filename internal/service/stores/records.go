package stores

import (
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
)

const version = 1

func join(prefix string, ids ...ID) []byte {
	k := []byte(prefix)
	for _, id := range ids {
		k = append(k, id[:]...)
	}
	return k
}

// micros writes and reads times as microseconds since 1970: the API shows them.
func micros(t time.Time) uint64 { return uint64(t.UnixMicro()) }

func fromMicros(n uint64) time.Time { return time.UnixMicro(int64(n)).UTC() }

func putStore(tx kv.Tx, s Store) error {
	w := record.New(version)
	w.Fixed(s.Owner.Account[:])
	w.Bytes([]byte(s.Owner.Service))
	w.Uint(s.Number)
	w.Bytes([]byte(s.Name))
	w.Uint(micros(s.Created))
	w.Uint(micros(s.Modified))
	return tx.Put(join("st/", s.ID), w.Record())
}

func loadStore(tx kv.Tx, id ID) (Store, error) {
	b := tx.Get(join("st/", id))
	if b == nil {
		return Store{}, ErrStoreNotFound
	}
	s := Store{ID: id}
	r := record.Read(b, version)
	r.Fixed(s.Owner.Account[:])
	s.Owner.Service, s.Number, s.Name = string(r.Bytes()), r.Uint(), string(r.Bytes())
	s.Created, s.Modified = fromMicros(r.Uint()), fromMicros(r.Uint())
	if r.Done() != nil || s.Name == "" {
		return Store{}, fmt.Errorf("store %s: %w", id, ErrDamaged)
	}
	return s, nil
}

func putSecret(tx kv.Tx, s Secret) error {
	w := record.New(version)
	w.Bytes([]byte(s.Name))
	w.Bytes([]byte(s.Comment))
	w.Byte(byte(len(s.Scopes))) //nolint:gosec // each of the known ones once
	for _, scope := range s.Scopes {
		w.Bytes([]byte(scope))
	}
	w.Uint(micros(s.Created))
	w.Uint(micros(s.Modified))
	w.Uint(micros(s.settled))
	return tx.Put(join("ss/", s.Store, s.ID), w.Record())
}

func parseSecret(store, id ID, b []byte) (Secret, error) {
	s := Secret{ID: id, Store: store}
	r := record.Read(b, version)
	s.Name, s.Comment = string(r.Bytes()), string(r.Bytes())
	for range r.Byte() {
		s.Scopes = append(s.Scopes, string(r.Bytes()))
	}
	s.Created, s.Modified, s.settled = fromMicros(r.Uint()), fromMicros(r.Uint()), fromMicros(r.Uint())
	if r.Done() != nil || s.Name == "" || len(s.Scopes) == 0 {
		return Secret{}, fmt.Errorf("secret %s: %w", id, ErrDamaged)
	}
	return s, nil
}
