package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/generate"
	"github.com/keyhold/keyhold/internal/secret"
)

// ErrNoAnswer reports that an answer is needed and nobody can be asked.
var ErrNoAnswer = errors.New("nobody can be asked")

// ErrDeclined reports a question that was answered with no.
var ErrDeclined = errors.New("declined")

// The lengths that a new master password may have, in characters.
const (
	minPassword = 12
	maxPassword = 1024
)

// maxSecretFile is how much of a password file is read.
const maxSecretFile = 64 << 10

// A source is a place that the master password comes from without a question.
type source struct {
	name string
	read func(context.Context) (secret.String, error)
}

// flagSource returns the source that one of the flags with this prefix sets.
func (a *App) flagSource(prefix string, p PasswordFlags) (source, bool) {
	switch {
	case p.Stdin || p.FD == 0:
		return source{prefix + "-stdin", a.readStdin}, true
	case p.FD > 0:
		return source{fmt.Sprintf("%s-fd %d", prefix, p.FD), func(context.Context) (secret.String, error) { return readFD(p.FD) }}, true
	case p.File != "":
		return source{prefix + "-file " + p.File, func(context.Context) (secret.String, error) { return readFile(p.File) }}, true
	}
	return source{}, false
}

// passwordSource returns the first password source that is set.
func (a *App) passwordSource() (source, bool) {
	if s, ok := a.flagSource("--password", a.Settings.Password); ok {
		return s, true
	}
	if f := a.Getenv("KEYHOLD_PASSWORD_FILE"); f != "" {
		return source{"KEYHOLD_PASSWORD_FILE", func(context.Context) (secret.String, error) { return readFile(f) }}, true
	}
	if c := a.Getenv("KEYHOLD_PASSWORD_COMMAND"); c != "" {
		return source{"KEYHOLD_PASSWORD_COMMAND", func(ctx context.Context) (secret.String, error) { return a.runCommand(ctx, c) }}, true
	}
	if v := a.Getenv("KEYHOLD_PASSWORD"); v != "" {
		return source{"KEYHOLD_PASSWORD", func(context.Context) (secret.String, error) { return secret.TextOf(v), nil }}, true
	}
	return source{}, false
}

// HasSource reports whether the master password comes without a question.
func (a *App) HasSource() bool {
	_, ok := a.passwordSource()
	return ok
}

// Password returns the master password of a profile: what was typed for it
// already, else from the source, else by asking. It is got only once.
func (a *App) Password(ctx context.Context, profile string) (secret.String, error) {
	if pw, ok := a.typed[profile]; ok {
		return pw, nil
	}
	if a.HasSource() {
		return a.fromSource(ctx)
	}
	if !a.CanAsk() {
		return secret.String{}, fmt.Errorf("the master password is needed: %w", ErrNoAnswer)
	}
	pw, err := a.Prompt.Secret(ctx, masterPrompt(profile))
	if err != nil {
		return secret.String{}, a.promptError(err)
	}
	a.remember(profile, pw)
	return pw, nil
}

// remember keeps a typed password for the rest of this invocation.
func (a *App) remember(profile string, pw secret.String) {
	if a.typed == nil {
		a.typed = make(map[string]secret.String)
	}
	a.typed[profile] = pw
}

// fromSource reads the password source, once.
func (a *App) fromSource(ctx context.Context) (secret.String, error) {
	if a.sourced != nil {
		return *a.sourced, nil
	}
	src, _ := a.passwordSource()
	pw, err := a.readSource(ctx, src)
	if err != nil {
		return secret.String{}, err
	}
	a.sourced = &pw
	return pw, nil
}

func (a *App) readSource(ctx context.Context, src source) (secret.String, error) {
	a.Verbose("master password from " + src.name)
	pw, err := src.read(ctx)
	if err != nil {
		return secret.String{}, fmt.Errorf("%s: %w", src.name, err)
	}
	if pw.Len() == 0 {
		return secret.String{}, Usagef("%s: the password is empty", src.name)
	}
	return pw, nil
}

// promptError turns the end of input at a question into a no.
func (a *App) promptError(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrDeclined
	}
	return err
}

// AskSecret asks for a secret without echo. The end of the input is ErrDeclined.
func (a *App) AskSecret(ctx context.Context, prompt string) (secret.String, error) {
	answer, err := a.Prompt.Secret(ctx, prompt)
	return answer, a.promptError(err)
}

// AskLine asks for a line. The end of the input is ErrDeclined.
func (a *App) AskLine(ctx context.Context, prompt string) (string, error) {
	answer, err := a.Prompt.Line(ctx, prompt)
	return answer, a.promptError(err)
}

// NewPassword returns the master password of a new account: from its source as
// it is, else asked for twice.
func (a *App) NewPassword(ctx context.Context, profile, what string) (secret.String, error) {
	if pw, ok := a.typed[profile]; ok {
		return pw, nil
	}
	if a.HasSource() {
		pw, err := a.fromSource(ctx)
		if err != nil {
			return secret.String{}, err
		}
		return pw, a.fit(pw)
	}
	pw, err := a.askNewPassword(ctx, what)
	if err == nil {
		a.remember(profile, pw)
	}
	return pw, err
}

// NextPassword returns the password that is to take the place of the master
// password: from the flags for it as it is, else asked for twice. The sources
// of the old one are never tried.
func (a *App) NextPassword(ctx context.Context, flags PasswordFlags) (secret.String, error) {
	src, ok := a.flagSource("--new-password", flags)
	if !ok {
		return a.askNewPassword(ctx, "")
	}
	pw, err := a.readSource(ctx, src)
	if err != nil {
		return secret.String{}, err
	}
	return pw, a.fit(pw)
}

// PasswordChanged has the rest of this invocation use the new password of the
// chosen profile.
func (a *App) PasswordChanged(next secret.String) { a.remember(a.Settings.Profile, next) }

// fit returns an error if pw cannot be a new master password, and warns about
// a weak one.
func (a *App) fit(pw secret.String) error {
	if reason := unfit(pw); reason != "" {
		return Usagef("the new master password %s", reason)
	}
	a.warnWeak(pw)
	return nil
}

// askNewPassword asks until a fitting password was typed twice. An empty
// answer has a passphrase made up, to be typed once.
func (a *App) askNewPassword(ctx context.Context, what string) (secret.String, error) {
	if !a.CanAsk() {
		return secret.String{}, fmt.Errorf("a new master password is needed: %w", ErrNoAnswer)
	}
	prompt := what + fmt.Sprintf("New master password (%d characters or more; nothing: suggest one): ", minPassword)
	for {
		pw, err := a.Prompt.Secret(ctx, prompt)
		if err != nil {
			return secret.String{}, a.promptError(err)
		}
		again := "The same again: "
		switch answer := strings.ToLower(pw.Reveal()); answer {
		case "y", "yes": // an answer to the offer above the question
			prompt = "New master password: "
			continue
		case "n", "no":
			return secret.String{}, ErrDeclined
		case "":
			recipe := generate.Recipe{Words: suggestedWords}
			if pw, err = recipe.Make(a.Rand); err != nil {
				return secret.String{}, err
			}
			again = "Write this down and keep it: " + pw.Reveal() + "\nType it: "
		}
		if reason := unfit(pw); reason != "" {
			prompt = "The password " + reason + ".\nNew master password: "
			continue
		}
		typed, err := a.Prompt.Secret(ctx, again)
		if err != nil {
			return secret.String{}, a.promptError(err)
		}
		if typed.Equal(pw) {
			a.warnWeak(pw)
			return pw, nil
		}
		prompt = "The two are not the same.\nNew master password: "
	}
}

// suggestedWords is how many words a suggested passphrase has: 78 bits.
const suggestedWords = 6

// unfit says why pw cannot be a new master password, or "".
func unfit(pw secret.String) string {
	switch n := utf8.RuneCountInString(pw.Reveal()); {
	case n < minPassword:
		return fmt.Sprintf("has %d characters, it needs %d or more", n, minPassword)
	case n > maxPassword:
		return fmt.Sprintf("has %d characters, the limit is %d", n, maxPassword)
	}
	return ""
}

// warnWeak warns about a password that a short list of guesses would find.
func (a *App) warnWeak(pw secret.String) {
	const enough = 6
	seen := make(map[rune]bool)
	digits := true
	for _, r := range pw.Reveal() {
		seen[r] = true
		digits = digits && r >= '0' && r <= '9'
	}
	if len(seen) < enough || digits {
		a.Messages().Warn("weak_password", "this master password is easy to guess; several random words are better")
	}
}

func (a *App) readStdin(ctx context.Context) (secret.String, error) {
	b, err := a.ReadIn(ctx, maxSecretFile)
	if err != nil {
		return secret.String{}, fmt.Errorf("read the password: %w", err)
	}
	return secret.Text(TrimNewline(b)), nil
}

func readFD(fd int) (secret.String, error) {
	if fd <= 2 { // 0 is read as standard input
		return secret.String{}, Usagef("file descriptor %d is for output", fd)
	}
	f := os.NewFile(uintptr(fd), fmt.Sprintf("fd %d", fd))
	if f == nil {
		return secret.String{}, Usagef("file descriptor %d is not open", fd)
	}
	defer f.Close() //nolint:errcheck // it was only read
	pw, err := readPassword(f)
	if err != nil {
		return secret.String{}, &UsageError{Message: err.Error()}
	}
	return pw, nil
}

func readFile(name string) (secret.String, error) {
	f, err := os.Open(name)
	if err != nil {
		return secret.String{}, &UsageError{Message: err.Error()}
	}
	defer f.Close() //nolint:errcheck // it was only read
	pw, err := readPassword(f)
	if err != nil {
		return secret.String{}, &UsageError{Message: err.Error()}
	}
	return pw, nil
}

// readPassword reads all of r and takes one trailing newline off.
func readPassword(r io.Reader) (secret.String, error) {
	b, err := ReadAll(r, maxSecretFile)
	if err != nil {
		return secret.String{}, fmt.Errorf("read the password: %w", err)
	}
	return secret.Text(TrimNewline(b)), nil
}

// ReadIn reads all of standard input, but no more than limit bytes, or ends
// with ctx: a person may have thought better of it.
func (a *App) ReadIn(ctx context.Context, limit int) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	c := make(chan result, 1)
	go func() {
		b, err := ReadAll(a.In, limit)
		c <- result{b, err}
	}()
	select {
	case r := <-c:
		return r.b, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ReadAll reads all of r, but no more than limit bytes: that is an error.
func ReadAll(r io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		clear(b)
		return nil, Usagef("there are more than %d bytes", limit)
	}
	return b, nil
}

// TrimNewline takes one trailing newline, LF or CRLF, off b.
func TrimNewline(b []byte) []byte {
	if rest, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		return bytes.TrimSuffix(rest, []byte("\r"))
	}
	return b
}

// runCommand runs a command for its first line. It sees the terminal and the
// environment, without what keyhold's own variables say.
func (a *App) runCommand(ctx context.Context, command string) (secret.String, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = a.ChildEnv()
	cmd.Stdin = nil
	cmd.Stderr = a.Err
	cmd.WaitDelay = time.Second // for what the command left running
	out, err := cmd.Output()
	defer clear(out)
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return secret.String{}, err
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return secret.Text(bytes.Clone(bytes.TrimSuffix(line, []byte("\r")))), nil
}

// ChildEnv returns the environment for a child: without any KEYHOLD_ variable.
func (a *App) ChildEnv() []string {
	var env []string
	for _, line := range a.Environ() {
		if !strings.HasPrefix(line, "KEYHOLD_") {
			env = append(env, line)
		}
	}
	return env
}
