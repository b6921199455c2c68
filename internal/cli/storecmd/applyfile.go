package storecmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/dotenv"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/secret"
)

// A wanted is a secret as a file says that it should be.
type wanted struct {
	name   string
	where  string // in the file, for errors
	pieces []ref.Piece
	scopes []string // nil: the file does not say
	// ownScopes says that the scopes are this secret's own, not of the whole file.
	ownScopes bool
	comment   *string // nil: the file does not say

	value secret.Bytes // once it is resolved
}

// maxFile is how large a file may be.
const maxFile = 16 << 20

// readWanted reads a file: YAML by its name, else .env. Each thing that is wrong in it
// is said.
func readWanted(a *app.App, name string) (list []*wanted, err error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	data, err := app.ReadAll(f, maxFile)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	r := fileReader{app: a, name: name}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		err = r.yaml(data)
	default:
		err = r.dotenv(data)
	}
	if err != nil {
		return nil, err
	}
	return r.list, a.Several(r.wrong, "%d entries of "+strings.ReplaceAll(name, "%", "%%")+" are wrong")
}

// A fileReader reads a file of secrets.
type fileReader struct {
	app   *app.App
	name  string
	list  []*wanted
	wrong []error
}

func (r *fileReader) fail(where string, err error) {
	r.wrong = append(r.wrong, fmt.Errorf("%s: %w", where, err))
}

// text takes what a value is made of. One that is a reference, or has some in it,
// stands for what they stand for.
func (r *fileReader) text(w *wanted, text string) {
	var err error
	if ref.Is(text) {
		var one ref.Ref
		one, err = parseRef(text)
		w.pieces = []ref.Piece{{Text: text, Ref: one}}
	} else {
		w.pieces, err = ref.ParseTemplate(text)
	}
	for _, p := range w.pieces {
		if err == nil && p.Placeholder() && isOTP(p.Ref.Field) {
			err = oneTime(p.Ref)
		}
	}
	if err != nil {
		r.fail(w.where, err)
	}
}

func (r *fileReader) dotenv(data []byte) error {
	entries, err := dotenv.Parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	for _, e := range entries {
		w := &wanted{name: e.Name, where: fmt.Sprintf("%s line %d: %s", r.name, e.Line, e.Name)}
		if i := slices.IndexFunc(r.list, func(o *wanted) bool { return o.name == e.Name }); i >= 0 {
			r.app.Messages().Warn("duplicate", fmt.Sprintf("%s stands there twice: the one before is not used", w.where))
			r.list = slices.Delete(r.list, i, i+1)
		}
		r.text(w, e.Value.Reveal())
		r.list = append(r.list, w)
	}
	return nil
}

func (r *fileReader) yaml(data []byte) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil || len(doc.Content) != 1 {
		return app.Usagef("%s is no YAML document", r.name) // its error may show a value
	}
	var common []string
	var secrets *yaml.Node
	err := r.members(doc.Content[0], func(key string, v *yaml.Node) (err error) {
		switch key {
		case "scopes":
			common, err = scopesOf(v)
		case "secrets":
			secrets = v
		default:
			err = app.Usagef("there is no key %s: it is scopes or secrets", args.Quote(key))
		}
		return err
	})
	if err != nil {
		return err
	}
	if secrets == nil {
		return app.Usagef("%s: the key secrets is missing", r.name)
	}
	return r.members(secrets, func(key string, v *yaml.Node) error {
		w := &wanted{name: key, where: fmt.Sprintf("%s line %d: %s", r.name, v.Line, key), scopes: common}
		r.list = append(r.list, w)
		return r.secret(w, v)
	})
}

// secret reads what a secret should be: a reference, or a mapping with one.
func (r *fileReader) secret(w *wanted, v *yaml.Node) error {
	from := v
	if v.Kind == yaml.MappingNode {
		from = nil
		err := r.members(v, func(key string, v *yaml.Node) (err error) {
			switch key {
			case "from":
				from = v
			case "scopes":
				w.ownScopes = true
				w.scopes, err = scopesOf(v)
			case "comment":
				if v.Kind != yaml.ScalarNode {
					return app.Usagef("comment is a text")
				}
				w.comment = &v.Value
			default:
				err = app.Usagef("there is no key %s: it is from, scopes or comment", args.Quote(key))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	switch {
	case from == nil:
		r.wrong = append(r.wrong, app.Usagef("%s: the key from is missing", w.where))
	case from.Kind != yaml.ScalarNode || !ref.Is(from.Value):
		r.wrong = append(r.wrong, app.Usagef("%s: a value is a reference here, which begins with %s", w.where, ref.Scheme))
	default:
		r.text(w, from.Value)
	}
	return nil
}

// members calls visit for each member of a mapping; its errors say the line.
func (r *fileReader) members(n *yaml.Node, visit func(key string, v *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return app.Usagef("%s line %d: names with values are expected", r.name, n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		var err error
		switch {
		case k.Kind != yaml.ScalarNode, v.Kind == yaml.AliasNode:
			err = app.Usagef("names with values are expected, without aliases")
		case seen[k.Value]:
			err = app.Usagef("%s stands there twice", args.Quote(k.Value))
		default:
			seen[k.Value] = true
			err = visit(k.Value, v)
		}
		var located *lineError
		if err != nil && !errors.As(err, &located) {
			err = &lineError{r.name, k.Line, err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A lineError says where in a file something is wrong.
type lineError struct {
	name string
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("%s line %d: %v", e.name, e.line, e.err) }

// Unwrap returns what is wrong.
func (e *lineError) Unwrap() error { return e.err }

func scopesOf(n *yaml.Node) ([]string, error) {
	var list []string
	if n.Kind != yaml.SequenceNode || n.Decode(&list) != nil || len(list) == 0 {
		return nil, app.Usagef("scopes is a list like [workers]")
	}
	return checkScopes(list)
}

// resolve finds out the values, and checks all there is to check here.
func resolve(ctx context.Context, a *app.App, list []*wanted) error {
	var refs []ref.Ref
	var wrong []error
	for _, w := range list {
		if err := checkName("secret", w.name); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", w.where, err))
		}
		for _, p := range w.pieces {
			if p.Placeholder() && !slices.Contains(refs, p.Ref) {
				refs = append(refs, p.Ref)
			}
		}
	}
	if err := a.Several(wrong, "%d names are wrong"); err != nil {
		return err
	}
	var found app.Found
	if len(refs) > 0 {
		var err error
		if found, err = a.Resolve(ctx, refs, nil); err != nil {
			return err
		}
	}
	for _, v := range found.Values {
		if isOTP(v.Field.Name) {
			wrong = append(wrong, oneTime(v.Ref))
		}
	}
	for _, w := range list {
		text, err := ref.Fill(w.pieces, "", found.Value)
		if err == nil {
			w.value = secret.Of(text)
			err = checkValue(a, w.name, w.value)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", w.where, err))
		}
	}
	return a.Several(wrong, "%d values are wrong")
}
