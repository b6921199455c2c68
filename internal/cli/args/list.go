package args

import "strings"

// A List is the value of a flag that may be given several times. The library's
// own kinds of it set up a CSV writer for each flag, which shows in the time
// that every start takes.
type List []string

// Set adds one value.
func (l *List) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// String returns the values, for help texts.
func (l *List) String() string { return strings.Join(*l, ", ") }

// Type names the value in help texts.
func (l *List) Type() string { return "VALUE" }
