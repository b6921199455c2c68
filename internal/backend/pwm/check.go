package pwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/itemdb"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/vault"
)

// Check verifies the pages of the store, the vault at the service, unless that
// is not to be asked, the layout of the mirror, and every entry.
func (b *box) Check(ctx context.Context, progress func(done, total int)) ([]vault.Problem, error) {
	k, err := b.key()
	if err != nil {
		return nil, err
	}
	var problems []vault.Problem
	add := func(err error) { problems = append(problems, vault.Problem{What: err.Error()}) }
	if s, ok := b.a.state().(interface{ Check(context.Context) error }); ok {
		if err := s.Check(ctx); errors.Is(err, kv.ErrDamaged) {
			add(err)
		} else if err != nil {
			return nil, translate(err)
		}
	}
	if !b.a.d.Service.Offline {
		err := translate(b.turn(ctx, func() error { return b.sync(ctx, true) }))
		if errors.Is(err, vault.ErrDamaged) && ctx.Err() == nil {
			add(err)
		} else if err != nil {
			return nil, err
		}
	}
	found, err := b.checkItems(ctx, k, progress)
	return append(problems, found...), translate(err)
}

// batch is how many items are read in one transaction.
const batch = 200

// checkItems opens every entry of the mirror.
func (b *box) checkItems(ctx context.Context, k *opened, progress func(done, total int)) (problems []vault.Problem, err error) {
	var ids []itemdb.ID
	faults := map[itemdb.ID][]string{}
	err = b.a.state().View(ctx, func(tx kv.Tx) error {
		ids = nil
		clear(faults)
		for _, p := range itemdb.Check(tx, b.Mirror) {
			faults[p.Item] = append(faults[p.Item], p.Fault.String())
			ids = append(ids, p.Item)
		}
		for id := range itemdb.Known(tx, b.Mirror, itemdb.Names()) {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ids, func(a, b itemdb.ID) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	done := 0
	report := func() {
		if progress != nil {
			progress(done, len(ids))
		}
	}
	report()
	for part := range slices.Chunk(ids, batch) {
		var found []vault.Problem
		err := b.a.state().View(ctx, func(tx kv.Tx) error {
			found = nil
			for _, id := range part {
				if p, ok := b.checkItem(tx, k, seal.ID(id), faults[id]); ok {
					found = append(found, p)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
		for range part {
			done++
			report()
		}
	}
	return problems, nil
}

// checkItem reports what is wrong with an entry, if anything is.
func (b *box) checkItem(tx kv.Tx, k *opened, id seal.ID, what []string) (vault.Problem, bool) {
	p := vault.Problem{ID: id.String()}
	it, err := b.read(tx, k, id)
	var damaged *vault.DamagedError
	switch {
	case errors.As(err, &damaged):
		p.Name = damaged.Name
		what = append(what, damaged.Err.Error())
	case err != nil:
		what = append(what, fmt.Sprint(err))
	default:
		p.Name = it.Name
		if rec, _, _ := itemdb.Get(tx, b.Mirror, itemdb.ID(id)); rec.Index != k.NameIndex(it.Name) {
			what = append(what, itemdb.StrayIndex.String())
		}
	}
	slices.Sort(what)
	p.What = strings.Join(slices.Compact(what), "; ")
	return p, len(what) > 0
}
