package complete

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/ref"
)

// open is how a reference goes on: the shell adds no space behind it.
const open = noFiles | cobra.ShellCompDirectiveNoSpace

// Refs offers references, any number of them.
func Refs(a *app.App) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		if !ready(a, cmd) {
			return nil, noFiles
		}
		return refs(cmd.Context(), a, word)
	}
}

// NameRefs offers references behind NAME=.
func NameRefs(a *app.App) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		name, word, found := strings.Cut(word, "=")
		if !found || !ready(a, cmd) {
			return nil, noFiles
		}
		list, directive := refs(cmd.Context(), a, word)
		for i := range list {
			list[i] = name + "=" + list[i]
		}
		return list, directive
	}
}

// refs goes on with a reference segment by segment: vaults, items of one and,
// where what is typed is a whole item, its fields.
func refs(ctx context.Context, a *app.App, word string) ([]string, cobra.ShellCompDirective) {
	if !ref.Is(word) {
		if strings.HasPrefix(ref.Scheme, word) {
			return vaultRefs(ctx, a, ""), open
		}
		return nil, noFiles
	}
	rest := strings.TrimPrefix(word, ref.Scheme)
	vaultPart, _, found := strings.Cut(rest, "/")
	if !found {
		return vaultRefs(ctx, a, word), open
	}
	at, err := ref.Parse(ref.Scheme + vaultPart + "/x")
	if err != nil {
		return nil, noFiles
	}
	v, err := a.PeekRef(ctx, at)
	if err != nil {
		return nil, noFiles
	}
	defer v.Close()
	var list []string
	for e, err := range v.Entries(ctx) {
		if err != nil {
			continue
		}
		text := ref.Ref{Vault: at.Vault, Profile: at.Profile, Item: e.Name}.String()
		list = offer(list, text, word)
		whole := strings.TrimSuffix(text, "/") + "/"
		if !strings.HasPrefix(word, whole) {
			continue
		}
		if it, err := v.Item(ctx, e.ID); err == nil {
			for _, f := range it.FieldNames() {
				list = offer(list, ref.Ref{Vault: at.Vault, Profile: at.Profile, Item: e.Name, Field: f}.String(), word)
			}
		}
	}
	return list, noFiles
}

// vaultRefs offers the vaults of the chosen profile as beginnings of references.
func vaultRefs(ctx context.Context, a *app.App, word string) []string {
	account, err := a.Peek(ctx)
	if err != nil {
		return nil
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		return nil
	}
	var list []string
	for _, i := range infos {
		text := ref.Ref{Vault: i.Name, Item: "x"}.String()
		list = offer(list, strings.TrimSuffix(text, "x"), word)
	}
	return list
}
