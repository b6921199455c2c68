package storecmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/output"
)

type quotaOptions struct{ place }

func newQuota(a *app.App) *cobra.Command {
	o := quotaOptions{place{app: a}}
	cmd := &cobra.Command{
		Use:               "quota",
		Short:             "Show how many secrets the account may have",
		Long:              "Show how many secrets the account may have, and has. A service has no quota: with --system the status is 2.",
		Example:           "  keyhold store quota\n  keyhold store quota --json",
		Args:              args.None(),
		ValidArgsFunction: complete.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context())
		},
	}
	o.add(cmd.Flags())
	return cmd
}

func (o *quotaOptions) run(ctx context.Context) error {
	if o.system {
		return &app.UsageError{Message: "a service has no quota: --system is not for this command", Try: "keyhold store quota"}
	}
	acc, err := o.account(ctx)
	if err != nil {
		return err
	}
	q, err := acc.Quota(ctx)
	if err != nil {
		return o.explain(err)
	}
	return o.app.Printer().Object(output.Object{
		{Name: "account_id", Value: acc.ID}, {Name: "quota", Value: q.Quota}, {Name: "usage", Value: q.Usage}, {Name: "left", Value: max(0, q.Quota-q.Usage)},
	})
}
