// Package vaultcmd has the commands for vaults and for the session that opens
// them: what stands below vault; unlock, lock and passwd.
package vaultcmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/itemcmd"
	"github.com/keyhold/keyhold/internal/output"
)

// NewVault returns the vault command, with all below it if whole is set.
func NewVault(a *app.App, whole bool) *cobra.Command {
	cmd := args.Noun(&cobra.Command{
		Use:   "vault",
		Short: "Make, list and delete vaults",
		Long: "Work with vaults: boxes of items, each under a key of its own. One master password opens all vaults of a profile. Item\n" +
			"commands use the default vault, which is the oldest until `keyhold vault default` chooses another one, or the one that\n" +
			"--vault names.",
		Example: "  keyhold vault create work\n" +
			"  keyhold vault list\n" +
			"  keyhold put ci --vault work",
	})
	if !whole {
		return cmd
	}
	cmd.AddCommand(newCreate(a), newList(a), newShow(a), newRename(a), newDelete(a), newDefault(a), newRekey(a), newCheck(a),
		newShare(a), newUnshare(a), newMembers(a), newToRotate(a), newAccept(a), newDecline(a), newLeave(a), newTrust(a), newFingerprint(a), NewSync(a))
	for _, c := range []*cobra.Command{itemcmd.NewPut(a), itemcmd.NewGet(a), NewUnlock(a), NewLock(a), NewPasswd(a)} {
		c.Hidden = true // they are shown at the top
		cmd.AddCommand(c)
	}
	for word, whole := range twofold {
		cmd.AddCommand(newTwofold(word, whole))
	}
	return cmd
}

// twofold are the words that could mean an item or the whole vault, with the
// command for the vault; empty if there is none.
var twofold = map[string]string{"rm": "delete", "mv": "rename", "edit": "", "find": ""}

// newTwofold returns a command that says what its word could mean.
func newTwofold(word, whole string) *cobra.Command {
	return &cobra.Command{
		Use:                word,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, given []string) error {
			var names []string
			for _, g := range given {
				if !strings.HasPrefix(g, "-") {
					names = append(names, args.Quote(g))
				}
			}
			rest := strings.Join(names, " ")
			if rest == "" {
				rest = "NAME"
			}
			e := &app.UsageError{
				Message: "vault " + word + " could mean an item or a whole vault: the hint is for the item",
				Try:     "keyhold " + word + " " + rest,
			}
			if whole != "" {
				e.Message += "; for the vault: keyhold vault " + whole + " " + rest
			}
			return e
		},
	}
}

// object is a vault as it is printed.
func object(i backend.Info) output.Object {
	state := "open"
	switch {
	case i.Damaged:
		state = "damaged"
	case i.NotAccepted:
		state = "not accepted"
	case !i.Open:
		state = "locked"
	case i.NeedsRekey:
		state = "needs rekey"
	}
	o := output.Object{
		{Name: "id", Value: i.ID}, {Name: "name", Value: i.Name}, {Name: "default", Value: i.Default}, {Name: "state", Value: state},
		{Name: "role", Value: i.Role}, {Name: "shared", Value: i.Shared},
	}
	return o.WithTime("created_at", i.Created).WithTime("updated_at", i.Updated)
}
