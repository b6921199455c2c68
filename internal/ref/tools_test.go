package ref_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/keyhold/keyhold/internal/ref"
)

// nasty are names with everything that some shell or format gives a meaning.
var nasty = []string{
	"github.com", "web/github.com", "My Login", "a  b", " lead", "trail ", "#1 Bank", "a #b", "what?", "a&b", "a&&b|c;d",
	"100%", "%41", "%%", "$HOME", "${HOME}", "$(date)", "`date`", "$$", "a$", "a:b", "a: b", ":", "https://x.org/?a=b#c",
	`it's`, `say "hi"`, `back\slash`, "~", "~root", "a~b", "=ls", "a=b", "me@home.org", "@", "^x", "x^", "*", "**", "a*",
	"!x", "!", "a!b", "{a,b}", "{1..3}", "[a-z]", "(x)", "(#i)a", "a(N)", "<x>", ">f", ",", "a, b", "+", "+(x)", "a+b",
	"-", "--help", "- x", "|", "'", `"`, "null", "true", "1e3", "0x1f", "a\tb", "a\nb", "Büro", "日本語", "🔑", "\u00a0",
	"\u2028", "\ufeff", "a\rb", "{{ x }}", "é\u0301",
}

// printed returns references made of the nasty names, as text.
func printed() []string {
	var all []string
	for _, name := range nasty {
		for _, r := range []ref.Ref{
			{Vault: "v", Item: name},
			{Vault: name, Profile: name, Item: "i", Field: name},
			{Vault: "v", Item: name + "/" + name, Field: "f"},
		} {
			all = append(all, r.String())
		}
	}
	return all
}

// run starts the tool on a file of the given text, named last, and returns what
// it printed.
func run(t *testing.T, text string, tool ...string) string {
	t.Helper()
	path, err := exec.LookPath(tool[0])
	if err != nil {
		t.Skipf("%s is not installed; scripts/test.sh does that", tool[0])
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "input")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := tool[1:]
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "FILE", file)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%s: %v\n%s", tool[0], err, errs.String())
	}
	return string(out)
}

func TestUnquotedInShells(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, before, assign string
		tool                 []string
	}{
		{"sh", "", "x=%s\n", []string{"sh", "FILE"}},
		{"bash", "shopt -s extglob nullglob globstar; set -o history -H\n", "x=%s\n", []string{"bash", "--norc", "FILE"}},
		{"zsh", "setopt extendedglob banghist magicequalsubst kshglob\n", "x=%s\n", []string{"zsh", "-f", "FILE"}},
		{"fish", "", "set x %s\n", []string{"fish", "--no-config", "FILE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			script, want := tt.before, ""
			for _, r := range printed() {
				script += fmt.Sprintf("printf '%%s\\n' %s\n", r)               // a word
				script += fmt.Sprintf("printf '%%s\\n' --from=%s\n", r)        // part of a word
				script += fmt.Sprintf(tt.assign+"printf '%%s\\n' \"$x\"\n", r) // what is assigned
				script += fmt.Sprintf("env A=1 X=%s sh -c 'printf \"%%s\\n\" \"$X\"'\n", r)
				want += r + "\n--from=" + r + "\n" + r + "\n" + r + "\n"
			}
			if diff := cmp.Diff(want, run(t, script, tt.tool...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnquotedInMake(t *testing.T) {
	t.Parallel()
	head, recipe, want := "", "", ""
	for i, r := range printed() {
		head += fmt.Sprintf("V%d = %s\n", i, r)
		recipe += fmt.Sprintf("\t@printf '%%s\\n' $(V%d) %s\n", i, r)
		want += r + "\n" + r + "\n"
	}
	if diff := cmp.Diff(want, run(t, head+"all:\n"+recipe, "make", "-rsf", "FILE")); diff != "" {
		t.Error(diff)
	}
}

func TestUnquotedInNode(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), "node", "--env-file="+os.DevNull, "-e", "").CombinedOutput(); err != nil {
		t.Skipf("there is no node that takes --env-file: %v %s", err, out)
	}
	env, want := "", ""
	for i, r := range printed() {
		env += fmt.Sprintf("V%d=%s\n", i, r)
		want += r + "\n"
	}
	got := run(t, env, "node", "--env-file=FILE", "-e", "for (let i = 0; `V${i}` in process.env; i++) console.log(process.env[`V${i}`])")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnquotedInYAML(t *testing.T) {
	t.Parallel()
	for _, r := range printed() {
		text := fmt.Sprintf("map: %s # comment\nlist:\n- %s\n- %s\nflow: [%s, {a: %s}]\n", r, r, r, r, r)
		want := map[string]any{"map": r, "list": []any{r, r}, "flow": []any{r, map[string]any{"a": r}}}
		var got map[string]any
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s%v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
