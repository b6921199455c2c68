package cli

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

//go:embed topics/*.txt
var texts embed.FS

// A topic is a help page that belongs to no command.
type topic struct {
	name, short string
	print       func(*app.App) error
}

// topics lists them by name.
func topics() []topic {
	return []topic{
		{"agents", "how to give secrets to a coding agent", text("agents")},
		{"ci", "secrets in a pipeline", text("ci")},
		{"environment", "the variables that change what keyhold does", environment},
		{"exit-codes", "what the exit statuses and error codes mean", exitCodes},
		{"fields", "the types of items and their fields", fields},
		{"from-bitwarden", "for those who know bw or rbw", text("from-bitwarden")},
		{"from-op", "for those who know op, of 1Password", text("from-op")},
		{"from-pass", "for those who know pass or gopass", text("from-pass")},
		{"from-wrangler", "for those who know wrangler", text("from-wrangler")},
		{"lost-device", "what to do when a device is lost or somebody leaves", text("lost-device")},
		{"output", "formats, and what goes where", text("output")},
		{"passwords", "where the master password comes from", text("passwords")},
		{"references", "how values are named in files and variables", text("references")},
	}
}

// text prints a topic that is written down.
func text(name string) func(*app.App) error {
	return func(a *app.App) error {
		b, err := texts.ReadFile("topics/" + name + ".txt")
		if err != nil {
			return err
		}
		_, err = a.Out.Write(b)
		return err
	}
}

func topicList() string {
	var b strings.Builder
	for _, t := range topics() {
		fmt.Fprintf(&b, "  %-14s %s\n", t.name, t.short)
	}
	return b.String()
}

func exitCodes(a *app.App) error {
	var rows []output.Object
	for _, r := range exit.Table() {
		rows = append(rows, output.Object{
			{Name: "status", Value: int(r.Status)}, {Name: "meaning", Value: r.Meaning}, {Name: "codes", Value: slices.Clone(r.Codes)},
		})
	}
	return a.Printer().List([]output.Column{{Name: "status"}, {Name: "meaning"}, {Name: "codes"}}, rows)
}

func fields(a *app.App) error {
	var rows []output.Object
	for _, t := range vault.Types() {
		secrets, others := []string{}, []string{}
		for _, f := range t.Fields {
			if f.Secret {
				secrets = append(secrets, f.Name)
			} else {
				others = append(others, f.Name)
			}
		}
		rows = append(rows, output.Object{
			{Name: "type", Value: t.Name}, {Name: "main", Value: t.Main}, {Name: "secret", Value: secrets}, {Name: "visible", Value: others},
		})
	}
	return a.Printer().List([]output.Column{{Name: "type"}, {Name: "main"}, {Name: "secret"}, {Name: "visible"}}, rows)
}

func environment(a *app.App) error {
	var rows []output.Object
	for _, k := range config.Keys() {
		if k.Env == "" {
			continue
		}
		o := output.Object{{Name: "name", Value: k.Env}, {Name: "meaning", Value: k.Summary}}
		if k.Flag != "" {
			o = o.With("flag", "--"+k.Flag)
		}
		rows = append(rows, o)
	}
	for _, v := range config.Foreign() {
		rows = append(rows, output.Object{{Name: "name", Value: v.Name}, {Name: "meaning", Value: v.Summary}})
	}
	return a.Printer().List([]output.Column{{Name: "name"}, {Name: "flag"}, {Name: "meaning"}}, rows)
}
