package output

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// hidden stands where a secret is that nobody asked to see.
const hidden = "(hidden)"

// An Object is what is printed: members in the order in which they appear.
//
// A value is a string, bool, int, int64, uint64, time.Time, []string, Object,
// []Object, secret.String, secret.Bytes or Revealed; any other type, nil too,
// is an error of the printer, before anything is written. A time is printed as
// RFC 3339 in UTC to the second, and a secret as "(hidden)" unless Reveal was
// called for it. An optional member without a value is left out by the caller.
type Object []Member

// A Member is one name and value of an Object. Names are snake_case and occur
// once.
type Member struct {
	Name  string
	Value any
}

// With returns o with one more member. It appends, so o itself may change too.
func (o Object) With(name string, value any) Object { return append(o, Member{name, value}) }

// WithTime is With for a time that may not be known: then o is as it was.
func (o Object) WithTime(name string, t time.Time) Object {
	if t.IsZero() {
		return o
	}
	return o.With(name, t)
}

// Revealed is a secret that is to be printed in the clear. It is made by Reveal.
type Revealed struct{ value secret.Bytes }

// Reveal marks s to be printed in the clear. In JSON and YAML, bytes that are
// not UTF-8 become U+FFFD; the caller encodes such a value before.
func Reveal(s secret.Bytes) Revealed { return Revealed{s} }

// check returns an error if v is not a value of an Object.
func check(v any) error {
	switch v := v.(type) {
	case string, bool, int, int64, uint64, time.Time, []string, secret.String, secret.Bytes, Revealed:
		return nil
	case Object:
		seen := make(map[string]bool, len(v))
		for _, m := range v {
			if seen[m.Name] {
				return fmt.Errorf("member %q: printed twice", m.Name)
			}
			seen[m.Name] = true
			if err := check(m.Value); err != nil {
				return fmt.Errorf("member %q: %w", m.Name, err)
			}
		}
		return nil
	case []Object:
		for _, o := range v {
			if err := check(o); err != nil {
				return err
			}
		}
		return nil
	case nil:
		return errors.New("a value is missing")
	default:
		return fmt.Errorf("a %T cannot be printed", v)
	}
}

// scalar returns the text of a value that is one text in every format, and
// false for a bool, a number, a list or an object.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case time.Time:
		return v.UTC().Truncate(time.Second).Format(time.RFC3339), true
	case secret.String, secret.Bytes:
		return hidden, true
	case Revealed:
		return string(v.value.Reveal()), true
	default:
		return "", false
	}
}

// bare returns the text of a bool or a number, which JSON and YAML do not quote.
func bare(v any) (string, bool) {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	default:
		return "", false
	}
}

// cell returns v as the text of one cell: the elements of a list joined by
// commas, objects as compact JSON.
func cell(v any) (string, error) {
	if text, ok := scalar(v); ok {
		return text, nil
	}
	if text, ok := bare(v); ok {
		return text, nil
	}
	if list, ok := v.([]string); ok {
		return strings.Join(list, ","), nil
	}
	b, err := appendJSON(nil, v, compact)
	return strings.TrimSuffix(string(b), "\n"), err
}

// member returns the value of o's member of that name, nil if there is none.
func (o Object) member(name string) any {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// A pair is a member as one line.
type pair struct{ name, value string }

// flatten returns the members of o as lines: those of objects inside by their
// path, joined by dots, those of a list of objects with their index in it.
func flatten(lines []pair, prefix string, o Object) ([]pair, error) {
	var err error
	for _, m := range o {
		name := prefix + m.Name
		switch v := m.Value.(type) {
		case Object:
			lines, err = flatten(lines, name+".", v)
		case []Object:
			for i, inner := range v {
				if lines, err = flatten(lines, name+"."+strconv.Itoa(i)+".", inner); err != nil {
					return nil, err
				}
			}
		default:
			var text string
			text, err = cell(v)
			lines = append(lines, pair{name, text})
		}
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
}
