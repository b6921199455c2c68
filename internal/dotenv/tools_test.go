package dotenv_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/dotenv"
)

// start runs a tool with nothing in its environment but where programs are.
func start(t *testing.T, tool string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v %s", tool, err, out)
	}
	return string(out)
}

// needNode skips the test where node cannot read .env files.
func needNode(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "node", "-e", "process.loadEnvFile('"+os.DevNull+"')").CombinedOutput(); err != nil {
		t.Skipf("there is no node that reads .env files: %v %s", err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// byNode reads the files in dir, 0 to n-1, as node --env-file does, and prints
// what each puts into the environment.
const byNode = `
const [dir, n] = process.argv.slice(1), files = [];
for (const k in process.env) delete process.env[k];
for (let i = 0; i < n; i++) {
	process.loadEnvFile(dir + '/' + i);
	files.push({...process.env});
	for (const k in process.env) delete process.env[k];
}
console.log(JSON.stringify(files));`

func TestLikeNode(t *testing.T) {
	t.Parallel()
	needNode(t)
	dir := t.TempDir()
	for i, in := range inputs {
		write(t, filepath.Join(dir, fmt.Sprint(i)), in.text)
	}
	var got []map[string]string
	if err := json.Unmarshal([]byte(start(t, "node", "-e", byNode, dir, fmt.Sprint(len(inputs)))), &got); err != nil {
		t.Fatal(err)
	}
	for i, in := range inputs {
		if in.node != nil && cmp.Equal(environ(in.node), got[i]) {
			continue
		}
		if diff := cmp.Diff(environ(in.want), got[i]); diff != "" {
			t.Errorf("%q: %s", in.text, diff)
		}
	}
}

// environ returns names and values in turn as node prints an environment.
func environ(flat []string) map[string]string {
	env := map[string]string{}
	for i := 0; i < len(flat); i += 2 {
		env[flat[i]] = flat[i+1]
	}
	return env
}

// quotable returns values that Quote has a form for, and the file of them all.
func quotable(quote func(string) (string, error)) (want []string, text string) {
	chars := []rune("ab'\"`\\$#!{}()[]=~*?&|;<>^%@:,+- \t\nüñ🔑")
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same values each time
	values := []string{"", " ", "\n", "# c", "a #b", "$HOME", "${HOME}", "$(id)", "`id`", `\n`, `a\`, "'", `"`, "it's", "it's\n#x", "A=1", "!!", "~", "export A=1", "\ufeff", "kh://v/i"}
	for len(values) < 1500 {
		var v strings.Builder
		for range 1 + random.IntN(7) {
			v.WriteRune(chars[random.IntN(len(chars))])
		}
		values = append(values, v.String())
	}
	for _, v := range values {
		if quoted, err := quote(v); err == nil {
			text += fmt.Sprintf("V%d=%s\n", len(want), quoted)
			want = append(want, v)
		}
	}
	return want, text
}

// checkQuote compares what a tool made of the file of all values.
func checkQuote(t *testing.T, want []string, got string) {
	t.Helper()
	values := strings.Split(strings.TrimSuffix(got, "\x00"), "\x00")
	if len(want) < 500 || len(values) != len(want) {
		t.Fatalf("%d values of %d", len(values), len(want))
	}
	for i := range want {
		if values[i] != want[i] {
			t.Errorf("%q was read as %q", want[i], values[i])
		}
	}
}

func TestQuoteForNode(t *testing.T) {
	t.Parallel()
	needNode(t)
	want, text := quotable(dotenv.Quote)
	file := filepath.Join(t.TempDir(), "env")
	write(t, file, text)
	const show = "for (let i = 0; i < process.argv[1]; i++) process.stdout.write(process.env['V' + i] + '\\0')"
	checkQuote(t, want, start(t, "node", "--env-file="+file, "-e", show, fmt.Sprint(len(want))))
}

func TestQuoteForShells(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"sh", "bash"} {
		for name, quote := range map[string]func(string) (string, error){"Quote": dotenv.Quote, "QuoteAny": dotenv.QuoteAny} {
			t.Run(shell+" "+name, func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath(shell); err != nil {
					t.Skipf("%s is not installed; scripts/test.sh does that", shell)
				}
				want, text := quotable(quote)
				file := filepath.Join(t.TempDir(), "env")
				var show strings.Builder
				for i := range want {
					fmt.Fprintf(&show, "printf '%%s\\0' \"$V%d\"\n", i)
				}
				write(t, file, text)
				write(t, file+".sh", ". "+file+"\n"+show.String())
				checkQuote(t, want, start(t, shell, file+".sh"))
			})
		}
	}
}
