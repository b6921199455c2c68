// Package complete is what the shell's completion offers: words of keyhold's
// own and names from an open session. It asks nothing, reaches no network,
// shows no value and renews no session; while locked it offers no names.
package complete

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

const noFiles = cobra.ShellCompDirectiveNoFileComp

// Flags returns the flags of cmd as App.Load wants them.
func Flags(cmd *cobra.Command) func(name string) (value string, set bool) {
	return func(name string) (string, bool) {
		f := cmd.Flags().Lookup(name)
		if f == nil {
			return "", false
		}
		return f.Value.String(), f.Changed
	}
}

// ready reads the settings for a completion and reports whether they can be
// read: completion runs before any command does.
func ready(a *app.App, cmd *cobra.Command) bool {
	settings, file := a.Load(Flags(cmd))
	return settings == nil && file == nil
}

// Profiles offers the names of the profiles, for the first most arguments.
func Profiles(a *app.App, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(given) >= most || !ready(a, cmd) {
			return nil, noFiles
		}
		f, err := a.Config()
		if err != nil {
			return nil, noFiles
		}
		var names []string
		for _, n := range f.Profiles() {
			names = offer(names, n, word)
		}
		return names, noFiles
	}
}

// Words offers these words.
func Words(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		var list []string
		for _, w := range words {
			list = offer(list, w, word)
		}
		return list, noFiles
	}
}

// Nothing offers nothing, not even files.
func Nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, noFiles
}

// Types offers the types of items.
func Types() cobra.CompletionFunc {
	var names []string
	for _, t := range vault.Types() {
		names = append(names, t.Name)
	}
	return Words(names...)
}

// Items offers the names of the items of the vault, for the first most arguments.
func Items(a *app.App, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(given) >= most || !ready(a, cmd) {
			return nil, noFiles
		}
		if ref.Is(word) {
			return refs(cmd.Context(), a, word)
		}
		return items(cmd.Context(), a, word), noFiles
	}
}

func items(ctx context.Context, a *app.App, word string) []string {
	v, err := a.PeekVault(ctx)
	if err != nil {
		return nil
	}
	defer v.Close()
	var names []string
	for e, err := range v.Entries(ctx) {
		if err == nil {
			names = offer(names, e.Name, word)
		}
	}
	return names
}

// Vaults offers the names of the vaults, for the first most arguments.
func Vaults(a *app.App, most int) cobra.CompletionFunc {
	return vaults(a, most, func(i backend.Info) bool { return !i.NotAccepted })
}

// NotAccepted offers the names of the vaults that are not accepted yet.
func NotAccepted(a *app.App) cobra.CompletionFunc {
	return vaults(a, 1, func(i backend.Info) bool { return i.NotAccepted })
}

func vaults(a *app.App, most int, which func(backend.Info) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(given) >= most || !ready(a, cmd) {
			return nil, noFiles
		}
		account, err := a.Peek(cmd.Context())
		if err != nil {
			return nil, noFiles
		}
		infos, err := account.Vaults(cmd.Context())
		if err != nil {
			return nil, noFiles
		}
		var names []string
		for _, i := range infos {
			if which(i) {
				names = offer(names, i.Name, word)
			}
		}
		return names, noFiles
	}
}

// People offers the addresses of those who are trusted on this machine.
func People(a *app.App) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		if !ready(a, cmd) {
			return nil, noFiles
		}
		emails, err := a.Peers(cmd.Context())
		if err != nil {
			return nil, noFiles
		}
		var names []string
		for _, e := range emails {
			names = offer(names, e, word)
		}
		return names, noFiles
	}
}

// VaultThenPerson offers the vaults for the first argument, and then people.
func VaultThenPerson(a *app.App) cobra.CompletionFunc {
	return then(Vaults(a, 1), People(a))
}

func then(first, second cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
		switch len(given) {
		case 0:
			return first(cmd, given, word)
		case 1:
			return second(cmd, given, word)
		}
		return nil, noFiles
	}
}

// ItemThenField offers the items for the first argument, and then its fields.
func ItemThenField(a *app.App) cobra.CompletionFunc { return then(Items(a, 1), Fields(a)) }

// Fields offers the fields that the item of the first argument has.
func Fields(a *app.App) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(given) == 0 || !ready(a, cmd) {
			return nil, noFiles
		}
		it, ok := item(cmd.Context(), a, given[0])
		if !ok {
			return nil, noFiles
		}
		var names []string
		for _, n := range it.FieldNames() {
			names = offer(names, n, word)
		}
		return names, noFiles
	}
}

func item(ctx context.Context, a *app.App, name string) (vault.Item, bool) {
	v, err := a.PeekVault(ctx)
	if err != nil {
		return vault.Item{}, false
	}
	defer v.Close()
	it, err := vault.Find(ctx, v, name)
	return it, err == nil
}

// offer appends name if it begins with word and is harmless on a terminal,
// where the shell shows it as it is.
func offer(names []string, name, word string) []string {
	if !strings.HasPrefix(name, word) || output.Safe(name) != name {
		return names
	}
	return append(names, name)
}
