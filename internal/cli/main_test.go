package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/apptest"
	"github.com/keyhold/keyhold/internal/cli"
	"github.com/keyhold/keyhold/internal/exit"
)

func TestMain_statuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		args    []string
		stdin   string
		answers []string
		want    exit.Status
		out     string
		err     string
	}{
		{"found", []string{"get", "mail"}, "", nil, exit.OK, "hunter2\n", ""},
		{"not found", []string{"get", "nope"}, "", nil, exit.NotFound, "", "no item named"},
		{"no field", []string{"get", "mail", "-f", "url"}, "", nil, exit.NotFound, "", "has no field"},
		{"asked value", []string{"put", "new", "username=a"}, "", []string{"secret"}, exit.OK, "", ""},
		{"nobody to ask", []string{"put", "new", "username=a"}, "", nil, exit.NoAnswer, "", "needs its password"},
		{"stdin", []string{"put", "new"}, "x\n", nil, exit.OK, "", ""},
		{"empty answer is asked again", []string{"put", "new", "password"}, "", []string{"", "secret"}, exit.OK, "", ""},
		{"change by question", []string{"put", "mail", "password"}, "", []string{"secret"}, exit.OK, "", ""},
		{"declined", []string{"rm", "-r", "mail"}, "", []string{"n"}, exit.Declined, "", "declined"},
		{"confirmed", []string{"rm", "-r", "mail"}, "", []string{"y"}, exit.OK, "", ""},
		{"yes", []string{"rm", "-r", "mail", "--yes"}, "", nil, exit.OK, "", ""},
		{"second vault asks", []string{"vault", "create", "work"}, "", []string{apptest.Password}, exit.OK, "", ""},
		{"second vault, wrong password", []string{"vault", "create", "work"}, "", []string{"wrong"}, exit.Locked, "", "wrong password"},
		{"exists", []string{"vault", "create", "personal"}, "", nil, exit.Conflict, "", "exists already"},
		{"unsupported", []string{"vault", "create", "x", "--shared"}, "", nil, exit.Usage, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := apptest.NewOpen(t)
			w.In = strings.NewReader("hunter2")
			if got := cli.Main(t.Context(), w.App, []string{"put", "mail", "-"}); got != exit.OK {
				t.Fatalf("put mail: status %d, %s", got, w.Err)
			}
			next := apptest.New(t)
			next.Env["KEYHOLD_HOME"], next.Env["KEYHOLD_SESSION"] = w.Env["KEYHOLD_HOME"], w.Env["KEYHOLD_SESSION"]
			next.In, next.Person.Answers = strings.NewReader(tt.stdin), tt.answers
			if got := cli.Main(t.Context(), next.App, tt.args); got != tt.want {
				t.Errorf("status = %d, want %d; %s", got, tt.want, next.Err)
			}
			if got := next.Out.String(); got != tt.out {
				t.Errorf("stdout = %q, want %q", got, tt.out)
			}
			if !strings.Contains(next.Err.String(), tt.err) {
				t.Errorf("stderr = %q, want %q in it", next.Err, tt.err)
			}
		})
	}
}

// Every command explains itself: a line, a paragraph, and at least two examples
// with commands and flags that there are.
func TestMain_help(t *testing.T) {
	t.Parallel()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			if !c.Hidden {
				visit(c)
			}
		}
		path := cmd.CommandPath()
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.Long == "" {
			t.Errorf("%s: its line or its paragraph is not as it should be", path)
		}
		examples := regexp.MustCompile(`keyhold [^|&;)>\n]*`).FindAllString(cmd.Example, -1)
		if len(examples) < 2 {
			t.Errorf("%s: %d examples", path, len(examples))
		}
		for _, e := range examples {
			words := strings.Fields(strings.ReplaceAll(e, `"`, ""))[1:]
			found, rest, err := cli.NewRoot(apptest.New(t).App).Find(words)
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err != nil || !found.HasParent() && !strings.HasPrefix(words[0], "-") {
				t.Errorf("%s: the example %q: %v", path, e, err)
			}
		}
	}
	visit(cli.NewRoot(apptest.New(t).App))
}
