package usecmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/apptest"
	"github.com/keyhold/keyhold/internal/cli/usecmd"
	"github.com/keyhold/keyhold/internal/output"
	"github.com/keyhold/keyhold/internal/vault"
)

// generate runs the command in w.
func generate(t *testing.T, w *apptest.World, args ...string) error {
	t.Helper()
	cmd := usecmd.NewGenerate(w.App)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(w.Err)
	cmd.SetErr(w.Err)
	return cmd.ExecuteContext(t.Context())
}

// fixed returns a world whose random source gives the bytes 0, 1, 2 and so on,
// again and again, and whose standard input must not be read.
func fixed(t *testing.T) *apptest.World {
	t.Helper()
	w := apptest.New(t)
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	w.Rand = bytes.NewReader(bytes.Repeat(b, 10))
	w.In = iotest.ErrReader(errors.New("standard input was read"))
	return w
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"default", nil, "WXYZ0123456789abcdefghij\n"},
		{"length", []string{"--length", "63"}, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789a\n"},
		{"classes", []string{"--length", "12", "--classes", "d"}, "012345678901\n"},
		{"symbols", []string{"--length", "34", "--classes", "sd"}, "0123456789!\"#$%&'()*+,-./:;<=>?@[\\\n"},
		{"no lookalikes", []string{"--no-lookalikes", "--length", "26", "--classes", "ul"}, "abcdefghijkmnpqrstuvwxyzAB\n"},
		{"count", []string{"--count", "3", "--classes", "d", "--length", "4"}, "0123\n4567\n8901\n"},
		{"words", []string{"--words", "2"}, "abdomen-basics\n"},
		{"words, count", []string{"--words", "1", "--count", "2"}, "abdomen\nbasics\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := fixed(t)
			if err := generate(t, w, tt.args...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, w.Out.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if w.Err.Len() > 0 {
				t.Errorf("stderr: %s", w.Err)
			}
			if _, err := os.Stat(w.Env["KEYHOLD_HOME"]); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the home was touched: %v", err)
			}
		})
	}
}

func TestGenerateUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want string
		try  string
	}{
		{[]string{"--length", "0"}, "a password has 1 to 1024 characters, not 0", "keyhold generate --length 24 --classes luds"},
		{[]string{"--length", "2"}, "2 characters have no room for a character of each of 3 classes", "keyhold generate --length 24 --classes luds"},
		{[]string{"--classes", "lx"}, "'x' is no class of characters; those are l, u, d and s", "keyhold generate --length 24 --classes luds"},
		{[]string{"--classes", ""}, "a password needs at least one class of characters: l, u, d or s", "keyhold generate --length 24 --classes luds"},
		{[]string{"--words", "0"}, "a passphrase has 1 to 64 words, not 0", "keyhold generate --words 6"},
		{[]string{"--words", "65"}, "a passphrase has 1 to 64 words, not 65", "keyhold generate --words 6"},
		{[]string{"--words", "5", "--length", "24"}, "--words and --length do not go together", "keyhold generate --words 5"},
		{[]string{"--words", "5", "--classes", "l"}, "--words and --classes do not go together", "keyhold generate --words 5"},
		{[]string{"--words", "5", "--no-lookalikes"}, "--words and --no-lookalikes do not go together", "keyhold generate --words 5"},
		{[]string{"--count", "0"}, "--count is 1 to 1000, not 0", "keyhold generate --count 10"},
		{[]string{"--count", "1001"}, "--count is 1 to 1000, not 1001", "keyhold generate --count 10"},
		{[]string{"mail"}, "one argument too many, mail: generate [flags]", "generate --help"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			w := fixed(t)
			var usage *app.UsageError
			if err := generate(t, w, tt.args...); !errors.As(err, &usage) {
				t.Fatalf("error %v, want a usage error", err)
			}
			if usage.Message != tt.want || usage.Try != tt.try {
				t.Errorf("%q, hint %q; want %q, %q", usage.Message, usage.Try, tt.want, tt.try)
			}
			if w.Out.Len() > 0 {
				t.Errorf("stdout: %s", w.Out)
			}
		})
	}
}

func TestGenerateFormats(t *testing.T) {
	t.Parallel()
	two := []string{"--count", "2", "--classes", "d", "--length", "4"}
	tests := []struct {
		name   string
		format output.Format
		args   []string
		want   string
	}{
		{"json, one", output.JSON, nil, "{\n  \"value\": \"WXYZ0123456789abcdefghij\",\n  \"length\": 24,\n  \"bits\": 143\n}\n"},
		{"tsv, one", output.TSV, two[2:], "value\t0123\nlength\t4\nbits\t13\n"},
		{"tsv, two", output.TSV, two, "0123\t4\t13\n4567\t4\t13\n"},
		{"list, two", output.List, two, "value: 0123\nlength: 4\nbits: 13\n\nvalue: 4567\nlength: 4\nbits: 13\n"},
		{"yaml, words", output.YAML, []string{"--words", "2"}, "value: abdomen-basics\nlength: 14\nbits: 26\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := fixed(t)
			w.Settings.Format, w.Settings.FormatTyped = tt.format, true
			if err := generate(t, w, tt.args...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, w.Out.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestGenerateManyAsJSON(t *testing.T) {
	t.Parallel()
	w := apptest.New(t)
	w.Settings.Format, w.Settings.FormatTyped = output.JSON, true
	if err := generate(t, w, "--count", "1000", "--classes", "luds", "--length", "40"); err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Value  string
		Length int
		Bits   int
	}
	if err := json.Unmarshal(w.Out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range list {
		if len(p.Value) != 40 || p.Length != 40 || p.Bits != 262 {
			t.Errorf("%+v", p)
		}
		seen[p.Value] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different passwords, want 1000", len(seen))
	}
}

func TestGenerateIgnoresFormatOfEnvironment(t *testing.T) {
	t.Parallel()
	w := fixed(t)
	w.Settings.Format = output.JSON
	if err := generate(t, w); err != nil {
		t.Fatal(err)
	}
	if got := w.Out.String(); got != "WXYZ0123456789abcdefghij\n" {
		t.Errorf("stdout: %s", got)
	}
}

// TestGenerateOnTerminal checks the notice, and that a narrow terminal does not
// cut a value.
func TestGenerateOnTerminal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		args  []string
		quiet bool
		want  string
	}{
		{"one", []string{"--length", "64"}, false, "keyhold: 64 characters, 381 bits\n"},
		{"two", []string{"--count", "2", "--length", "64"}, false, "keyhold: 64 characters, 381 bits each\n"},
		{"words", []string{"--words", "6"}, false, "keyhold: 6 words, 78 bits\n"},
		{"quiet", []string{"--length", "64"}, true, ""},
	}
	for _, tt := range tests {
		for _, typed := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				w := apptest.New(t)
				w.OutTerminal, w.ErrTerminal, w.Width = true, true, 30
				w.Settings.Quiet = tt.quiet
				if typed {
					w.Settings.Format, w.Settings.FormatTyped = output.Table, true
				}
				if err := generate(t, w, tt.args...); err != nil {
					t.Fatal(err)
				}
				if got := w.Err.String(); got != tt.want {
					t.Errorf("stderr: %q, want %q", got, tt.want)
				}
				if strings.Contains(w.Out.String(), "…") {
					t.Errorf("a value is cut:\n%s", w.Out)
				}
			})
		}
	}
}

func TestGenerateRefusesToPrint(t *testing.T) {
	t.Parallel()
	w := fixed(t)
	w.Settings.NoPrint = true
	if err := generate(t, w); !errors.Is(err, vault.ErrDenied) {
		t.Errorf("error %v, want denied", err)
	}
	if w.Out.Len() > 0 {
		t.Errorf("stdout: %s", w.Out)
	}
}

// TestGenerateWholeOrNothing lets the random source end in the third password.
func TestGenerateWholeOrNothing(t *testing.T) {
	t.Parallel()
	w := apptest.New(t)
	w.Rand = bytes.NewReader(make([]byte, 10))
	if err := generate(t, w, "--count", "3", "--classes", "d", "--length", "4"); !errors.Is(err, io.EOF) {
		t.Errorf("error %v, want EOF", err)
	}
	if w.Out.Len() > 0 {
		t.Errorf("stdout: %s", w.Out)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestGenerateCannotWrite(t *testing.T) {
	t.Parallel()
	w := fixed(t)
	w.App.Out, w.ErrTerminal = full{}, true
	if err := generate(t, w); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v", err)
	}
	if w.Err.Len() > 0 {
		t.Errorf("stderr: %s", w.Err)
	}
}

func TestGenerateNames(t *testing.T) {
	t.Parallel()
	cmd := usecmd.NewGenerate(apptest.New(t).App)
	if diff := cmp.Diff([]string{"gen", "pwgen"}, cmd.Aliases); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
