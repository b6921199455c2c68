package cli_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/apptest"
	"github.com/keyhold/keyhold/internal/cli"
	"github.com/keyhold/keyhold/internal/exit"
)

// An invocation is a line of a script that runs keyhold and knows how it ends.
type invocation struct {
	where  string
	cmd    *cobra.Command
	status exit.Status
	json   bool
	// What a golden line after it compares standard output and standard error
	// with; nil if none does.
	stdout, stderr *string
}

// statusLine is a line that runs keyhold itself, or by a shell that sends the
// answer to a full disk.
var statusLine = regexp.MustCompile(`^(?:\[[^]]*\] )*status (\d+) (?:sh -c ')?keyhold\b([^>|]*)`)

var goldenLine = regexp.MustCompile(`^(?:\[[^]]*\] )*golden (stdout|stderr) (\S+)`)

// invocations reads all scripts.
func invocations(t *testing.T) []invocation {
	t.Helper()
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d scripts, %v", len(paths), err)
	}
	var all []invocation
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := make(map[string]string)
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		last := -1 // the invocation that golden lines are about
		for i, line := range strings.Split(string(archive.Comment), "\n") {
			if m := statusLine.FindStringSubmatch(line); m != nil {
				all = append(all, invoked(t, m, filepath.Base(path)+":"+strconv.Itoa(i+1)))
				last = len(all) - 1
			} else if strings.Contains(line, "keyhold") || strings.HasPrefix(line, "exec ") {
				last = -1
			}
			if m := goldenLine.FindStringSubmatch(line); m != nil && last >= 0 {
				want := files[m[2]]
				if m[1] == "stdout" {
					all[last].stdout = &want
				} else {
					all[last].stderr = &want
				}
			}
		}
	}
	return all
}

// invoked returns the invocation that a match of statusLine stands for.
func invoked(t *testing.T, m []string, where string) invocation {
	t.Helper()
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(strings.ReplaceAll(m[2], "'", ""))
	cmd := wholeTree(t)
	if found, _, err := cmd.Find(words); err == nil {
		cmd = found
	}
	if len(words) > 0 && words[0] == "help" {
		cmd = &cobra.Command{Use: "help"}
	}
	return invocation{where: where, cmd: cmd, status: exit.Status(n), json: slices.Contains(words, "--json")}
}

func wholeTree(t *testing.T) *cobra.Command {
	t.Helper()
	return cli.NewRoot(apptest.New(t).App)
}

// name is what a command is called here: the short verbs stand below item and
// vault too.
func name(cmd *cobra.Command) string {
	path := strings.TrimPrefix(cmd.CommandPath(), "keyhold ")
	path = strings.TrimPrefix(path, "item ")
	if cmd.Hidden {
		path = strings.TrimPrefix(path, "vault ")
	}
	return path
}

// commands calls visit for every command that runs and is shown.
func commands(t *testing.T, visit func(*cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() && !cmd.Hidden && (cmd.Parent() == nil || cmd.Parent().Name() != "item") {
			visit(cmd)
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(wholeTree(t))
}

// These print nothing on standard output even with --json.
var silent = []string{"config edit", "config set", "config unset", "run"}

// These print a text that is the same in every format.
var texts = []string{"completion", "config", "inject", "item", "keyhold", "login", "profile", "profile export", "store", "store secrets", "vault"}

// What a command prints with --json is held by a golden file.
func TestScripts_goldens(t *testing.T) {
	t.Parallel()
	held := make(map[string]bool)
	for _, i := range invocations(t) {
		ok := i.status == exit.OK || i.status == exit.Findings
		if !i.json || !ok || i.stdout == nil || i.cmd.Hidden {
			continue
		}
		n := name(i.cmd)
		if held[n] = true; (*i.stdout == "") != slices.Contains(silent, n) {
			t.Errorf("%s: %s prints nothing, or is not silent", i.where, n)
		}
	}
	commands(t, func(cmd *cobra.Command) {
		if n := name(cmd); held[n] == slices.Contains(texts, n) {
			t.Errorf("%s: a golden file for --json: %v", n, held[n])
		}
	})
}

// Scripts give every status that a command can give, and no other.
func TestScripts_statuses(t *testing.T) {
	t.Parallel()
	given := make(map[string]map[exit.Status]string)
	for _, i := range invocations(t) {
		n := name(i.cmd)
		if given[n] == nil {
			given[n] = make(map[exit.Status]string)
		}
		given[n][i.status] = i.where
	}
	commands(t, func(cmd *cobra.Command) {
		n := name(cmd)
		can := cli.Statuses(cmd)
		for _, s := range can {
			if given[n][s] == "" {
				t.Errorf("%s: no script gives status %d", n, s)
			}
		}
		for s, where := range given[n] {
			if !slices.Contains(can, s) && cmd.Annotations[app.StartsProgram] == "" {
				t.Errorf("%s: %s gives status %d, which it cannot", where, n, s)
			}
		}
	})
}

// A failure of each status that there is is held as one line of JSON.
func TestScripts_errors(t *testing.T) {
	t.Parallel()
	can, held := make(map[exit.Status]bool), make(map[exit.Status]bool)
	commands(t, func(cmd *cobra.Command) {
		for _, s := range cli.Statuses(cmd) {
			can[s] = s != exit.OK
		}
	})
	for _, i := range invocations(t) {
		if i.json && i.stderr != nil && strings.Contains(*i.stderr, `"exit":`+strconv.Itoa(int(i.status))+`,`) {
			held[i.status] = true
		}
	}
	for _, s := range slices.Sorted(maps.Keys(can)) {
		if can[s] && !held[s] {
			t.Errorf("no golden file has an error of status %d", s)
		}
	}
}
