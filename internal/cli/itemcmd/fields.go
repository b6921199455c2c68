package itemcmd

import (
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A from says where the value of a field comes from.
type from int

const (
	literal from = iota // the command line
	asked               // the terminal
	file                // a file
	stdin               // standard input
	removed             // nowhere: the field goes away
	made                // a generator
)

// An assignment is one FIELD of the command line.
type assignment struct {
	name string // as typed
	from from
	text string // the literal, or the name of the file
	kind vault.Kind
	bare bool // "-": the main field from stdin
	long bool // best written in an editor
	main bool // the main field of the type
	own  bool // by --hidden or --text
}

// parse reads one FIELD: NAME=VALUE, NAME, NAME=@FILE, NAME=-, NAME= or -.
// Which of the forms are right for the field, check says.
func parse(arg string) (assignment, error) {
	if arg == "-" {
		return assignment{from: stdin, bare: true}, nil
	}
	name, value, given := strings.Cut(arg, "=")
	if name == "" {
		return assignment{}, app.Usagef("an argument names no field before its =")
	}
	as := assignment{name: name, text: value}
	switch {
	case !given:
		as.from = asked
	case value == "":
		as.from = removed
	case value == "-":
		as.from = stdin
	case strings.HasPrefix(value, "@"):
		as.from, as.text = file, value[1:]
	}
	return as, nil
}

// flagged reads the value of --hidden or --text.
func flagged(arg string, kind vault.Kind) (assignment, error) {
	as, err := parse(arg)
	if err != nil || as.bare {
		return as, app.Usagef("--%s names no field", kind)
	}
	as.kind, as.own = kind, true
	return as, nil
}

// A form is the fields that an item may have: those of its type, and the
// custom ones it has already.
type form struct {
	item string // its name, for hints
	kind vault.Type
	has  vault.Item
}

// check completes as by what the form knows of its field: its name, its kind,
// and whether a value may stand on the command line.
func (f form) check(as *assignment) error {
	if as.bare {
		if f.kind.Main == "" {
			return app.Usagef("an item of type %s has no main field: name one", f.kind.Name)
		}
		as.name = f.kind.Main
	}
	ft, ofType := f.kind.Field(as.name)
	if own, ok := f.has.Field(as.name); ok && own.Kind.Custom() && as.kind == "" {
		ofType = false // a field of one's own with this very name goes before an alias
	}
	switch {
	case as.kind == vault.Hidden || as.kind == vault.Text:
		if ofType {
			return &app.UsageError{
				Message: fmt.Sprintf("%s is a field of the type %s, not one of your own", ft.Name, f.kind.Name),
				Try:     f.command(ft.Name),
			}
		}
	case ofType:
		as.name, as.long, as.kind, as.main = ft.Name, ft.Long, vault.Plain, ft.Name == f.kind.Main
		if ft.Secret {
			as.kind = vault.Secret
		}
	default:
		own, ok := f.has.Field(as.name)
		if !ok {
			return f.unknown(*as)
		}
		as.kind = own.Kind
	}
	return f.form(as)
}

// form checks how the value is given.
func (f form) form(as *assignment) error {
	hidden := as.kind.Concealed()
	switch {
	case as.from == removed, hidden && as.from != literal:
		if as.from == file && as.text == "" {
			return app.Usagef("%s=@ names no file", as.name)
		}
		return nil
	case hidden:
		return f.exposed(as.flag(), as.name)
	case as.from == made:
		return app.Usagef("%s is not a secret field: it is not made up", as.name)
	case as.from == asked:
		return &app.UsageError{Message: as.name + " is not a secret field: give its value", Try: f.command(as.name + "=VALUE")}
	case as.from == file: // a leading @ is part of a value that is not secret
		as.from, as.text = literal, "@"+as.text
	case as.from == stdin:
		as.from, as.text = literal, "-"
	}
	return nil
}

// exposed reports a secret on the command line.
func (f form) exposed(flag, name string) error {
	return &app.UsageError{
		Message: fmt.Sprintf("%s is secret and must not be on the command line; the value is in your shell's history now; "+
			"%s alone is asked for, %s=- is read from standard input", name, name, name),
		Try: f.command(flag + name),
	}
}

// unknown reports a name that neither the type nor the item has.
func (f form) unknown(as assignment) error {
	e := &app.UsageError{
		Message: fmt.Sprintf("an item of type %s has no field %q; --hidden makes a secret one of your own, --text a visible one", f.kind.Name, as.name),
		Try:     f.command("--hidden " + args.Quote(as.name)),
	}
	near := f.kind.NearestField(as.name)
	if near == "" {
		return e
	}
	ft, _ := f.kind.Field(near)
	e.Message = fmt.Sprintf("an item of type %s has no field %q; did you mean %s?", f.kind.Name, as.name, near)
	e.Try = f.command(near)
	if !ft.Secret {
		value := "VALUE"
		if as.from == literal {
			value = as.text
		}
		e.Try = f.command(args.Quote(near + "=" + value))
	} else if as.from == literal {
		e.Message += " If so, the value is in your shell's history now"
	}
	return e
}

func (f form) command(rest string) string { return "keyhold put " + args.Quote(f.item) + " " + rest }

// precheck refuses a secret on the command line before anything is opened, if
// its name is that of a secret field whatever the type.
func precheck(item string, as assignment) error {
	if as.bare || as.from != literal || as.kind != "" {
		return nil
	}
	secretSomewhere := false
	var name string
	for _, t := range vault.Types() {
		if ft, ok := t.Field(as.name); ok {
			if !ft.Secret {
				return nil
			}
			secretSomewhere, name = true, ft.Name
		}
	}
	if secretSomewhere {
		return form{item: item}.exposed("", name)
	}
	return nil
}

// flag returns the flag that a field of one's own is given by.
func (as assignment) flag() string {
	if as.kind == vault.Hidden && as.own {
		return "--hidden "
	}
	return ""
}

// field returns the field with its value.
func (as assignment) field(value []byte) vault.Field {
	return vault.Field{Name: as.name, Kind: as.kind, Value: secret.Of(value)}
}
