package vaults

import (
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// Flags are marks of an item in the clear, which some clients show and others
// leave alone. All members of a vault share them.
type Flags struct {
	Favorite bool
	Reprompt bool // the client is to ask for the password again before it shows the item
}

const (
	bitFavorite = 1 << iota
	bitReprompt
)

func flagsKey(vault, item seal.ID) []byte { return join("f/", vault, item) }

// put keeps f as the flags of an item; without any there is no record.
func (f Flags) put(tx kv.Tx, vault, item seal.ID) error {
	if f == (Flags{}) {
		return tx.Delete(flagsKey(vault, item))
	}
	var bits byte
	if f.Favorite {
		bits |= bitFavorite
	}
	if f.Reprompt {
		bits |= bitReprompt
	}
	w := record.New(version)
	w.Byte(bits)
	return tx.Put(flagsKey(vault, item), w.Record())
}

// FlagsOf returns the flags of an item; one that is not there, or whose record
// is damaged, has none. It asks for no membership: read the item first.
func FlagsOf(tx kv.Tx, vault, item seal.ID) Flags {
	r := record.Read(tx.Get(flagsKey(vault, item)), version)
	bits := r.Byte()
	if r.Done() != nil {
		return Flags{}
	}
	return Flags{Favorite: bits&bitFavorite != 0, Reprompt: bits&bitReprompt != 0}
}
