package itemcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/vault"
)

// A target is what is to be changed. The vault is nil if there is none at all yet.
type target struct {
	vault vault.Vault
	info  backend.Info
	item  *vault.Item // nil: a new one
}

func (o *putOptions) target(ctx context.Context) (target, error) {
	var t target
	var none *app.NoVaultError
	var err error
	t.vault, t.info, err = o.app.Open(ctx)
	if errors.As(err, &none) && !o.existing && !o.byRef {
		return target{}, nil
	}
	if err != nil {
		return target{}, err
	}
	t.item, err = o.current(ctx, t)
	if err == nil && t.item == nil && o.existing {
		_, err = find(ctx, o.app, t.vault, t.info, o.name)
	}
	return t, err
}

// current returns the item as it is now, nil if there is none.
func (o *putOptions) current(ctx context.Context, t target) (*vault.Item, error) {
	if o.onlyNew {
		return nil, nil
	}
	it, err := vault.Find(ctx, t.vault, o.name)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	return &it, err
}

// fresh returns a new item.
func (o *putOptions) fresh() vault.Item {
	kind := o.kind
	if kind == "" {
		kind = vault.DefaultType
	}
	return vault.Item{Name: o.name, Type: kind}
}

// complete checks the fields against the item, and adds the main one where it
// goes without saying.
func (o *putOptions) complete(t target, given []assignment) ([]assignment, error) {
	it := o.fresh()
	if t.item != nil {
		it = *t.item
		if o.kind != "" && o.kind != it.Type {
			return nil, app.Usagef("the item %q is of type %s, which cannot be changed", o.name, it.Type)
		}
	}
	f := form{item: o.name, kind: vault.TypeOf(it), has: it}
	if o.generate {
		given = append(given, assignment{name: o.field, bare: o.field == "", from: made})
	}
	seen := make(map[string]bool)
	streams := 0
	for i := range given {
		as := &given[i]
		if err := f.check(as); err != nil {
			return nil, err
		}
		if seen[as.name] {
			return nil, app.Usagef("the field %s is given twice", as.name)
		}
		seen[as.name] = true
		if as.from == stdin {
			streams++
		}
	}
	passwordStdin := o.app.Settings.Password.Stdin || o.app.Settings.Password.FD == 0
	if passwordStdin {
		streams++
	}
	if streams > 1 {
		return nil, app.Usagef("standard input can be read only once")
	}
	onlyTags := t.item != nil && len(o.tags)+len(o.untags) > 0 && len(given) == 0
	needsMain := t.item == nil || len(given) == 0
	if onlyTags || !needsMain || seen[f.kind.Main] {
		return given, nil
	}
	return o.addMain(f, given, passwordStdin)
}

// addMain adds the main field: from stdin if the command line gives no value
// at all and stdin is no terminal, else asked for.
func (o *putOptions) addMain(f form, given []assignment, stdinTaken bool) ([]assignment, error) {
	if f.kind.Main == "" {
		if len(given) == 0 {
			return nil, app.Usagef("an item of type %s has no main field: give one of its fields", f.kind.Name)
		}
		return given, nil
	}
	as := assignment{name: f.kind.Main, from: asked}
	if len(given) == 0 && !o.app.InTerminal && !stdinTaken {
		as = assignment{from: stdin, bare: true}
	} else if !o.app.CanAsk() {
		return nil, &missingError{item: o.name, field: f.kind.Main, main: true}
	}
	err := f.check(&as)
	return append(given, as), err
}

// A missingError reports that the value of a field is not given.
type missingError struct {
	item, field string
	main        bool // it is the main field, which - stands for
}

func (e *missingError) Error() string {
	text := fmt.Sprintf("the item %q needs its %s, and nobody can be asked", e.item, e.field)
	if e.main {
		text += " (" + e.field + "= leaves it out)"
	}
	return text
}

func (e *missingError) Unwrap() error { return app.ErrNoAnswer }

// Hint says how to give it.
func (e *missingError) Hint() string {
	give := `printf %s "$VALUE" | keyhold put ` + args.Quote(e.item)
	if e.main {
		return give + " -"
	}
	return give + " " + args.Quote(e.field+"=-")
}
