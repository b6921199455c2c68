package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend/all"
	"github.com/keyhold/keyhold/internal/cli"
	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/servercli"
)

// date stands in the manual pages; it changes with a release.
var date = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// write makes the files anew, and removes those that are no longer made.
func write(root string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for _, dir := range []string{"completions", "man"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns every file by its path from the root.
func generate() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, b := range binaries() {
		root, name := b.root, b.root.Name()
		for path, make := range map[string]func(io.Writer) error{
			"completions/" + name + ".bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
			"completions/_" + name:          root.GenZshCompletion,
			"completions/" + name + ".fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
			"completions/" + name + ".ps1":  root.GenPowerShellCompletionWithDesc,
		} {
			var text bytes.Buffer
			if err := make(&text); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			files[path] = text.Bytes()
		}
		b.pages(root, files)
	}
	return files, nil
}

// A binary is one of the programs, and what its pages say beside its commands.
type binary struct {
	root     *cobra.Command
	statuses func(*cobra.Command) []exit.Status
	global   string      // flags that every command takes, to name
	codes    string      // where the error codes are listed
	keys     bool        // it reads the configuration and its environment
	where    string      // its files are
	files    [][2]string // name and what for
	after    string      // a last word about files
}

func binaries() []binary {
	return []binary{
		{
			root: cli.NewRoot(emptyApp()), statuses: cli.Statuses, keys: true,
			global: "\\fB\\-\\-vault\\fR, \\fB\\-\\-json\\fR and \\fB\\-\\-no\\-input\\fR",
			codes:  "\\fBkeyhold help exit\\-codes\\fR",
			where:  "In the directory KEYHOLD_HOME, else $XDG_DATA_HOME/keyhold, else ~/.local/share/keyhold:",
			files: [][2]string{
				{"local.db", "the vaults of the profile default; a copy of it is a backup"},
				{"local\\-NAME.db", "those of another profile"},
				{"run/", "open sessions, sealed under keys that are in a keyring"},
			},
			after: ".PP\nThe configuration is in config.yaml: in KEYHOLD_HOME if that is set, else in $XDG_CONFIG_HOME/keyhold, else in\n" +
				"~/.config/keyhold. \\fBkeyhold config path\\fR prints where.",
		},
		{
			root: servercli.NewRoot(&servercli.Env{}), statuses: servercli.Statuses,
			global: "\\fB\\-\\-data\\fR and \\fB\\-\\-json\\fR",
			codes:  "\\fBkeyhold help exit\\-codes\\fR",
			where:  "In the data directory:",
			files: [][2]string{
				{"server.db", "accounts, vaults and items; the command backup copies it"},
				{"server.key", "the key that sessions and invites are checked with"},
				{"admin.sock", "how the other commands reach the server that runs"},
			},
		},
	}
}

// pages adds the manual page of cmd and of the commands below it. The short
// verbs are explained once, not again below their noun.
func (b binary) pages(cmd *cobra.Command, files map[string][]byte) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && cmd.Name() != "item" {
			b.pages(c, files)
		}
	}
	cmd.InitDefaultHelpFlag()
	files["man/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = b.page(cmd)
}

// emptyApp is an outside world with nothing in it: the tree is only looked at.
func emptyApp() *app.App {
	return &app.App{
		In: strings.NewReader(""), Out: io.Discard, Err: io.Discard,
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Backends: all.Registry(),
	}
}
