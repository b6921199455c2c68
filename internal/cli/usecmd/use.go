// Package usecmd has the commands that make and use values: generate, read,
// inject and run.
package usecmd

import (
	"github.com/spf13/pflag"

	"github.com/keyhold/keyhold/internal/app"
)

// outFlags adds the flags of commands that can write to a file.
func outFlags(f *pflag.FlagSet, o *app.OutFile) {
	f.StringVarP(&o.Name, "out-file", "o", "", "write to this `file`, which only you can read")
	f.BoolVar(&o.Force, "force", false, "replace the file if it is there")
}
