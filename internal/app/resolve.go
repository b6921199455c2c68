package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

// A Resolved is what a reference stands for.
type Resolved struct {
	Ref   ref.Ref
	Vault backend.Info
	Item  vault.Item
	Field vault.Field // with the value; of a one-time code the current one
}

// Found is what Resolve found: for each reference its field, and for each item
// that was asked for as a whole the item, in order.
type Found struct {
	Values []Resolved
	Items  []vault.Item
}

// Value returns the value of a reference that was resolved.
func (f Found) Value(r ref.Ref) ([]byte, error) {
	for _, v := range f.Values {
		if v.Ref == r {
			return v.Field.Value.Reveal(), nil
		}
	}
	return nil, fmt.Errorf("%s: %w", r, vault.ErrNotFound)
}

// Resolve returns what the references stand for, and the items as a whole,
// whose fields do not matter. All are looked up even if one fails; each that does
// is warned about if there are several, and the error joins a *RefError for each.
// A reference without a vault is in the one that item commands use. Nothing is
// open or held afterwards.
func (a *App) Resolve(ctx context.Context, refs, items []ref.Ref) (Found, error) {
	all := append(slices.Clone(refs), items...)
	r := resolver{app: a, found: make([]Resolved, len(all)), errs: make([]error, len(all)), fields: len(refs), shut: map[string]error{}}
	for _, at := range byVault(all) {
		if err := r.vault(ctx, all, at); err != nil {
			return Found{}, err
		}
	}
	var failed []error
	for i, err := range r.errs {
		if err != nil {
			failed = append(failed, &RefError{all[i], r.found[i].Vault, err})
		}
	}
	f := Found{Values: r.found[:len(refs)]}
	for _, whole := range r.found[len(refs):] {
		f.Items = append(f.Items, whole.Item)
	}
	return f, a.Several(failed, fmt.Sprintf("%%d of %d references cannot be resolved", len(all)))
}

// Several makes one error of several, which it shows as warnings; summary has a
// %d for their number. One alone is returned as it is.
func (a *App) Several(errs []error, summary string) error {
	if len(errs) <= 1 {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		a.Messages().Warn("reference", err.Error())
	}
	return &severalError{errs, summary}
}

// A severalError is several errors that have been shown already.
type severalError struct {
	errs    []error
	summary string
}

func (e *severalError) Error() string { return fmt.Sprintf(e.summary, len(e.errs)) }

// Unwrap returns the errors.
func (e *severalError) Unwrap() []error { return e.errs }

// byVault returns the positions of the references of each vault.
func byVault(refs []ref.Ref) [][]int {
	type place struct{ profile, vault string }
	group := map[place]int{}
	var groups [][]int
	for i, r := range refs {
		p := place{r.Profile, r.Vault}
		n, ok := group[p]
		if !ok {
			n = len(groups)
			group[p], groups = n, append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}

// A resolver is one Resolve under way.
type resolver struct {
	app    *App
	found  []Resolved
	errs   []error
	fields int              // of so many the field is wanted
	shut   map[string]error // the profiles that do not open: nobody is asked again
}

// vault resolves those of one vault. Its error ends everything: nobody answered,
// or a signal came.
func (r *resolver) vault(ctx context.Context, refs []ref.Ref, at []int) error {
	profile := cmp.Or(refs[at[0]].Profile, r.app.Settings.Profile)
	err := r.shut[profile]
	var v vault.Vault
	var info backend.Info
	if err == nil {
		v, info, err = r.app.OpenRef(ctx, refs[at[0]])
	}
	if err != nil {
		if errors.Is(err, vault.ErrWrongPassword) || errors.Is(err, vault.ErrLocked) {
			r.shut[profile] = err
		}
		if ctx.Err() != nil || errors.Is(err, ErrDeclined) {
			return err
		}
		for _, i := range at {
			r.errs[i] = err
		}
		return nil
	}
	defer v.Close()
	all := func(v vault.Vault) error {
		for _, i := range at {
			r.found[i] = Resolved{Ref: refs[i], Vault: info}
			r.found[i].Item, r.errs[i] = vault.Find(ctx, v, refs[i].Item)
		}
		return nil
	}
	err = vault.Snapshot(ctx, v, all)
	if err != nil {
		_ = all(v) // damage: each for itself
	}
	for _, i := range at {
		switch err := r.errs[i]; {
		case err == nil && i >= r.fields:
		case err == nil:
			r.found[i].Field, r.errs[i] = r.app.PickField(r.found[i].Item, refs[i].Field)
		case errors.Is(err, vault.ErrNotFound):
			r.errs[i] = r.missing(ctx, refs[i], info)
		}
	}
	return ctx.Err()
}

// missing says that there is no such item, and where to look.
func (r *resolver) missing(ctx context.Context, at ref.Ref, info backend.Info) error {
	in := placeOf(at, info)
	if at.Vault == "" {
		if others := r.app.Elsewhere(ctx, at.Item, info); len(others) > 0 {
			in = others[0]
		}
	}
	return &NotFoundError{What: "item", Name: at.Item, Try: "keyhold ls --vault " + Quote(in), Kind: vault.ErrNotFound}
}

// OpenRef opens the vault of a reference.
func (a *App) OpenRef(ctx context.Context, r ref.Ref) (vault.Vault, backend.Info, error) {
	if r.Vault == "" {
		return a.Open(ctx)
	}
	account, info, err := a.findVault(ctx, cmp.Or(r.Profile, a.Settings.Profile), r.Vault)
	if err != nil {
		return nil, backend.Info{}, err
	}
	v, err := account.Vault(ctx, info.ID)
	if err != nil {
		return nil, backend.Info{}, ofVault(info.Name, err)
	}
	return v, info, nil
}

// Ref returns the reference to a field of an item of the vault that item
// commands use, by its names or by ids. The profile stands in it unless it is
// the one that would be chosen without a flag and a variable.
func (a *App) Ref(info backend.Info, it vault.Entry, field string, ids bool) ref.Ref {
	r := ref.Ref{Vault: info.Name, Item: it.Name, Field: field}
	if ids {
		r.Vault, r.Item = info.ID, it.ID
	}
	usual, err := a.layers.Resolve("profile")
	named := err != nil || usual.Source == config.Flag || usual.Source == config.Environment
	if profile := a.chosen().profile; named || profile != a.Settings.Profile {
		r.Profile = profile
	}
	return r
}

// placeOf names the vault of a reference as --vault takes it.
func placeOf(r ref.Ref, info backend.Info) string {
	if r.Profile == "" {
		return info.Name
	}
	return info.Name + "@" + r.Profile
}
