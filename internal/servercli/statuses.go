package servercli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/exit"
)

// Statuses returns what cmd can end with, in order. Any command can fail, be
// used wrongly or meet a damaged store; what goes through the socket can find it
// to be another user's.
func Statuses(cmd *cobra.Command) []exit.Status {
	all := []exit.Status{exit.OK, exit.Other, exit.Usage}
	switch strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ") {
	case "user create", "invite create", "backup":
		if cmd.Name() == "backup" {
			all = append(all, exit.NotFound)
		}
		return append(all, exit.Denied, exit.Conflict, exit.Damaged)
	case "user disable", "invite revoke", "token revoke":
		return append(all, exit.NotFound, exit.Denied, exit.Damaged)
	case "token approve":
		return append(all, exit.NotFound, exit.Denied, exit.Conflict, exit.Damaged)
	case "user list", "invite list", "token list", "token create":
		return append(all, exit.Denied, exit.Damaged)
	case "serve":
		return append(all, exit.Damaged)
	}
	return all
}
