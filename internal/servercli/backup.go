package servercli

import (
	"context"
	"io"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/kv/bolt"
)

func newBackup(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store while the server runs",
		Long: "Write a copy of the whole store, as it is at one moment, to a new file that only you can read. It is whole or not\n" +
			"there; a file that is there stays, which is exit 8. To restore it, put it in the place of server.db while no server\n" +
			"runs. Keep server.key too: with another key all sessions and invites have ended.",
		Example: "  keyhold-server backup /var/backups/keyhold.db\n  keyhold-server backup keyhold-$(date +%F).db",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return backup(cmd.Context(), env, args[0])
		},
	}
}

func backup(ctx context.Context, env *Env, file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	c, err := env.connect(ctx)
	if err != nil {
		return err
	}
	return writeNew(path, func(w io.Writer) error {
		resp, err := c.send(ctx, http.MethodGet, "/backup", nil)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.Copy(w, resp.Body); err != nil {
			return err
		}
		if f, ok := w.(interface{ Name() string }); ok {
			return bolt.New(f.Name()).Check(ctx)
		}
		return nil
	})
}
