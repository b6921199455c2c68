package usecmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/dotenv"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
)

// An environment is the variables for a program, at first with references.
type environment struct {
	app    *app.App
	values map[string]value
	order  []string // of the names in values
	items  []ref.Ref
	found  app.Found
	wrong  []error           // what has no variable of its own
	texts  map[string]string // of the names in values, once they are resolved
	hidden [][]byte          // values of whole items
}

// A value is a text in which placeholders are to be filled.
type value struct {
	where     string // for errors: "ci.env line 3"
	pieces    []ref.Piece
	inherited bool    // from the environment: everything else goes before it
	wrong     []error // of the references in it
}

// set gives a variable a value; a later one wins.
func (e *environment) set(name string, v value) {
	if _, ok := e.values[name]; !ok {
		e.order = append(e.order, name)
	}
	e.values[name] = v
}

// gather reads what the flags and the environment name, and opens no vault.
func (e *environment) gather(o *runOptions) error {
	if !o.noEnv {
		for _, entry := range e.app.Environ() {
			if name, text, ok := strings.Cut(entry, "="); ok && ref.Is(text) && !ours(name) {
				e.whole(name, text, value{where: "the variable " + name, inherited: true})
			}
		}
	}
	for _, item := range o.items {
		if err := e.item(item); err != nil {
			return err
		}
	}
	for _, file := range o.envFiles {
		if err := e.file(file); err != nil {
			return err
		}
	}
	for _, v := range o.vars {
		name, text, ok := strings.Cut(v, "=")
		switch {
		case !ok || !isName(name): // it may be a secret, and is not shown
			return &app.UsageError{Message: "-e takes NAME=REF, with NAME of letters, digits and _", Try: "keyhold run --help"}
		case ours(name):
			return app.Usagef("-e %s: nothing of KEYHOLD_* is passed on", name)
		case !ref.Is(text):
			return &app.UsageError{
				Message: "-e " + name + ": the value is no reference, which begins with " + ref.Scheme +
					"; a value that is no secret can stand before the command: env " + name + "=... keyhold run",
				Try: "keyhold ref ITEM",
			}
		}
		e.whole(name, text, value{where: "-e " + name})
	}
	wrong := e.wrong
	for _, name := range e.order {
		wrong = append(wrong, e.values[name].wrong...)
	}
	return e.app.Several(wrong, "%d references are wrong")
}

// whole sets a variable whose value is one reference.
func (e *environment) whole(name, text string, v value) {
	r, err := ref.Parse(text)
	if err != nil {
		v.wrong = []error{fmt.Errorf("%s: %w", v.where, err)}
	}
	v.pieces = []ref.Piece{{Text: text, Ref: r}}
	e.set(name, v)
}

func (e *environment) item(arg string) error {
	r := ref.Ref{Item: arg}
	if ref.Is(arg) {
		var err error
		if r, err = ref.Parse(arg); err != nil {
			e.wrong = append(e.wrong, fmt.Errorf("--env-from: %w", err))
			return nil
		}
		if r.Field != "" {
			return &app.UsageError{
				Message: arg + " is a field; --env-from takes an item",
				Try:     "keyhold run --env-from " + ref.Ref{Vault: r.Vault, Profile: r.Profile, Item: r.Item + "/" + r.Field}.String() + " -- COMMAND",
			}
		}
	}
	e.items = append(e.items, r)
	return nil
}

// maxEnvFile is how large a .env file may be.
const maxEnvFile = 4 << 20

func (e *environment) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := app.ReadAll(f, maxEnvFile)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	entries, err := dotenv.Parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	lines := map[string]int{}
	for _, entry := range entries {
		where := fmt.Sprintf("%s line %d", name, entry.Line)
		if before, twice := lines[entry.Name]; twice {
			e.app.Messages().Warn("duplicate", fmt.Sprintf("%s: %s stands there twice, and line %d is not used", where, entry.Name, before))
		}
		lines[entry.Name] = entry.Line
		if ours(entry.Name) {
			e.app.Messages().Warn("not_passed", where+": nothing of KEYHOLD_* is passed on")
			continue
		}
		text := entry.Value.Reveal()
		if ref.Is(text) {
			e.whole(entry.Name, text, value{where: where})
			continue
		}
		v := value{where: where}
		if v.pieces, err = ref.ParseTemplate(text); err != nil {
			for _, one := range split(err) {
				v.wrong = append(v.wrong, fmt.Errorf("%s: %w", where, one))
			}
		}
		e.set(entry.Name, v)
	}
	return nil
}

// resolve looks everything up and fills it in.
func (e *environment) resolve(ctx context.Context) error {
	var refs []ref.Ref
	for _, name := range e.order {
		for _, p := range e.values[name].pieces {
			if p.Placeholder() && !slices.Contains(refs, p.Ref) {
				refs = append(refs, p.Ref)
			}
		}
	}
	e.texts = map[string]string{}
	if len(refs)+len(e.items) > 0 {
		var err error
		if e.found, err = e.app.Resolve(ctx, refs, e.items); err != nil {
			return err
		}
	}
	if err := e.fill(true); err != nil {
		return err
	}
	for _, it := range e.found.Items {
		if err := e.fields(it); err != nil {
			return err
		}
	}
	return e.fill(false)
}

// fill sets the variables that are inherited, or those that are not.
func (e *environment) fill(inherited bool) error {
	for _, name := range e.order {
		v := e.values[name]
		if v.inherited != inherited {
			continue
		}
		text, err := ref.Fill(v.pieces, "", e.found.Value)
		if err == nil {
			err = fits(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", v.where, err)
		}
		e.texts[name] = string(text)
	}
	return nil
}

// errNUL reports a value that no variable can hold.
var errNUL = errors.New("the value has a NUL character, which no variable can hold")

func fits(text []byte) error {
	if slices.Contains(text, 0) {
		return &app.UsageError{Message: errNUL.Error(), Try: "keyhold run --help"}
	}
	return nil
}

// fields sets a variable for each field of an item, unless something that goes
// before it does. The seed of one-time codes stays here: it is the code.
func (e *environment) fields(it vault.Item) error {
	for _, name := range it.FieldNames() {
		f, err := e.app.PickField(it, name)
		if err != nil {
			return err
		}
		variable := variableOf(name)
		if !isName(variable) || ours(variable) {
			e.app.Messages().Warn("not_passed", fmt.Sprintf("the field %q of %q makes no name of a variable", name, it.Name))
			continue
		}
		if err := fits(f.Value.Reveal()); err != nil {
			return fmt.Errorf("the field %q of %q: %w", name, it.Name, err)
		}
		e.texts[variable] = string(f.Value.Reveal())
		if f.Kind.Concealed() || secretField(it, name) {
			e.hidden = append(e.hidden, f.Value.Reveal())
		}
	}
	return nil
}

// secretField reports whether a field of the type is a secret one.
func secretField(it vault.Item, name string) bool {
	f, ok := vault.TypeOf(it).Field(name)
	return ok && f.Secret
}

// variableOf makes the name of a variable of that of a field: "API key" is
// API_KEY.
func variableOf(field string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return unicode.ToUpper(r)
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, field)
}

// secrets are the values to be hidden.
func (e *environment) secrets() [][]byte {
	list := e.hidden
	for _, r := range e.found.Values {
		list = append(list, r.Field.Value.Reveal())
	}
	return slices.DeleteFunc(list, func(v []byte) bool { return len(v) == 0 })
}

// list returns the environment of the program: with only, of what is inherited no
// more than programs cannot do without.
func (e *environment) list(only bool) []string {
	var list []string
	for _, entry := range e.app.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		_, replaced := e.texts[name]
		if !replaced && !ours(name) && (!only || needed(name)) {
			list = append(list, entry)
		}
	}
	for name, text := range e.texts {
		list = append(list, name+"="+text)
	}
	slices.Sort(list)
	return list
}

// ours reports whether a variable is one of keyhold's own.
func ours(name string) bool { return strings.HasPrefix(strings.ToUpper(name), "KEYHOLD_") }

// needed reports whether a program can hardly do without a variable.
func needed(name string) bool {
	switch strings.ToUpper(name) {
	case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "LANG", "TZ", "TMPDIR",
		"SYSTEMROOT", "COMSPEC", "PATHEXT", "USERPROFILE", "TEMP", "TMP":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}

// isName reports whether s can be the name of a variable.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
