package device

import (
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	fields "github.com/keyhold/keyhold/internal/record"
	"github.com/keyhold/keyhold/internal/seal"
)

// A Vault is a vault as the service listed it last, with its wrapped key. A
// service can list anything: only what a Pin says was verified.
type Vault struct {
	ID                   seal.ID
	Name, Type, Role     string
	Wrap                 []byte
	Sender               seal.ID
	Signature            []byte
	KeyVersion, Revision uint64 // 0: not given
	RekeyRequired        bool
	Created, Updated     time.Time
}

const (
	flagRekey = 1 << iota
	flagStale
	flagFavorite
	flagReprompt
)

// Vault returns a vault and whether it is listed.
func (p Place) Vault(tx kv.Tx, id seal.ID) (Vault, bool, error) {
	b := tx.Get(stateKey(kindVault, p, id))
	if b == nil {
		return Vault{}, false, nil
	}
	v, err := parseListed(id, b)
	return v, err == nil, err
}

func parseListed(id seal.ID, b []byte) (Vault, error) {
	r := fields.Read(b, stateVersion)
	v := Vault{ID: id, Name: string(r.Bytes()), Type: string(r.Bytes()), Role: string(r.Bytes()), Wrap: r.Bytes()}
	r.Fixed(v.Sender[:])
	v.Signature, v.KeyVersion, v.Revision = r.Bytes(), r.Uint(), r.Uint()
	v.RekeyRequired = r.Byte()&flagRekey != 0
	v.Created, v.Updated = r.Time(), r.Time()
	return v, done(r, "the vault "+id.String())
}

// Vaults returns the vaults that are listed, by ID.
func (p Place) Vaults(tx kv.Tx) ([]Vault, error) {
	var list []Vault
	prefix := stateKey(kindVault, p)
	for k, b := range tx.Scan(prefix) {
		if len(k) != len(prefix)+16 {
			return nil, fmt.Errorf("a vault in state.db: %w", ErrDamaged)
		}
		v, err := parseListed(seal.ID(k[len(prefix):]), b)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// PutVault keeps a vault as it is listed.
func (p Place) PutVault(tx kv.Tx, v Vault) error {
	w := fields.New(stateVersion)
	w.Bytes([]byte(v.Name))
	w.Bytes([]byte(v.Type))
	w.Bytes([]byte(v.Role))
	w.Bytes(v.Wrap)
	w.Fixed(v.Sender[:])
	w.Bytes(v.Signature)
	w.Uint(v.KeyVersion)
	w.Uint(v.Revision)
	w.Byte(bit(v.RekeyRequired) * flagRekey)
	w.Time(v.Created)
	w.Time(v.Updated)
	return tx.Put(stateKey(kindVault, p, v.ID), w.Record())
}

// DeleteVault takes a vault from the list. Its pin stays.
func (p Place) DeleteVault(tx kv.Tx, id seal.ID) error {
	return tx.Delete(stateKey(kindVault, p, id))
}

// A Mark says how fresh the mirror of a vault is. Without one there is no
// mirror, whatever items itemdb has.
type Mark struct {
	Synced               time.Time // when the service last said that the mirror is current
	Stale                bool      // something was sent since, or the service has moved on
	KeyVersion, Revision uint64    // of the vault in the mirror; counted here if the service gives none
	Updated              time.Time
	Check                [32]byte // of the key under which the mirror is sealed
}

// Mark returns the mark of a mirror. A damaged one is none: the mirror is made anew.
func (p Place) Mark(tx kv.Tx, vault seal.ID) (Mark, bool) {
	b := tx.Get(stateKey(kindMark, p, vault))
	if b == nil {
		return Mark{}, false
	}
	r := fields.Read(b, stateVersion)
	m := Mark{Synced: r.Time(), Stale: r.Byte()&flagStale != 0, KeyVersion: r.Uint(), Revision: r.Uint(), Updated: r.Time()}
	r.Fixed(m.Check[:])
	return m, r.Done() == nil
}

// PutMark keeps the mark of a mirror.
func (p Place) PutMark(tx kv.Tx, vault seal.ID, m Mark) error {
	w := fields.New(stateVersion)
	w.Time(m.Synced)
	w.Byte(bit(m.Stale) * flagStale)
	w.Uint(m.KeyVersion)
	w.Uint(m.Revision)
	w.Time(m.Updated)
	w.Fixed(m.Check[:])
	return tx.Put(stateKey(kindMark, p, vault), w.Record())
}

// DeleteMark deletes the mark of a mirror and the flags of its items.
func (p Place) DeleteMark(tx kv.Tx, vault seal.ID) error {
	if err := deleteAll(tx, stateKey(kindFlags, p, vault)); err != nil {
		return err
	}
	return tx.Delete(stateKey(kindMark, p, vault))
}

// Listed returns when the service last gave its list of vaults; zero: never.
func (p Place) Listed(tx kv.Tx) time.Time {
	m, _ := p.Mark(tx, seal.ID{})
	return m.Synced
}

// SetListed remembers when the service gave its list of vaults.
func (p Place) SetListed(tx kv.Tx, at time.Time) error {
	return p.PutMark(tx, seal.ID{}, Mark{Synced: at})
}

// Flags are what a service keeps of an item in the clear and a client has to
// send again with every change.
type Flags struct {
	Folder             string
	Favorite, Reprompt bool
}

// Flags returns the flags of an item in a mirror.
func (p Place) Flags(tx kv.Tx, vault, item seal.ID) Flags {
	r := fields.Read(tx.Get(stateKey(kindFlags, p, vault, item)), stateVersion)
	bits, folder := r.Byte(), string(r.Bytes())
	if r.Done() != nil {
		return Flags{}
	}
	return Flags{Folder: folder, Favorite: bits&flagFavorite != 0, Reprompt: bits&flagReprompt != 0}
}

// PutFlags keeps the flags of an item; without any there is no record.
func (p Place) PutFlags(tx kv.Tx, vault, item seal.ID, f Flags) error {
	k := stateKey(kindFlags, p, vault, item)
	if f == (Flags{}) {
		if tx.Get(k) == nil {
			return nil
		}
		return tx.Delete(k)
	}
	w := fields.New(stateVersion)
	w.Byte(bit(f.Favorite)*flagFavorite | bit(f.Reprompt)*flagReprompt)
	w.Bytes([]byte(f.Folder))
	return tx.Put(k, w.Record())
}
