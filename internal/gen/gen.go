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
	root := cli.NewRoot(emptyApp())
	files := make(map[string][]byte)
	for name, shell := range map[string]string{
		"completions/keyhold.bash": "bash", "completions/_keyhold": "zsh",
		"completions/keyhold.fish": "fish", "completions/keyhold.ps1": "powershell",
	} {
		var b bytes.Buffer
		if err := cli.WriteCompletion(&b, root, shell); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	pages(root, files)
	return files, nil
}

// pages adds the manual page of cmd and of the commands below it. The short
// verbs are explained once, not again below their noun.
func pages(cmd *cobra.Command, files map[string][]byte) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && cmd.Name() != "item" {
			pages(c, files)
		}
	}
	cmd.InitDefaultHelpFlag()
	files["man/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = page(cmd)
}

// emptyApp is an outside world with nothing in it: the tree is only looked at.
func emptyApp() *app.App {
	return &app.App{
		In: strings.NewReader(""), Out: io.Discard, Err: io.Discard,
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Backends: all.Registry(),
	}
}
