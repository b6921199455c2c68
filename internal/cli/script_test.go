package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/secret"
)

// keyhold is the real keyhold, built once for all tests of this package.
var keyhold string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "keyhold-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for name, path := range map[string]*string{"keyhold": &keyhold, "keyhold-server": &keyholdServer} {
		if *path, err = build(context.Background(), dir, name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// password is the master password of every script.
const password = "correct horse battery staple"

// TestScript runs the scripts in testdata/script through the real binary.
//
// $PW is the master password, which is in KEYHOLD_PASSWORD only where a script
// puts it there. Beside the usual commands there are those in scriptCommands.
func TestScript(t *testing.T) {
	t.Parallel()
	hasKernel := kernelKeyring()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scriptCommands,
		Condition: func(cond string) (bool, error) {
			if cond == "kernel-keyring" {
				return hasKernel, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(keyhold)+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("KEYHOLD_HOME", filepath.Join(env.WorkDir, "kh"))
			env.Setenv("PW", password)
			if !hasKernel {
				env.Setenv("KEYHOLD_KEYRING", "file")
			}
			env.Values[serversKey{}] = map[string]*server{}
			env.Defer(func() { endSessions(env) })
			return nil
		},
	})
}

// endSessions leaves no key of the script in the kernel's keyring.
func endSessions(env *testscript.Env) {
	cmd := exec.Command(keyhold, "lock")
	cmd.Env = env.Vars
	_ = cmd.Run() // the script may have left a home in which nothing works
}

// kernelKeyring reports whether this machine lets us use it.
func kernelKeyring() bool {
	ctx, name := context.Background(), fmt.Sprintf("probe-%d", os.Getpid())
	ring := keyring.Kernel()
	if ring.Set(ctx, name, secret.Of([]byte("x")), time.Minute) != nil {
		return false
	}
	return ring.Delete(ctx, name) == nil
}

var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"status":  status,
	"harm":    harm,
	"drop":    drop,
	"nowhere": nowhere,
	"newer":   newer,
	"setenv":  setenv,
	"golden":  golden,

	"serve":      serve,
	"stopserver": stopServer,
	"team":       useTeam,
	"as":         as,
	"copytree":   copyTree,
	"between":    between,
}

// status N CMD ARG... runs CMD and wants exit status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N CMD ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exited *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exited):
		got = exited.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("status = %d, want %d", got, want)
	}
}

// setenv NAME FILE puts the content of a file into a variable, without the
// newline at its end. FILE may be stdout.
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
}

// What differs from run to run in golden files.
var varying = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`: "UUID"\n`), ": UUID\n"}, // YAML quotes what begins with a digit
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\d{5}( \d{5}){11}`), "FINGERPRINT"},
	{regexp.MustCompile(`("(?:time_left_seconds|idle_seconds)": )\d+`), "${1}N"},
	{regexp.MustCompile(`("(?:version|go|platform|commit|keyring)": )"[^"]*"`), `${1}"X"`},
	{regexp.MustCompile(`("value": )"[A-Za-z0-9]{24}"`), `${1}"GENERATED"`},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`("code": )"\d{6}"`), `${1}"CODE"`},
	{regexp.MustCompile(`\d+ bytes`), "N bytes"},
}

// golden GOT WANT compares two files; in GOT the ids, times and the like are
// replaced by words before.
func golden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: golden GOT WANT")
	}
	got := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "WORK")
	for _, v := range varying {
		got = v.re.ReplaceAllString(got, v.by)
	}
	if want := ts.ReadFile(args[1]); got != want {
		ts.Fatalf("%s is not as in %s:\n%s", args[0], args[1], got)
	}
}

// harmed are the prefixes of the keys that hold what harm and drop name.
var harmed = map[string]string{"data": "id", "name": "in", "record": "in", "index": "ix", "wrap": "m/", "account": "a/"}

// harm STORE KIND [ID] flips a byte of every record of KIND, or only of the
// item with this ID: "data", "name" or "record" of items, "wrap" of vaults,
// "account".
func harm(ts *testscript.TestScript, neg bool, args []string) {
	mangle(ts, neg, args, func(tx kv.Tx, k, v []byte) error {
		at := len(v) - 3
		if args[1] == "record" {
			at = 0
		}
		v[at] ^= 1
		return tx.Put(k, v)
	})
}

// drop STORE KIND [ID] is harm, but what it harms is gone; also the "index".
func drop(ts *testscript.TestScript, neg bool, args []string) {
	mangle(ts, neg, args, func(tx kv.Tx, k, _ []byte) error { return tx.Delete(k) })
}

func mangle(ts *testscript.TestScript, neg bool, args []string, do func(tx kv.Tx, k, v []byte) error) {
	if neg || len(args) < 2 || harmed[args[1]] == "" {
		ts.Fatalf("usage: harm|drop STORE KIND [ID]")
	}
	var suffix []byte
	if len(args) > 2 {
		var err error
		suffix, err = hex.DecodeString(strings.ReplaceAll(args[2], "-", ""))
		ts.Check(err)
	}
	n := 0
	ts.Check(bolt.New(ts.MkAbs(args[0])).Update(context.Background(), func(tx kv.Tx) error {
		found := make(map[string][]byte)
		for k, v := range tx.Scan([]byte(harmed[args[1]])) {
			if bytes.HasSuffix(k, suffix) {
				found[string(k)] = bytes.Clone(v)
			}
		}
		n = len(found)
		for k, v := range found {
			if err := do(tx, []byte(k), v); err != nil {
				return err
			}
		}
		return nil
	}))
	if n == 0 {
		ts.Fatalf("there is no %s to harm", args[1])
	}
}

// newer STORE makes the store one that a future version wrote.
func newer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newer STORE")
	}
	ts.Check(makeNewer(ts.MkAbs(args[0])))
}

// nowhere DIR WORD... fails if a file below DIR has one of the words in it: as
// it is, in hex, in base64 at any alignment, or as UTF-16.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nowhere DIR WORD...")
	}
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, word := range args[1:] {
			if form := findForm(content, word); form != "" {
				ts.Fatalf("%s holds %q, %s", path, word, form)
			}
		}
		return nil
	}))
	if files == 0 {
		ts.Fatalf("there is no file in %s", args[0])
	}
}

// findForm returns in which form content has word, or "".
func findForm(content []byte, word string) string {
	var wide []byte
	for _, c := range []byte(word) {
		wide = append(wide, c, 0)
	}
	forms := map[string][]byte{
		"as it is": []byte(word), "in hex": []byte(hex.EncodeToString([]byte(word))), "as UTF-16": wide,
	}
	for shift := range 3 {
		b64 := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), word...))
		// The characters at the ends depend on the neighbours.
		forms[fmt.Sprintf("in base64, shifted by %d", shift)] = []byte(b64[4 : len(b64)-4])
	}
	for name, form := range forms {
		if bytes.Contains(content, form) {
			return name
		}
	}
	return ""
}
