package archtest

import (
	"strings"
	"testing"
)

const (
	header  = "// Package p is a sample.\npackage p\n\n"
	imports = header + "import _ \"" + module + "/"
)

// mention is a source that imports a package and mentions a name of it.
func mention(imp, expr string) string {
	return header + "import \"" + imp + "\"\n\nvar _ = " + expr + "\n"
}

// TestCheck breaks each rule once, and comes close to it once: a check that
// cannot fail is worth nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("// line\n", maxFileLines)
	body := strings.Repeat("\t_ = 0\n", maxFuncLines)
	tests := []struct {
		name string
		file string
		text string
		want string // part of the only message; "" for none
	}{
		{"leaf imports nothing", "internal/exit/p.go", imports + "internal/secret\"\n", "internal/exit/p.go:4: exit imports secret; the table lets it import nothing of ours"},
		{"port imports secret", "internal/vault/p.go", imports + "internal/secret\"\n", ""},
		{"port imports port", "internal/kv/p.go", imports + "internal/seal\"\n", "kv imports seal; the table lets it import only: secret"},
		{"engine imports its port", "internal/kv/bolt/p.go", imports + "internal/kv\"\n", ""},
		{"engine imports another", "internal/kv/bolt/p.go", imports + "internal/kv/memory\"\n", "kv/bolt imports kv/memory"},
		{"output imports exit", "internal/output/p.go", imports + "internal/exit\"\n", ""},
		{"term imports exit", "internal/term/p.go", imports + "internal/exit\"\n", "term imports exit"},
		{"other service imports accounts", "internal/service/vaults/p.go", imports + "internal/service/accounts\"\n", ""},
		{"accounts imports other service", "internal/service/accounts/p.go", imports + "internal/service/vaults\"\n", "service/accounts imports service/vaults"},
		{"service imports vault", "internal/service/vaults/p.go", imports + "internal/vault\"\n", "service/vaults imports vault"},
		{"kind imports its own client", "internal/backend/pwm/p.go", imports + "pkg/client/pwm\"\n", ""},
		{"kind imports the client", "internal/backend/pwm/p.go", imports + "pkg/client\"\n", ""},
		{"kind imports another client", "internal/backend/pwm/p.go", imports + "pkg/client/vaultctl\"\n", "backend/pwm imports pkg/client/vaultctl"},
		{"kind imports another kind", "internal/backend/pwm/p.go", imports + "internal/backend/local\"\n", "backend/pwm imports backend/local"},
		{"local imports its services", "internal/backend/local/p.go", imports + "internal/service/vaults\"\n", ""},
		{"local imports another service", "internal/backend/local/p.go", imports + "internal/service/blobs\"\n", "backend/local imports service/blobs"},
		{"kind imports a service", "internal/backend/pwm/p.go", imports + "internal/service/vaults\"\n", "backend/pwm imports service/vaults"},
		{"all imports a kind", "internal/backend/all/p.go", imports + "internal/backend/pwm\"\n", ""},
		{"client imports internal", "pkg/client/pwm/p.go", imports + "internal/secret\"\n", "pkg/client/pwm imports secret"},
		{"client imports client", "pkg/client/pwm/p.go", imports + "pkg/client\"\n", ""},
		{"app imports a kind", "internal/app/p.go", imports + "internal/backend/local\"\n", ""},
		{"app imports the server", "internal/app/p.go", imports + "internal/server/vaults\"\n", "but never: server/..."},
		{"app imports a test package", "internal/app/p.go", imports + "internal/apptest\"\n", "app imports apptest, which only tests and make may import"},
		{"command imports a kind", "internal/cli/itemcmd/p.go", imports + "internal/backend/local\"\n", "cli/itemcmd imports backend/local"},
		{"command imports a command", "internal/cli/p.go", imports + "internal/cli/itemcmd\"\n", ""},
		{"command imports seal", "internal/cli/itemcmd/p.go", imports + "internal/seal\"\n", "cli/itemcmd imports seal"},
		{"test imports a test package", "internal/app/p_test.go", imports + "internal/apptest\"\n", ""},
		{"test package imports anything", "internal/apptest/p.go", imports + "internal/backend/backendtest\"\n", ""},
		{"unlisted package", "internal/common/p.go", header, "package common is not in the table"},
		{"package too deep", "internal/kv/bolt/page/p.go", header, "package kv/bolt/page is not in the table"},
		{"package at the root", "p.go", header, "package . is not in the table"},
		{"dot import", "internal/app/p.go", header + "import . \"time\"\n", "dot import of time"},

		{"pure imports os", "internal/vault/p.go", header + "import _ \"os\"\n", `internal/vault/p.go imports "os"`},
		{"pure imports net/http", "internal/seal/p.go", header + "import _ \"net/http\"\n", `imports "net/http"`},
		{"pure imports net", "internal/secretstorage/p.go", header + "import _ \"net\"\n", `imports "net"`},
		{"pure imports crypto/rand", "internal/seal/p.go", header + "import _ \"crypto/rand\"\n", `imports "crypto/rand"`},
		{"pure imports net/url", "internal/vault/p.go", header + "import _ \"net/url\"\n", ""},
		{"pure has types of time", "internal/vault/p.go", mention("time", "time.Time{}"), ""},
		{"pure sleeps", "internal/vault/p.go", mention("time", "time.Sleep"), "internal/vault/p.go uses time.Sleep: it has no clock"},
		{"format.go imports os", "internal/backend/pwm/format.go", header + "import _ \"os\"\n", `internal/backend/pwm/format.go imports "os"`},
		{"beside format.go", "internal/backend/pwm/pwm.go", header + "import _ \"os\"\n", ""},

		{"os.Exit", "internal/cli/p.go", mention("os", "os.Exit"), "internal/cli/p.go:6: cli uses os.Exit, which only cmd and internal/app may"},
		{"os.Getenv", "internal/device/p.go", mention("os", "os.Getenv"), "device uses os.Getenv"},
		{"os.LookupEnv", "internal/device/p.go", mention("os", "os.LookupEnv"), "device uses os.LookupEnv"},
		{"os.Environ", "internal/device/p.go", mention("os", "os.Environ"), "device uses os.Environ"},
		{"time.Now", "internal/device/p.go", mention("time", "time.Now"), "device uses time.Now"},
		{"time.Now by another name", "internal/device/p.go", header + "import clock \"time\"\n\nvar _ = clock.Now\n", "device uses time.Now"},
		{"somebody else's Now", "internal/device/p.go", header + "import time \"example.com/clock\"\n\nvar _ = time.Now\n", ""},
		{"fmt.Println", "internal/cli/p.go", mention("fmt", "fmt.Println"), "cli uses fmt.Println"},
		{"fmt.Fprintln", "internal/cli/p.go", mention("fmt", "fmt.Fprintln"), ""},
		{"http.DefaultClient", "pkg/client/p.go", mention("net/http", "http.DefaultClient"), "pkg/client uses http.DefaultClient"},
		{"log.Fatalf", "internal/servercli/p.go", mention("log", "log.Fatalf"), "servercli uses log.Fatalf"},
		{"app reaches out", "internal/app/p.go", mention("os", "os.Getenv"), ""},
		{"cmd reaches out", "cmd/keyhold/p.go", mention("os", "os.Exit"), ""},
		{"test reaches out", "internal/cli/p_test.go", mention("os", "os.Getenv"), ""},

		{"unfinished", "internal/app/p.go", header + "func f() { panic(\"f: not implemented\") }\n", `panic("f: not implemented")`},
		{"unfinished in a test", "internal/app/p_test.go", header + "func f() { panic(\"not implemented\") }\n", "panic("},
		{"other panic", "internal/app/p.go", header + "func f() { panic(\"impossible\") }\n", ""},
		{"no owner", "internal/app/p.go", header + "// TODO: later\n", "internal/app/p.go:4: TODO without an owner"},
		{"owner", "internal/app/p.go", header + "// TODO(ann): later\n", ""},

		{"long file", "internal/app/p.go", header + long, "the file has 403 lines, more than 400"},
		{"long file with a reason", "internal/app/p.go", "// size: one table\n\n" + header + long, ""},
		{"reason too late", "internal/app/p.go", header + long + "\n// size: one table\n", "the file has"},
		{"long test", "internal/app/p_test.go", header + long, ""},
		{"long function", "internal/app/p.go", header + "func f() {\n" + body + "}\n", "internal/app/p.go:4: func f has 62 lines, more than 60"},
		{"long function with a reason", "internal/app/p.go", header + "// f is long.\n//\n// size: one table\nfunc f() {\n" + body + "}\n", ""},
		{"reason without words", "internal/app/p.go", header + "// size:\nfunc f() {\n" + body + "}\n", "func f has 62 lines"},
		{"generated", "internal/app/p.go", "// Code generated by p; DO NOT EDIT.\n\n" + header + long + "func F() {}\n", ""},

		{"no package comment", "internal/app/p.go", "package p\n", `no package comment starting with "Package p "`},
		{"wrong package comment", "internal/app/p.go", "// Nothing.\npackage p\n", "no package comment"},
		{"command comment", "cmd/keyhold/p.go", "// Keyhold keeps secrets.\npackage main\n", ""},
		{"no comment", "internal/app/p.go", header + "func F() {}\n", "F is exported and has no comment that starts"},
		{"wrong comment", "internal/app/p.go", header + "// Does it.\nfunc F() {}\n", "the comment of F does not start with its name"},
		{"comment of another", "internal/app/p.go", header + "// Fail fails.\nfunc F() {}\n", "the comment of F does not start with its name"},
		{"comment", "internal/app/p.go", header + "// F does it.\nfunc F() {}\n", ""},
		{"article", "internal/app/p.go", header + "// A T is it.\ntype T struct{}\n", ""},
		{"type", "internal/app/p.go", header + "type T struct{}\n", "T is exported and has no comment that starts"},
		{"constant", "internal/app/p.go", header + "const C = 1\n", "C is exported and has no comment that starts"},
		{"group", "internal/app/p.go", header + "// What may be.\nconst (\n\tC = 1\n\tD = 2\n)\n", ""},
		{"group without a comment", "internal/app/p.go", header + "const (\n\tC = 1\n)\n", "C is exported and has no comment that starts"},
		{"method", "internal/app/p.go", header + "// T is it.\ntype T[K any] struct{}\n\nfunc (t *T[K]) M() {}\n", "M is exported and has no comment that starts"},
		{"method of an error", "internal/app/p.go", header + "// E is it.\ntype E struct{}\n\nfunc (e E) Error() string { return \"\" }\n", ""},
		{"hidden method", "internal/app/p.go", header + "type t struct{}\n\nfunc (t) M() {}\n", ""},
		{"cmd has no readers", "cmd/keyhold/p.go", "// Keyhold.\npackage main\n\nfunc F() {}\n", ""},

		{"does not parse", "internal/app/p.go", "package", "internal/app/p.go:1:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := check([]source{{tt.file, tt.text}})
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("found %q in\n%s", got, tt.text)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("found %q, want one with %q, in\n%s", got, tt.want, tt.text)
			}
		})
	}
}

// TestTable makes sure that every line of the table can be reached.
func TestTable(t *testing.T) {
	t.Parallel()
	for _, r := range table {
		for pat := range strings.FieldsSeq(r.pkg) {
			name := strings.NewReplacer("/*", "/sample", "/...", "/sample").Replace(pat)
			got, _, ok := find(name)
			if !ok || got != r {
				t.Errorf("%s is ruled by %+v, not by its own line", name, got)
			}
		}
	}
}
