package itemcmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

// findWrecks takes out of the names the ids of items that only a
// vault.Discarder can remove.
func (o *rmOptions) findWrecks(ctx context.Context, v vault.Vault) error {
	d, ok := v.(vault.Discarder)
	if !ok {
		return nil
	}
	var names []string
	for _, name := range o.names {
		wrecked := false
		if vault.IsID(name) {
			var err error
			if wrecked, err = d.Wrecked(ctx, name); err != nil {
				return err
			}
		}
		switch {
		case !wrecked:
			names = append(names, name)
		case !slices.Contains(o.wrecks, name):
			o.wrecks = append(o.wrecks, name)
		}
	}
	o.names = names
	return nil
}

// wrecked are the wrecks as entries: all that is known of them is what they
// were called by, their ids.
func (o *rmOptions) wrecked() []vault.Entry {
	entries := make([]vault.Entry, len(o.wrecks))
	for i, id := range o.wrecks {
		entries[i] = vault.Entry{ID: id, Name: id}
	}
	return entries
}

// discard deletes the wrecks for good, if there are any, after a question.
func (o *rmOptions) discard(ctx context.Context, v vault.Vault, info backend.Info) error {
	if len(o.wrecks) == 0 {
		return nil
	}
	question := fmt.Sprintf("Delete for good what is left of damaged items (%d) of the vault %q %s?", len(o.wrecks), output.Safe(info.Name), o.app.Whose())
	if err := o.app.Confirm(ctx, question); err != nil {
		return err
	}
	if err := v.(vault.Discarder).Discard(ctx, o.wrecks); err != nil {
		return err
	}
	if !o.app.Settings.FormatTyped {
		o.app.Messages().Notice(fmt.Sprintf("deleted what was left of damaged items (%d) of the vault %q", len(o.wrecks), info.Name))
	}
	return nil
}
