//go:build unix

package cli_test

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// talk runs keyhold on a terminal, answers its questions, and returns all that
// the terminal received. answers are what is waited for and what is typed then,
// by turns.
func (h home) talk(t *testing.T, answers []string, args ...string) string {
	t.Helper()
	cmd := h.command(args...)
	term := startOnTerminal(t, cmd)
	for i := 0; i < len(answers); i += 2 {
		term.expect(t, answers[i])
		term.send(t, answers[i+1]+"\n")
	}
	if err := term.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(term) // a terminal ends with an error
	if err := cmd.Wait(); err != nil {
		t.Fatalf("keyhold %s: %v: %s%s", strings.Join(args, " "), err, term.seen, rest)
	}
	return string(term.seen) + string(rest)
}

// manyItems makes 640 items, enough for progress to be shown. The vaults are
// open afterwards.
func (h home) manyItems(t *testing.T) {
	t.Helper()
	for _, line := range []string{"put n/1 username=me --tag red -", "unlock", "put n/2 -", "put n/3 -", "put n/4 -", "put n/5 -"} {
		if _, err := h.run("hunter2", append(strings.Fields(line), "--password-file", passwordFile(t))...); err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []string{"n/a", "n/b", "n/c", "n/d", "n/e", "n/f", "n/g"} {
		if _, err := h.run("", "cp", "-r", "n", to); err != nil {
			t.Fatal(err)
		}
	}
}

// cursor is what moves a cursor or draws over what stands there: an escape
// character, and a carriage return that does not end a line.
var cursor = regexp.MustCompile("\x1b|\r[^\n]|\r$")

// With KEYHOLD_ACCESSIBLE=1 nothing moves the cursor, lists are lines, and so is
// progress.
func TestTerminal_accessible(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_ACCESSIBLE=1", "KEYHOLD_KEYRING=file", "TERM=xterm-256color", "CLICOLOR_FORCE=1", "KEYHOLD_COLOR=always")
	h.manyItems(t)
	const other = "another horse battery staple"
	opens := "Master password of the profile default: "
	for _, tt := range []struct {
		line    string
		answers []string
		want    []string
	}{
		{"put mail username=me", []string{"password of mail: ", "hunter2"}, []string{`stored "mail" in the vault "personal"`}},
		{"put mail password", []string{"password of mail: ", "swordfish"}, []string{`changed "mail"`}},
		{"ls mail", nil, []string{"name: mail\r\n", "type: login\r\n"}},
		{"show mail", nil, []string{"username: me\r\n", "password: (hidden)\r\n"}},
		{"find red", nil, []string{"name: n/1\r\n"}},
		{"history mail", nil, []string{"rev: 1\r\n", "changed: password changed\r\n"}},
		{"vault list", nil, []string{"name: personal\r\n", "state: open\r\n"}},
		{"vault check", nil, []string{"check personal: 641 of 641\r\n", "everything opens"}},
		{"vault rekey", []string{opens, password}, []string{"rekey personal: ", " of 1282\r\n", "has a new key"}},
		{
			"passwd --rekey", []string{opens, password, "New master password", other, "The same again: ", other},
			[]string{"rekey personal: ", " of 1282\r\n", "the master password is changed"},
		},
		{"rm -r n", []string{"? [y/N] ", "y"}, []string{`moved "n/1" to the trash`}},
		{"trash empty", []string{": ", "personal"}, []string{"deleted 640 items for good"}},
	} {
		got := h.talk(t, tt.answers, strings.Fields(tt.line)...)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", tt.line, want, got)
			}
		}
		if at := cursor.FindStringIndex(got); at != nil {
			t.Errorf("%s: the cursor moves: %q", tt.line, got[max(0, at[0]-40):min(len(got), at[1]+40)])
		}
	}
}

// screen is what a terminal shows in the end of what it received: lines that
// were drawn over and erased are gone, and so is colour.
func screen(received string) []string {
	received = regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(received, "")
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(received, "\r\n", "\n"), "\n") {
		var shown []byte
		for i, part := range strings.Split(line, "\r") {
			if rest, erased := strings.CutPrefix(part, "\x1b[K"); erased {
				shown, part = nil, rest
			}
			if i > 0 && len(part) < len(shown) {
				part += string(shown[len(part):])
			}
			shown = []byte(part)
		}
		if len(bytes.TrimSpace(shown)) > 0 {
			lines = append(lines, string(shown))
		}
	}
	return lines
}

// Without it progress is one line that is gone in the end, and a list a table
// whose columns stand below each other.
func TestTerminal_progressAndTable(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=file", "TERM=xterm-256color")
	h.manyItems(t)
	got := h.talk(t, nil, "vault", "check")
	if n := strings.Count(got, "\r\x1b[Kcheck personal: "); n < 2 || n > 101 {
		t.Errorf("progress was shown %d times: %q", n, got)
	}
	if lines := screen(got); len(lines) != 1 || lines[0] != "keyhold: everything opens and is as it was signed" {
		t.Errorf("the screen shows %q", lines)
	}
	if got := h.talk(t, nil, "vault", "check", "-q"); got != "" {
		t.Errorf("quiet, it prints %q", got)
	}
	got = h.talk(t, nil, "ls", "n/a")
	lines := screen(got)
	if len(lines) != 6 {
		t.Fatalf("%d lines, want a header and 5 items: %q", len(lines), lines)
	}
	for _, column := range []string{"NAME", "TYPE", "CHANGED", "ID"} {
		at := strings.Index(lines[0], column)
		for _, l := range lines {
			if at < 0 || at >= len(l) || l[at] == ' ' || at > 0 && l[at-1] != ' ' {
				t.Errorf("the column %s does not stand below its header:\n%s", column, strings.Join(lines, "\n"))
			}
		}
	}
	if strings.HasSuffix(strings.Join(lines, ""), " ") || cursor.MatchString(regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(got, "")) {
		t.Errorf("the table is more than lines: %q", got)
	}
}
