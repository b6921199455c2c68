package device

import (
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	fields "github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Due is an item whose secrets somebody knows who should not any more.
type Due struct {
	Vault, Item seal.ID
	Since       time.Time // what was changed after it is rotated
	Who         string    // who knows them
}

const (
	dueVersion = 1
	duePrefix  = "rotate/"
)

func dueKey(vault seal.ID, item ...byte) []byte {
	return append(append([]byte(duePrefix), vault[:]...), item...)
}

// PutDue keeps d, in place of an earlier one for the same item.
func PutDue(tx kv.Tx, d Due) error {
	w := fields.New(dueVersion)
	w.Time(d.Since)
	w.Bytes([]byte(d.Who))
	return tx.Put(dueKey(d.Vault, d.Item[:]...), w.Record())
}

// DropDue forgets what is due of an item; nothing is no error.
func DropDue(tx kv.Tx, vault, item seal.ID) error { return tx.Delete(dueKey(vault, item[:]...)) }

// Dues returns what is due in a vault, by item. Records that do not parse are
// ErrDamaged.
func Dues(tx kv.Tx, vault seal.ID) ([]Due, error) {
	var list []Due
	for k, v := range tx.Scan(dueKey(vault)) {
		item := k[len(duePrefix)+len(vault):]
		if len(item) != len(vault) {
			return nil, ErrDamaged
		}
		d := Due{Vault: vault, Item: seal.ID(item)}
		r := fields.Read(v, dueVersion)
		d.Since, d.Who = r.Time(), string(r.Bytes())
		if r.Done() != nil {
			return nil, ErrDamaged
		}
		list = append(list, d)
	}
	return list, nil
}
