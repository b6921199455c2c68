package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/exit"
)

// page returns the manual page of cmd, in man(7). The library's own generator
// loses the lay-out of indented text and prints "--flag[=false]".
func (b binary) page(cmd *cobra.Command) []byte {
	p := &roff{binary: b}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	p.line(`.TH "%s" "1" "%s" "keyhold" "keyhold"`, strings.ToUpper(name), date.Format("Jan 2006"))
	p.line(".nh\n.ad l")
	p.line(".SH NAME\n%s \\- %s", escape(name), escape(lower(cmd.Short)))
	p.line(".SH SYNOPSIS")
	use := cmd.UseLine()
	if !cmd.Runnable() || cmd.HasAvailableSubCommands() && cmd.HasParent() {
		use = cmd.CommandPath() + " COMMAND"
	}
	word, rest, _ := strings.Cut(use, " ")
	p.line(`\fB%s\fR %s`, escape(word), escape(rest))
	p.line(".SH DESCRIPTION")
	p.text(cmd.Long)
	p.commands(cmd)
	p.flags("OPTIONS", cmd.NonInheritedFlags())
	if cmd.HasParent() {
		p.line(".SH GLOBAL OPTIONS\nThose that every command takes, such as\n%s, are explained in\n\\fB%s\\fR(1).", b.global, escape(b.root.Name()))
	}
	if cmd.HasExample() {
		p.line(".SH EXAMPLES")
		p.literal(cmd.Example)
	}
	p.statuses(cmd)
	if !cmd.HasParent() {
		if b.keys {
			p.environment()
		}
		p.ownFiles()
	}
	p.seeAlso(cmd)
	return []byte(p.String())
}

// A roff writes man(7).
type roff struct {
	strings.Builder
	binary
}

func (r *roff) line(format string, args ...any) { _, _ = fmt.Fprintf(r, format+"\n", args...) }

// text writes paragraphs; one whose lines are indented stays as it is.
func (r *roff) text(s string) {
	for i, par := range strings.Split(strings.TrimSpace(s), "\n\n") {
		switch {
		case strings.HasPrefix(par, "  "):
			r.literal(par)
			continue
		case i > 0:
			r.line(".PP")
		}
		for l := range strings.SplitSeq(par, "\n") {
			r.line("%s", escape(strings.ReplaceAll(l, "`", "")))
		}
	}
}

// literal writes lines as they are.
func (r *roff) literal(s string) {
	r.line(".PP\n.RS 2\n.nf")
	for l := range strings.SplitSeq(s, "\n") {
		r.line("%s", escape(strings.TrimPrefix(l, "  ")))
	}
	r.line(".fi\n.RE")
}

func (r *roff) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	r.line(".SH COMMANDS")
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			r.line(".TP\n\\fB%s\\fR(1)\n%s.", escape(strings.ReplaceAll(c.CommandPath(), " ", "-")), escape(c.Short))
		}
	}
}

func (r *roff) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	r.line(".SH %s", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		names := `\fB\-\-` + escape(f.Name) + `\fR`
		if f.Shorthand != "" {
			names = `\fB\-` + f.Shorthand + `\fR, ` + names
		}
		if value != "" {
			names += ` \fI` + escape(value) + `\fR`
		}
		r.line(".TP\n%s\n%s.", names, escape(usage))
	})
}

func (r *roff) statuses(cmd *cobra.Command) {
	r.line(".SH EXIT STATUS")
	if !cmd.HasParent() {
		r.line("Each command ends with one of these; its own page says which. The error codes are listed by\n%s.", r.codes)
	}
	r.line(".PD 0")
	for _, row := range exit.Table() {
		if !cmd.HasParent() || slices.Contains(r.binary.statuses(cmd), row.Status) {
			r.line(".TP 5\n%d\n%s.", row.Status, escape(row.Meaning))
		}
	}
	r.line(".PD")
}

func (r *roff) environment() {
	r.line(".SH ENVIRONMENT\nA flag goes before a variable, a variable before the configuration.")
	for _, k := range config.Keys() {
		if k.Env != "" {
			r.line(".TP\n\\fB%s\\fR\n%s.", escape(k.Env), escape(k.Summary))
		}
	}
	for _, v := range config.Foreign() {
		r.line(".TP\n\\fB%s\\fR\n%s.", escape(v.Name), escape(v.Summary))
	}
}

func (r *roff) ownFiles() {
	r.line(".SH FILES\n%s", r.where)
	for _, f := range r.binary.files {
		r.line(".TP\n\\fI%s\\fR\n%s.", f[0], escape(f[1]))
	}
	if r.after != "" {
		r.line("%s", r.after)
	}
}

// mention is where a text names a command of keyhold.
var mention = regexp.MustCompile(`keyhold(?:-server)?( [a-z]+){1,2}`)

// seeAlso names the command above and those that the text of cmd mentions.
func (r *roff) seeAlso(cmd *cobra.Command) {
	var others []string
	if cmd.HasParent() {
		others = append(others, cmd.Parent().CommandPath())
	}
	for _, m := range mention.FindAllString(cmd.Long+"\n"+cmd.Example, -1) {
		found, _, err := cmd.Root().Find(strings.Fields(m)[1:])
		if err == nil && found != cmd && found.HasParent() && found.Parent() != cmd && found.IsAvailableCommand() &&
			found.Parent().Name() != "item" && !slices.Contains(others, found.CommandPath()) {
			others = append(others, found.CommandPath())
		}
	}
	if len(others) == 0 {
		return
	}
	for i, o := range others {
		others[i] = `\fB` + escape(strings.ReplaceAll(o, " ", "-")) + `\fR(1)`
	}
	r.line(".SH SEE ALSO\n%s", strings.Join(others, ",\n"))
}

// escape makes s text and nothing else.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// lower begins s in lower case, as the NAME section of a manual page does.
func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
