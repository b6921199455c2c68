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
	{"put", "3 4 5 6 9 10 12"},
	{"get", "3 4 5 6 7 10"},
	{"show", "3 4 5 6 7 10"},
	{"ls", "3 4 5 10"},
	{"find", "3 4 5 10"},
	{"edit", "3 4 5 6 7 8 10"},
	{"mv", "3 4 5 6 8 10"},
	{"cp", "3 4 5 6 8 10"},
	{"rm", "3 4 5 6 10 12"},
	{"history", "3 4 5 6 10"},
	{"restore", "3 4 5 6 10"},
	{"trash", "3 4 5 10 12"},
	{"generate", "5 7"},
	{"read", "3 4 5 6 7 8 10"},
	{"inject", "3 4 5 6 7 8 10"},
	{"run", "3 4 5 6 10"}, // with --check
	{"ref", "3 4 5 6 10"},
	{"otp", "3 4 5 6 7 10"},
	{"vault create", "3 4 5 8 10 12"},
	{"vault list", "3 4 5 10"},
	{"vault show", "3 4 5 10"},
	{"vault rename", "3 4 5 8 10"},
	{"vault delete", "3 4 5 7 10 12"},
	{"vault default", "3 4 5 10"},
	{"vault rekey", "3 4 5 10 12"},
	{"vault check", "3 4 5 10"},
	{"login vault", "4 9 12"},
	{"unlock", "3 4 5 10 12"},
	{"lock", "5"},
	{"passwd", "3 4 5 10 12"},
	{"status", "4 5 10"},
	{"profile show", "5"},
	{"profile create", "8"},
	{"profile use", "5"},
	{"profile rename", "5 8"},
	{"profile delete", "3 5 12"},
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
