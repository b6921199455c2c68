package usecmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/mask"
)

type runOptions struct {
	app *app.App

	envFiles, vars, items     args.List
	only, noEnv, noMask, test bool
	argv                      []string
}

// NewRun returns the run command.
func NewRun(a *app.App) *cobra.Command {
	o := runOptions{app: a}
	cmd := &cobra.Command{
		Use:     "run [flags] [--] COMMAND [ARGUMENT...]",
		Aliases: []string{"exec"},
		Short:   "Run a command with secrets in its environment",
		Long: "Run a command with the values of references in its environment. References are taken from variables of the environment\n" +
			"whose whole value is one (unless --no-env), the fields of an item (--env-from), .env files, where {{ REF }} stands for a\n" +
			"value too, and -e; the later ones win. All are resolved first: if one cannot be, nothing is started and each that cannot\n" +
			"is named. Flags behind COMMAND are its own; nothing of KEYHOLD_* is passed on.\n\n" +
			"The values are hidden in what the command prints, also in base64, hex and other encodings, unless --no-mask is given;\n" +
			"those of fewer than 6 characters are not. At a terminal the command has one too: colours, keys and job control are as\n" +
			"without keyhold.\n\n" +
			"The status is that of the command, 128+N where signal N ended it, 127 where there is none of that name, 126 where it\n" +
			"cannot be executed, and 125 where keyhold failed before it. --check starts nothing and ends with the statuses of\n" +
			"`keyhold help exit-codes`.",
		Example: "  keyhold run -e TOKEN=kh://personal/github -- gh api user\n" +
			"  keyhold run --env-file ci.env -- make release\n" +
			"  keyhold run --env-from prod/db -- psql\n" +
			"  keyhold run --env-file ci.env --check",
		Args:        o.arguments,
		Annotations: map[string]string{app.StartsProgram: "true"},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.argv = args
			return o.run(cmd.Context())
		},
	}
	cmd.ValidArgsFunction = complete.Programs(a)
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.Var(&o.envFiles, "env-file", "set the variables of this .env `file`; repeatable")
	f.VarP(&o.vars, "env", "e", "set a variable, `NAME=REF`; repeatable")
	f.Var(&o.items, "env-from", "set a variable for each field of this `ITEM`; repeatable")
	f.BoolVar(&o.only, "only", false, "pass on no other variables but PATH, HOME and what a terminal needs")
	f.BoolVar(&o.noEnv, "no-env", false, "leave references in the environment as they are")
	f.BoolVar(&o.noMask, "no-mask", false, "show values in what the command prints")
	f.BoolVar(&o.test, app.CheckFlag, false, "resolve everything, start nothing")
	_ = cmd.RegisterFlagCompletionFunc("env", complete.NameRefs(a))
	_ = cmd.RegisterFlagCompletionFunc("env-from", complete.Items(a, manyArguments))
	return cmd
}

// manyArguments is more than a command line has.
const manyArguments = 1 << 20

func (o *runOptions) arguments(cmd *cobra.Command, given []string) error {
	if len(given) == 0 && !o.test {
		return &app.UsageError{Message: "COMMAND is missing: " + cmd.UseLine(), Try: cmd.CommandPath() + " --help"}
	}
	return nil
}

func (o *runOptions) run(ctx context.Context) error {
	if o.noMask && !o.test {
		if err := o.app.MayPrint(o.app.Without("--no-mask")); err != nil {
			return err
		}
	}
	e := environment{app: o.app, values: map[string]value{}}
	if err := e.gather(o); err != nil {
		return err
	}
	if err := e.resolve(ctx); err != nil {
		return err
	}
	if o.test {
		o.app.Messages().Notice(fmt.Sprintf("%d references resolved", len(e.found.Values)))
		return nil
	}
	var set *mask.Set
	if !o.noMask {
		set = mask.New(e.secrets())
		if n := set.Short(); n > 0 {
			o.app.Messages().Warn("not_masked", fmt.Sprintf("values of fewer than %d characters are not hidden in the output (%d)", mask.Shortest, n))
		}
	}
	return o.app.RunProgram(ctx, o.argv, e.list(o.only), set)
}
