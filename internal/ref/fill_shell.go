package ref

import (
	"fmt"
	"strings"
)

// A shellReader follows the quotes of a shell script. It knows enough to tell
// what a placeholder stands in, and knows what it does not follow: behind that
// there can be no placeholders.
type shellReader struct {
	in      spotKind // whole, single, double or comment
	escaped bool     // a backslash stands before
	before  byte     // the character before, outside of quotes
	command bool     // between backticks
	dollar  bool     // a $ stands before, between double quotes perhaps with a name
	line    int
	lost    string // what it does not follow, and since where
}

func shellSpots(pieces []Piece) ([]spot, error) {
	r := shellReader{in: whole, before: '\n', line: 1}
	spots := make([]spot, len(pieces))
	for i, p := range pieces {
		if !p.Placeholder() {
			r.read(p.Text)
			continue
		}
		switch {
		case r.lost != "":
			return nil, &TemplateError{Line: p.Line, Problem: "it is not clear what the placeholder stands in, because of " + r.lost}
		case r.command:
			return nil, &TemplateError{Line: p.Line, Problem: "a placeholder cannot stand between backticks; write $(…)"}
		case r.escaped:
			return nil, errBackslash(p)
		case r.dollar:
			return nil, &TemplateError{Line: p.Line, Problem: "a $ stands right before the placeholder; write ${name} or \\$"}
		}
		spots[i].kind = r.in
		r.before, r.dollar = 'x', false
	}
	return spots, nil
}

func (r *shellReader) loseTrack(of string) {
	if r.lost == "" {
		r.lost = fmt.Sprintf("%s in line %d", of, r.line)
	}
}

func (r *shellReader) read(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\n' {
			r.line++
		}
		switch {
		case r.escaped:
			r.escaped = false
			if c != '\n' {
				r.before = 'x' // \# and what follows an escaped space are no comments
			}
			continue
		case c == '\\' && (r.in == whole || r.in == double):
			r.escaped, r.dollar = true, false
			continue
		case r.in == whole:
			r.bare(c, text[i:])
		case r.in == double:
			i += r.quoted(c, text[i:])
			c = text[i]
		case r.in == single && c == '\'', r.in == comment && c == '\n':
			r.in = whole
		}
		r.before = c
		r.dollar = (r.in == whole || r.in == double) && c == '$' ||
			r.in == double && r.dollar && (c == '_' || unreserved(c) && strings.IndexByte("-.~", c) < 0)
	}
}

// bare takes a character outside of quotes; rest begins with it.
func (r *shellReader) bare(c byte, rest string) {
	switch c {
	case '\'':
		r.in = single
		if r.before == '$' {
			r.loseTrack("$'…'")
		}
	case '"':
		r.in = double
	case '`':
		r.command = !r.command
	case '#':
		if strings.IndexByte(" \t\n;&|()", r.before) >= 0 {
			r.in = comment
		}
	case '<':
		if strings.HasPrefix(rest, "<<") && !strings.HasPrefix(rest, "<<<") && r.before != '<' {
			r.loseTrack("<<")
		}
	}
}

// quoted takes a character between double quotes; rest begins with it. It
// returns how many more it took.
func (r *shellReader) quoted(c byte, rest string) int {
	var begin, end, unclear string
	switch {
	case c == '"':
		r.in = whole
		return 0
	case c == '`':
		begin, end, unclear = "`", "`", "\"'\\\n"
	case strings.HasPrefix(rest, "$("):
		begin, end, unclear = "$(", ")", "\"'`\\(#\n"
	case strings.HasPrefix(rest, "${"):
		begin, end, unclear = "${", "}", "\"'`\\{(\n"
	default:
		return 0
	}
	// Simple ones are gone past; what has quotes of its own is not followed.
	inside, _, ok := strings.Cut(rest[len(begin):], end)
	if !ok || strings.ContainsAny(inside, unclear) {
		r.loseTrack(begin + " in double quotes")
		return 0
	}
	return len(begin) + len(inside)
}

func encodeShell(s spot, value string) (text, problem string) {
	if strings.Contains(value, "\x00") {
		return "", hasNUL
	}
	switch s.kind {
	case comment:
		return encodeComment(value)
	case single:
		return strings.ReplaceAll(value, "'", `'\''`), ""
	case double:
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(value), ""
	}
	return string(shellWord([]byte(value))), ""
}
