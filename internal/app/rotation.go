package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// A Due is an item whose secrets are to be changed where they are used, since
// somebody knows them.
type Due struct {
	Item  vault.Entry
	Since time.Time
	Who   string
}

// state returns the store of what this machine remembers, or of what a profile
// from a file does as long as this process runs.
func (a *App) state() (kv.DB, error) {
	if t := a.transients[a.chosen().profile]; t != nil {
		return t.State(), nil
	}
	home, err := a.Home()
	if err != nil {
		return nil, err
	}
	return bolt.New(home.Path("state.db")), nil
}

// BeginRotation notes that who knows these items, or every item of the vault if
// items is nil. It returns how many are due because of it.
func (a *App) BeginRotation(ctx context.Context, v vault.Vault, info backend.Info, who string) ([]vault.Entry, error) {
	id, err := seal.ParseID(info.ID)
	if err != nil {
		return nil, err
	}
	var list []vault.Entry
	for e, err := range v.Entries(ctx) {
		var damaged *vault.DamagedError
		if err != nil && !errors.As(err, &damaged) {
			return nil, err
		}
		list = append(list, e)
	}
	return list, a.updateDues(ctx, func(tx kv.Tx) error {
		for _, e := range list {
			item, err := seal.ParseID(e.ID)
			if err != nil {
				return err
			}
			if err := device.PutDue(tx, device.Due{Vault: id, Item: item, Since: a.Now(), Who: who}); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndRotation forgets that these items are due.
func (a *App) EndRotation(ctx context.Context, info backend.Info, items []vault.Entry) error {
	if len(items) == 0 {
		return nil
	}
	id, err := seal.ParseID(info.ID)
	if err != nil {
		return err
	}
	return a.updateDues(ctx, func(tx kv.Tx) error {
		for _, e := range items {
			item, err := seal.ParseID(e.ID)
			if err != nil {
				return err
			}
			if err := device.DropDue(tx, id, item); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *App) updateDues(ctx context.Context, fn func(kv.Tx) error) error {
	state, err := a.state()
	if err != nil {
		return err
	}
	if err := state.Update(ctx, fn); err != nil {
		return fmt.Errorf("the list of what to rotate: %w", err)
	}
	return nil
}

// ToRotate returns what is due in a vault. What was changed since, or is not
// there any more, is taken off the list.
func (a *App) ToRotate(ctx context.Context, v vault.Vault, info backend.Info) ([]Due, error) {
	id, err := seal.ParseID(info.ID)
	if err != nil {
		return nil, err
	}
	state, err := a.state()
	if err != nil {
		return nil, err
	}
	var kept []device.Due
	err = state.View(ctx, func(tx kv.Tx) (err error) { kept, err = device.Dues(tx, id); return err })
	if err != nil {
		return nil, fmt.Errorf("the list of what to rotate: %w", err)
	}
	var due []Due
	var done []vault.Entry
	for _, d := range kept {
		it, err := v.Item(ctx, d.Item.String())
		switch {
		case errors.Is(err, vault.ErrNotFound), err == nil && (!it.Deleted.IsZero() || rotated(it, d.Since)):
			done = append(done, vault.Entry{ID: d.Item.String()})
		case err != nil && !errors.Is(err, vault.ErrDamaged):
			return nil, err
		default:
			e := it.Entry()
			e.ID = d.Item.String()
			due = append(due, Due{e, d.Since, d.Who})
		}
	}
	slices.SortFunc(due, func(a, b Due) int {
		return cmp.Or(cmp.Compare(a.Item.Name, b.Item.Name), cmp.Compare(a.Item.ID, b.Item.ID))
	})
	if len(done) > 0 {
		_ = a.EndRotation(ctx, info, done) // else it is done the next time
	}
	return due, nil
}

// rotated reports whether a secret of an item was changed after a time.
func rotated(it vault.Item, since time.Time) bool {
	t := vault.TypeOf(it)
	for _, p := range it.History {
		f, known := t.Field(p.Field)
		// Notes are secret too, but nobody logs in by them.
		secret := p.Kind.Concealed() || known && f.Secret && f.Name != "notes"
		if secret && p.At.After(since) {
			return true
		}
	}
	return false
}
