package itemcmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/generate"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// maxValue is how many bytes a value may have.
const maxValue = 2 << 20

// A gatherer gets the values of the fields and makes an edit of them.
type gatherer struct {
	app   *app.App
	item  string
	given []assignment
	edit  vault.Edit

	recipe generate.Recipe // of what is made up
}

// read gets the values that need no person: of the command line, of files, of
// standard input.
func (g *gatherer) read(ctx context.Context) error {
	for _, as := range g.given {
		var value []byte
		var err error
		switch as.from {
		case literal:
			value = []byte(as.text)
		case removed:
			g.edit.Remove = append(g.edit.Remove, as.name)
			continue
		case file:
			value, err = readFile(as.text)
		case stdin:
			value, err = g.readStdin(ctx)
		case made:
			var pw secret.String
			pw, err = g.recipe.Make(g.app.Rand)
			value = pw.Bytes().Reveal()
		case asked:
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", as.name, err)
		}
		g.edit.Set = append(g.edit.Set, as.field(value))
	}
	return nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &app.UsageError{Message: err.Error()}
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := app.ReadAll(f, maxValue)
	return nonEmpty(b, err, name)
}

func (g *gatherer) readStdin(ctx context.Context) ([]byte, error) {
	b, err := g.app.ReadIn(ctx, maxValue)
	if b, err = nonEmpty(b, err, "standard input"); err != nil {
		return nil, err
	}
	if b = app.TrimNewline(b); len(b) == 0 {
		return nil, app.Usagef("standard input is empty")
	}
	return b, nil
}

// nonEmpty makes the errors of reading a value from the place called name.
func nonEmpty(b []byte, err error, name string) ([]byte, error) {
	var usage *app.UsageError
	switch {
	case errors.As(err, &usage):
		return nil, app.Usagef("%s: %v", name, err)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(b) == 0:
		return nil, app.Usagef("%s is empty", name)
	}
	return b, nil
}

// ask gets the values that a person gives.
func (g *gatherer) ask(ctx context.Context, it *vault.Item) error {
	for _, as := range g.given {
		if as.from != asked {
			continue
		}
		if !g.app.CanAsk() {
			return &missingError{item: g.item, field: as.name, main: as.main}
		}
		value, err := g.askOne(ctx, as, it)
		if err != nil {
			return err
		}
		g.edit.Set = append(g.edit.Set, as.field(value))
	}
	return nil
}

func (g *gatherer) askOne(ctx context.Context, as assignment, it *vault.Item) ([]byte, error) {
	if as.long {
		var old []byte
		if it != nil {
			if f, ok := it.Field(as.name); ok {
				old = f.Value.Reveal()
			}
		}
		b, err := g.app.EditText(ctx, old)
		return app.TrimNewline(b), err
	}
	prompt := fmt.Sprintf("%s of %s: ", as.name, output.Safe(g.item))
	for {
		pw, err := g.app.AskSecret(ctx, prompt)
		if err != nil {
			return nil, err
		}
		if pw.Len() > 0 {
			return pw.Bytes().Reveal(), nil
		}
		prompt = fmt.Sprintf("It must not be empty.\n%s of %s: ", as.name, output.Safe(g.item))
	}
}
