package storecmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/cli/complete"
	"github.com/keyhold/keyhold/internal/generate"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// A source is where a value comes from: an argument, - or @FILE, or a flag.
type source struct {
	app *app.App

	arg, from string
	generate  bool
}

func (s *source) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.from, "from", "", "the value is what this `reference` stands for")
	cmd.Flags().BoolVar(&s.generate, "generate", false, "the value is a new password of 24 characters, which nobody sees")
	_ = cmd.RegisterFlagCompletionFunc("from", complete.Refs(s.app))
}

// given reports whether the command line says where the value comes from.
func (s *source) given() bool { return s.arg != "" || s.from != "" || s.generate }

// check looks at what is given, and reads nothing.
func (s *source) check() error {
	n := 0
	for _, given := range []bool{s.arg != "", s.from != "", s.generate} {
		if given {
			n++
		}
	}
	if n > 1 {
		return app.Usagef("one of -, @FILE, --from and --generate says what the value is, not several")
	}
	if s.arg != "" && s.arg != "-" && (s.arg[0] != '@' || len(s.arg) == 1) {
		return &app.UsageError{
			Message: "a value is never an argument: it is in the history of the shell now; it comes from - (standard input), @FILE or --from",
			Try:     s.app.Command + " --help",
		}
	}
	if s.arg == "-" && s.stdinTaken() {
		return app.Usagef("standard input has the password, so it cannot have the value as well")
	}
	if s.from != "" {
		_, err := parseRef(s.from)
		return err
	}
	return nil
}

// stdinTaken reports whether standard input has the password: that must never
// become a value.
func (s *source) stdinTaken() bool {
	return s.app.Settings.Password.Stdin || s.app.Settings.Password.FD == 0
}

// parseRef reads a reference that can stand for a value.
func parseRef(text string) (ref.Ref, error) {
	if !ref.Is(text) {
		return ref.Ref{}, &app.UsageError{Message: args.Quote(text) + " is no reference, which begins with " + ref.Scheme, Try: "keyhold ref ITEM"}
	}
	r, err := ref.Parse(text)
	if err == nil && isOTP(r.Field) {
		err = oneTime(r)
	}
	return r, err
}

func isOTP(field string) bool { return field == "otp" || field == "totp" }

func oneTime(r ref.Ref) error {
	return app.Usagef("%s is a one-time code, which is over in a moment: it makes no secret of a store", r)
}

// read returns the value, checked. Without a source it is asked for, or read
// from standard input.
func (s *source) read(ctx context.Context, name string) (secret.Bytes, error) {
	var value secret.Bytes
	var err error
	switch {
	case s.from != "":
		value, err = s.resolve(ctx)
	case s.generate:
		var made secret.String
		made, err = generate.Default().Make(s.app.Rand)
		value = made.Bytes()
	case s.arg != "" && s.arg != "-":
		value, err = s.file(s.arg[1:])
	case s.arg == "-" || !s.app.InTerminal && !s.stdinTaken():
		var text []byte
		text, err = s.app.ReadIn(ctx, secretsstore.MaxValue+2) // a newline goes
		value = secret.Of(app.TrimNewline(text))
	case !s.app.CanAsk():
		return value, &app.MissingError{What: "the value is missing, and nobody can be asked", Try: s.app.Again("-")}
	default:
		var typed secret.String
		typed, err = s.app.AskSecret(ctx, fmt.Sprintf("Value of %s: ", args.Quote(name)))
		value = typed.Bytes()
	}
	if err != nil {
		return value, err
	}
	return value, checkValue(s.app, name, value)
}

func (s *source) file(name string) (value secret.Bytes, err error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return value, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := app.ReadAll(f, secretsstore.MaxValue)
	if err != nil {
		return value, fmt.Errorf("%s: %w", name, err)
	}
	return secret.Of(text), nil
}

func (s *source) resolve(ctx context.Context) (secret.Bytes, error) {
	r, err := parseRef(s.from)
	if err != nil {
		return secret.Bytes{}, err
	}
	found, err := s.app.Resolve(ctx, []ref.Ref{r}, nil)
	if err != nil {
		return secret.Bytes{}, err
	}
	if isOTP(found.Values[0].Field.Name) {
		return secret.Bytes{}, oneTime(r)
	}
	return found.Values[0].Field.Value, nil
}

// checkValue refuses what the service would, and warns about what is hardly meant.
func checkValue(a *app.App, name string, value secret.Bytes) error {
	text := value.Reveal()
	switch {
	case len(text) == 0:
		return app.Usagef("%s: the value is empty", name)
	case len(text) > secretsstore.MaxValue:
		return app.Usagef("%s: the value has %d bytes; %d is the most", name, len(text), secretsstore.MaxValue)
	case !utf8.Valid(text):
		return app.Usagef("%s: the value is not UTF-8, and the service takes nothing else", name)
	}
	if bytes.HasSuffix(text, []byte("\n")) {
		a.Messages().Warn("trailing_newline", name+": the value ends with a newline, which is sent too")
	}
	return nil
}

// sendable returns a value as the client sends it.
func sendable(value secret.Bytes) client.Secret { return client.NewSecret(string(value.Reveal())) }
