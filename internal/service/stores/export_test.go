package stores

import (
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
)

// Value opens a value, which nothing but tests may do.
func Value(tx kv.Tx, k Keys, o Owner, store, id ID) (secret.String, error) {
	return value(tx, k, o.Account, Secret{Store: store, ID: id})
}
