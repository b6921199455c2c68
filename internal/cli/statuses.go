package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/exit"
)

// statuses says what each command can end with beside 0, 1 and 2, which any
// can: a disk may be full and a command line wrong. Conflicts that end by being
// tried again are not in it.
var statuses = [...]struct{ command, can string }{
	{"put", "3 4 5 6 8 9 10 12"},
	{"get", "3 4 5 6 7 9 10"},
	{"show", "3 4 5 6 7 9 10"},
	{"ls", "3 4 5 6 9 10"},
	{"find", "3 4 5 6 9 10"},
	{"edit", "3 4 5 6 7 8 9 10"},
	{"mv", "3 4 5 6 8 9 10"},
	{"cp", "3 4 5 6 8 9 10"},
	{"rm", "3 4 5 6 9 10 12"},
	{"history", "3 4 5 6 9 10"},
	{"restore", "3 4 5 6 9 10"},
	{"trash", "3 4 5 6 9 10 12"},
	{"generate", "5 7"},
	{"read", "3 4 5 6 7 8 10"},
	{"inject", "3 4 5 6 7 8 10"},
	{"run", "3 4 5 6 10"}, // with --check
	{"ref", "3 4 5 6 10"},
	{"otp", "3 4 5 6 7 10"},
	{"vault create", "3 4 5 8 9 10 12"},
	{"vault list", "3 4 5 10"},
	{"vault show", "3 4 5 6 9 10"},
	{"vault rename", "3 4 5 6 7 8 9 10"},
	{"vault delete", "3 4 5 6 7 9 10 12"},
	{"vault default", "3 4 5 6 10"},
	{"vault rekey", "3 4 5 6 7 9 10 12"},
	{"vault check", "3 4 5 6 9 10"},
	{"vault share", "3 4 5 6 7 9 10 12"},
	{"vault unshare", "3 4 5 6 7 9 10 12"},
	{"vault members", "3 4 5 6 9 10"},
	{"vault to-rotate", "3 4 5 6 9 10 11"},
	{"vault accept", "3 4 5 6 8 9 10 12"},
	{"vault decline", "3 4 5 6 9"},
	{"vault leave", "3 4 5 6 9 12"},
	{"vault trust", "3 4 5 9 10"},
	{"vault fingerprint", "3 4 5 9 10"},
	{"vault sync", "3 4 5 6 9 10 12"},
	{"sync", "3 4 5 6 9 10 12"},
	{"unlock", "3 4 5 10 12"},
	{"lock", "5"},
	{"passwd", "3 4 5 9 10 12"},
	{"login store", "3 6 12"},
	{"store list", "4 5 6 7 9"},
	{"store create", "4 5 6 7 9"},
	{"store show", "4 5 6 7 9"},
	{"store delete", "3 4 5 6 7 8 9 12"},
	{"store quota", "4 5 6 7 9"},
	{"store secrets list", "4 5 6 7 9"},
	{"store secrets show", "4 5 6 7 9"},
	{"store secrets put", "3 4 5 6 7 9 12"},
	{"store secrets create", "3 4 5 6 7 8 9 12"},
	{"store secrets update", "4 5 6 7 9"},
	{"store secrets delete", "3 4 5 6 7 9 12"},
	{"store secrets dup", "4 5 6 7 8 9"},
	{"store secrets apply", "3 4 5 6 7 9 11 12"},
	{"status", "4 5 10"},
	{"login vault", "3 4 9 10 12"},
	{"signup", "3 7 8 9 12"},
	{"logout", "5"},
	{"profile show", "5"},
	{"profile create", "8"},
	{"profile use", "5"},
	{"profile rename", "5 8"},
	{"profile delete", "3 5 12"},
	{"profile export", "4 5 8"},
	{"config get", "5"},
	{"config set", "5"},
	{"doctor", "11"},
}

// Statuses returns what cmd can end with, in order. A command that starts a
// program can also end as that does.
func Statuses(cmd *cobra.Command) []exit.Status {
	can := []exit.Status{exit.OK, exit.Other, exit.Usage}
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	for _, s := range statuses {
		if s.command != path {
			continue
		}
		for _, row := range exit.Table() {
			if strings.Contains(" "+s.can+" ", " "+strconv.Itoa(int(row.Status))+" ") {
				can = append(can, row.Status)
			}
		}
	}
	if cmd.Annotations[app.StartsProgram] != "" {
		can = append(can, app.NotStarted, app.NotExecutable, app.NoProgram)
	}
	return can
}
