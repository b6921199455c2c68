package vaultctl

import (
	"maps"
	"slices"

	"github.com/keyhold/keyhold/internal/kv"
)

// An inOrder holds back what is put, to write it in the order of the keys. A
// store on disk takes a time for keys in any other order that grows with the
// square of their number. Scan does not see what is held back.
type inOrder struct {
	kv.Tx

	held map[string][]byte
}

func (o *inOrder) Get(key []byte) []byte {
	if v, ok := o.held[string(key)]; ok {
		return v
	}
	return o.Tx.Get(key)
}

func (o *inOrder) Put(key, value []byte) error {
	if o.held == nil {
		o.held = map[string][]byte{}
	}
	o.held[string(key)] = append([]byte{}, value...)
	return nil
}

func (o *inOrder) Delete(key []byte) error {
	delete(o.held, string(key))
	return o.Tx.Delete(key)
}

// write writes what is held back.
func (o *inOrder) write() error {
	for _, k := range slices.Sorted(maps.Keys(o.held)) {
		if err := o.Tx.Put([]byte(k), o.held[k]); err != nil {
			return err
		}
	}
	clear(o.held)
	return nil
}
