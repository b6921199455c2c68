//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A shell is one that a person completes in. kh is an alias of keyhold there that
// shows its arguments, each in brackets.
type shell struct {
	name  string // begins with the program
	args  []string
	setup string
}

var (
	bashShell = shell{"bash", []string{"--norc", "--noprofile", "-i"}, "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'\n" +
		"source <(keyhold completion bash); complete -F _keyhold kh; kh() { printf '[%s]' \"$@\"; echo .; }\n"}
	zshShell = shell{"zsh", []string{"-f", "-i"}, "keyhold completion zsh >_keyhold; fpath=($PWD $fpath)\n" +
		"autoload -Uz compinit; compinit -D -u; compdef _keyhold kh; kh() { printf '[%s]' \"$@\"; echo .; }\n"}
	fishShell = shell{"fish", []string{"-i"}, "keyhold completion fish >~/.config/fish/completions/keyhold.fish\n" +
		"function kh; printf '[%s]' $argv; echo .; end; complete -c kh -w keyhold\n"}
	// With the package bash-completion, which loads the script when it is needed.
	packageShell = shell{"bash with a package", bashShell.args, "source " + bashCompletion + "; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'\n" +
		"mkdir -p .local/share/bash-completion/completions; keyhold completion bash >.local/share/bash-completion/completions/keyhold\n" +
		"_completion_loader keyhold || _comp_load keyhold; complete -F _keyhold kh; kh() { printf '[%s]' \"$@\"; echo .; }\n"}
	completing = []shell{bashShell, packageShell, zshShell, fishShell}
)

const bashCompletion = "/usr/share/bash-completion/bash_completion"

// start starts the shell in a directory of its own on a terminal.
func (s shell) start(t *testing.T, h home) *terminal {
	t.Helper()
	program, _, packaged := strings.Cut(s.name, " ")
	path, err := exec.LookPath(program)
	if _, missing := os.Stat(bashCompletion); err == nil && packaged {
		err = missing
	}
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".config/fish/completions"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, s.args...)
	cmd.Dir = dir
	cmd.Env = append(h.env, "HOME="+dir, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "TERM=xterm", "LC_ALL=C.UTF-8", "PS1=> ", "HISTFILE=")
	term := startOnTerminal(t, cmd)
	t.Cleanup(func() { _ = cmd.Wait() })
	term.send(t, "stty rows 50 cols 150\n"+s.setup+"echo re''ady\n")
	term.expect(t, "ready\r")
	return term
}

// line types a line and returns what it shows before the prompt after it.
func (term *terminal) line(t *testing.T, text string) string {
	t.Helper()
	term.seen = nil
	term.send(t, text+"\r")
	term.send(t, "echo do''ne\r")
	term.expect(t, "done\r")
	return string(term.seen)
}

// names are items of all kinds.
var itemNames = []string{
	"plain", "two words", "it's", `a"b`, "pay$day", "host:80", "größe", `back\slash`, "q=1&r#s", "~tilde", "*glob*", "dir/sub item", "`date`", "semi;colon",
}

// namesHome is a home with itemNames in its vault, open.
func namesHome(t *testing.T) home {
	t.Helper()
	h := newHome(t, "KEYHOLD_KEYRING=file")
	h.want(0, "x", "put", itemNames[0], "username=me", "--text", "API key=k", "-", "--password-file", passwordFile(t))
	h.want(0, "", "unlock", "--password-file", passwordFile(t))
	for _, name := range itemNames[1:] {
		h.want(0, "", "cp", itemNames[0], name)
	}
	return h
}

func words(w ...string) string { return "[" + strings.Join(w, "][") + "]." }

// Every name can be completed from its beginning, however it is quoted, and is
// then one argument.
func TestComplete_items(t *testing.T) {
	t.Parallel()
	h := namesHome(t)
	tests := []struct{ typed, name string }{
		{"pl", "plain"},
		{"two", "two words"},
		{`two\ `, "two words"},
		{`"two w`, "two words"},
		{`'two w`, "two words"},
		{"it", "it's"},
		{`it\'`, "it's"},
		{`"it'`, "it's"},
		{"a", `a"b`},
		{`'a"`, `a"b`},
		{`a\"`, `a"b`},
		{"pay", "pay$day"},
		{`pay\$`, "pay$day"},
		{`"pa`, "pay$day"},
		{"'pay$", "pay$day"},
		{"host", "host:80"},
		{"host:", "host:80"},
		{"host:8", "host:80"},
		{"'host:", "host:80"},
		{"gr", "größe"},
		{"grö", "größe"},
		{"back", `back\slash`},
		{`back\\s`, `back\slash`},
		{`"back`, `back\slash`},
		{"q", "q=1&r#s"},
		{"q=", "q=1&r#s"},
		{`q=1\&`, "q=1&r#s"},
		{`\~`, "~tilde"},
		{`\*g`, "*glob*"},
		{"dir/s", "dir/sub item"},
		{`'dir/`, "dir/sub item"},
		{"\\`", "`date`"},
		{"sem", "semi;colon"},
		{`semi\;`, "semi;colon"},
	}
	for _, s := range completing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			term := s.start(t, h)
			for _, tt := range tests {
				if got := term.line(t, "kh get "+tt.typed+"\t"); !strings.Contains(got, words("get", tt.name)) {
					t.Errorf("get %s: %q, want %s", tt.typed, got, words("get", tt.name))
				}
			}
		})
	}
}

// Everything else that is completed, up to the end or as far as it is one thing.
func TestComplete_line(t *testing.T) {
	t.Parallel()
	h := namesHome(t)
	tests := []struct {
		typed string
		want  []string
	}{
		{"sho\t", []string{"show"}},
		{"vault cr\t", []string{"vault", "create"}},
		{"get --pass\tfi\t", []string{"get", "--password-file"}},
		{"get --no-inp\t", []string{"get", "--no-input"}},
		{"get plain -f pas\t", []string{"get", "plain", "-f", "password"}},
		{"get plain --field=pas\t", []string{"get", "plain", "--field=password"}},
		{`get two\ words -f AP` + "\t", []string{"get", "two words", "-f", "API key"}},
		{`get "two words" -f use` + "\t", []string{"get", "two words", "-f", "username"}},
		{`get -f AP` + "\t", []string{"get", "-f", "AP"}},
		{"ls --format ya\t", []string{"ls", "--format", "yaml"}},
		{"ls --format=ya\t", []string{"ls", "--format=yaml"}},
		{"ls --vault per\t", []string{"ls", "--vault", "personal"}},
		{"ls --vault=per\t", []string{"ls", "--vault=personal"}},
		{"ls --profile def\t", []string{"ls", "--profile", "default"}},
		{"ls --profile default --vault per\t", []string{"ls", "--profile", "default", "--vault", "personal"}},
		{"read kh\t", []string{"read", "kh://personal/"}},
		{"read kh:\t", []string{"read", "kh://personal/"}},
		{"read kh://p\tpl\t", []string{"read", "kh://personal/plain"}},
		{"read kh://personal/tw\t", []string{"read", "kh://personal/two%20words"}},
		{"read 'kh://personal/tw\t", []string{"read", "kh://personal/two%20words"}},
		{"read kh://personal/plain/use\t", []string{"read", "kh://personal/plain/username"}},
		{"read kh://personal/plain/A\t", []string{"read", "kh://personal/plain/API%20key"}},
		{"read kh://personal/dir/s\t", []string{"read", "kh://personal/dir/sub%20item/"}},
		{"read kh://personal/plain kh://personal/hos\t", []string{"read", "kh://personal/plain", "kh://personal/host%3A80"}},
		{"run -e A=kh://personal/pl\t", []string{"run", "-e", "A=kh://personal/plain"}},
		{"run -e A=\t", []string{"run", "-e", "A=kh://personal/"}},
		{"run --env=A=kh://personal/pl\t", []string{"run", "--env=A=kh://personal/plain"}},
		{"run -e A=kh://personal/plain -e B=kh://personal/pl\t", []string{"run", "-e", "A=kh://personal/plain", "-e", "B=kh://personal/plain"}},
		{"run --env-from tw\t", []string{"run", "--env-from", "two words"}},
		{"run --env-file .e\t", []string{"run", "--env-file", ".env"}},
		{"run --env-file .env -- keyho\t", []string{"run", "--env-file", ".env", "--", "keyhold"}},
		{"run keyho\t", []string{"run", "keyhold"}},
		{"run -- cat notes.t\t", []string{"run", "--", "cat", "notes.txt"}},
		{"run cat --no-in\t", []string{"run", "cat", "--no-in"}},
		{"get plain >notes.t\t; cat notes.txt", []string{"get", "plain"}},
		{"get nothing-like-it\t", []string{"get", "nothing-like-it"}},
	}
	for _, s := range completing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			term := s.start(t, h)
			term.line(t, "touch .env notes.txt")
			for _, tt := range tests {
				if got := term.line(t, "kh "+tt.typed); !strings.Contains(got, words(tt.want...)) {
					t.Errorf("%q: %q, want %s", tt.typed, got, words(tt.want...))
				}
			}
		})
	}
}

// The command itself, not an alias of it, and after others in the line.
func TestComplete_command(t *testing.T) {
	t.Parallel()
	h := namesHome(t)
	for _, s := range completing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			term := s.start(t, h)
			for _, typed := range []string{"keyhold get plain -f use\t", "echo x; keyhold get plain -f use\t", keyhold + " get plain -f use\t"} {
				if got := term.line(t, typed); !strings.Contains(got, "me\r\n") {
					t.Errorf("%q: %q", typed, got)
				}
			}
		})
	}
}

// A list shows what there is, without quotes, and says what commands and flags do.
func TestComplete_list(t *testing.T) {
	t.Parallel()
	h := namesHome(t)
	for _, s := range completing {
		for _, tt := range []struct {
			typed string
			want  []string
		}{
			{"kh get ", itemNames},
			{"kh get plain -f ", []string{"username", "password", "API key"}},
			{"kh v", []string{"vault", "version"}},
			{"kh p", []string{"passwd", "Change the master password"}},
			{"kh get --password-", []string{"--password-stdin", "read the master password from standard input"}},
		} {
			t.Run(s.name+"/"+tt.typed, func(t *testing.T) {
				t.Parallel()
				term := s.start(t, h)
				term.seen = nil
				term.send(t, tt.typed+"\t")
				if strings.HasPrefix(s.name, "bash") {
					term.send(t, "\t")
				}
				for _, want := range tt.want {
					if s.name == "fish" { // it underlines what was typed, and shortens
						want = strings.TrimPrefix(strings.Fields(want)[0], tt.typed[strings.LastIndex(tt.typed, " ")+1:])
					}
					term.expect(t, want)
				}
			})
		}
	}
}

// What is typed is not run to complete it.
func TestComplete_runsNothing(t *testing.T) {
	t.Parallel()
	h := namesHome(t)
	for _, s := range completing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			term := s.start(t, h)
			for _, typed := range []string{"$(touch ran)", "`touch ran`", "(touch ran)", "x$(touch ran)"} {
				term.line(t, "kh get "+typed+" -f \t\x15") // and the line is cleared
			}
			if got := term.line(t, "test -e ran; and echo it r''an; test -e ran && echo it r''an"); strings.Contains(got, "it ran") {
				t.Error("it ran a part of the line")
			}
		})
	}
}

// Locked, completion offers no name, asks nothing and says nothing.
func TestComplete_locked(t *testing.T) {
	t.Parallel()
	h := namesHome(t)
	h.want(0, "", "lock")
	h.env = append(h.env, "KEYHOLD_PASSWORD=")
	empty := newHome(t, "KEYHOLD_KEYRING=file")
	damaged := namesHome(t)
	if err := os.WriteFile(filepath.Join(strings.TrimPrefix(damaged.env[0], "KEYHOLD_HOME="), "local.db"), bytes.Repeat([]byte("x"), 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]home{"locked": h, "empty": empty, "damaged": damaged} {
		for _, args := range [][]string{{"get", "p"}, {"get", "plain", "-f", ""}, {"read", "kh://p"}, {"read", "kh://personal/p"}, {"run", "-e", "A=kh://personal/p"},
			{"run", "--env-from", "p"}, {"ls", "--vault", "p"}, {"otp", "p"}, {"ref", "plain", ""}, {"mv", "p"}, {"vault", "show", "p"}} {
			out, err := h.run("", append([]string{"__complete"}, args...)...)
			if err != nil || out != ":4\n" && out != ":6\n" {
				t.Errorf("%s: %q offers %q, %v", name, args, out, err)
			}
		}
		for _, s := range completing {
			t.Run(name+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				term := s.start(t, h)
				term.line(t, "clear")
				// Spaces are typed as the prompt of a question would be shown.
				got := term.line(t, "kh get pl\tx")
				if !strings.Contains(got, words("get", "plx")) {
					t.Errorf("%q", got)
				}
				for _, said := range []string{"keyhold:", "assword", "hint"} {
					if strings.Contains(got, said) {
						t.Errorf("it says %q", got)
					}
				}
			})
		}
	}
}
