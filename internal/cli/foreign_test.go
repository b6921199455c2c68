package cli_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/apptest"
	"github.com/keyhold/keyhold/internal/cli"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/exit"
)

// wrongLine says why a command line of keyhold is none, "" if it is one. It runs
// nothing.
func wrongLine(t *testing.T, words []string) string {
	t.Helper()
	if words[0] == "help" {
		w := apptest.New(t)
		cli.Main(t.Context(), w.App, words)
		return w.Err.String()
	}
	found, rest, err := cli.NewRoot(apptest.New(t).App).Find(words)
	if err == nil {
		err = found.ParseFlags(rest)
	}
	switch {
	case err != nil:
		return err.Error()
	case found.HasSubCommands() && found.Flags().NArg() > 0:
		return "there is no " + strings.Join(words, " ")
	case found.Hidden:
		return found.CommandPath() + " is not for show"
	}
	if check := found.Args; check != nil && len(rest) > 0 { // alone it stands for the command
		if err := check(found, found.Flags().Args()); err != nil {
			return err.Error()
		}
	}
	return ""
}

// commandLines returns the command lines of keyhold in a text.
func commandLines(text string) [][]string {
	var lines [][]string
	for _, l := range regexp.MustCompile("(?m)keyhold( (?:[^|&;:,`)>\n]|://)*)?").FindAllString(text, -1) {
		l, _, _ = strings.Cut(l, "  ") // the next column
		words := strings.Fields(strings.NewReplacer(`"`, "", `'`, "").Replace(l))[1:]
		if len(words) > 0 {
			lines = append(lines, words)
		}
	}
	return lines
}

// ownWith are the spellings that are keyhold's own up to an argument more.
var ownWith = map[string]string{
	"generate": " web/mail", "item edit": " web/mail username=x", "list items": "", "list folders": "", "list collections": "",
	"get item": " web/mail", "get password": " web/mail", "get username": " web/mail", "get uri": " web/mail", "get notes": " web/mail", "get totp": " web/mail",
	"otp code": " web/mail", "otp insert": " web/mail", "otp uri": " web/mail",
	"edit item": " web/mail", "restore item": " web/mail",
}

// What other tools' users type is answered in a line, with a command to paste
// that exists.
func TestForeign_answers(t *testing.T) {
	t.Parallel()
	for _, s := range args.Spellings() {
		t.Run(s.Words, func(t *testing.T) {
			t.Parallel()
			lines := map[string]string{"": "NAME", " web/mail": "web/mail"}
			if given, ok := ownWith[s.Words]; ok {
				lines = map[string]string{given: "web/mail"}
			}
			for given, name := range lines {
				w := apptest.New(t)
				if got := cli.Main(t.Context(), w.App, strings.Fields(s.Words+given)); got != exit.Usage {
					t.Errorf("%s: status %d, want %d", s.Words+given, got, exit.Usage)
				}
				want := "keyhold: " + s.Words + ": " + s.Means + "\nhint: " + strings.ReplaceAll(s.Try, "{}", name) + "\n"
				if got := w.Err.String(); got != want {
					t.Errorf("%s: %q, want %q", s.Words+given, got, want)
				}
			}
			for _, line := range commandLines(strings.ReplaceAll(s.Try, "{}", "mail")) {
				if wrong := wrongLine(t, line); wrong != "" {
					t.Errorf("the hint %q: %s", s.Try, wrong)
				}
			}
		})
	}
}

// A word that became a command of keyhold's own is no longer another tool's.
func TestForeign_shadows(t *testing.T) {
	t.Parallel()
	for _, s := range args.Spellings() {
		words := strings.Fields(s.Words)
		found, rest, err := cli.NewRoot(apptest.New(t).App).Find(words)
		if _, own := ownWith[s.Words]; err == nil && len(rest) == 0 && !own {
			t.Errorf("%s is %s now: take it out of the spellings", s.Words, found.CommandPath())
		}
		if last := words[len(words)-1]; strings.HasPrefix(last, "-") && err == nil && flagOf(found, last) {
			t.Errorf("%s has the flag %s now: take it out of the spellings", found.CommandPath(), last)
		}
	}
}

func flagOf(cmd *cobra.Command, flag string) bool {
	if name, long := strings.CutPrefix(flag, "--"); long {
		return cmd.Flags().Lookup(name) != nil
	}
	return cmd.Flags().ShorthandLookup(flag[1:]) != nil
}

// Every command line of keyhold in a topic exists, with its flags.
func TestTopics_commands(t *testing.T) {
	t.Parallel()
	seen := 0
	err := fs.WalkDir(os.DirFS("topics"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile("topics/" + path)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(path, "from-") && !slices.Contains([]string{"agents.txt", "ci.txt", "references.txt"}, path) {
			return nil
		}
		for _, line := range commandLines(string(text)) {
			if !proseAfterName(line) {
				seen++
				if wrong := wrongLine(t, line); wrong != "" {
					t.Errorf("%s: keyhold %s: %s", path, strings.Join(line, " "), wrong)
				}
			}
		}
		return nil
	})
	if err != nil || seen < 60 {
		t.Errorf("%d command lines, %v", seen, err)
	}
}

// proseAfterName reports whether the text goes on about keyhold itself.
func proseAfterName(words []string) bool {
	return words[0] == "is" || words[0] == "keeps" || words[0] == "asks" || words[0] == "names"
}
