package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// page returns the manual page of cmd, in man(7). The library's own generator
// loses the lay-out of indented text and prints "--flag[=false]".
func page(cmd *cobra.Command) []byte {
	p := &roff{}
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
		p.line(".SH GLOBAL OPTIONS\nThose that every command takes, such as\n\\fB\\-\\-vault\\fR, \\fB\\-\\-json\\fR and \\fB\\-\\-no\\-input\\fR, are explained in\n\\fBkeyhold\\fR(1).")
	}
	if cmd.HasExample() {
		p.line(".SH EXAMPLES")
		p.literal(cmd.Example)
	}
	if cmd.HasParent() {
		p.line(".SH EXIT STATUS\n0 if it worked; the other statuses are listed by\n\\fBkeyhold help exit\\-codes\\fR.")
		p.line(".SH SEE ALSO\n\\fB%s\\fR(1)", escape(strings.ReplaceAll(cmd.Parent().CommandPath(), " ", "-")))
	}
	return []byte(p.String())
}

// A roff writes man(7).
type roff struct{ strings.Builder }

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
