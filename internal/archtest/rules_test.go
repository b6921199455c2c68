package archtest

import "strings"

const module = "github.com/keyhold/keyhold"

// A rule says what the packages that pkg matches may import of ours.
// Packages are named from the module's root, without "internal/".
//
//	kv           that package
//	backend/*    every package one folder below backend
//	service/...  service and everything below it
//	...          every package
//	pkg/client/* in may: the folder that the * of pkg stood for, its own
type rule struct {
	pkg   string // several are separated by spaces
	may   string
	never string // taken out of may again
}

// table is read from the top: the first rule that matches a package is its own.
var table = []rule{
	{pkg: "secret exit record"},
	{pkg: "kv keyring term config vault seal secretstorage", may: "secret"},
	{pkg: "output", may: "secret exit"},
	{pkg: "kv/*", may: "kv"},
	{pkg: "itemdb", may: "kv"},
	{pkg: "ref", may: "vault secret seal dotenv"},
	{pkg: "otp generate dotenv mask transfer", may: "vault secret seal"},
	{pkg: "device", may: "secret seal kv keyring record"},
	{pkg: "child", may: "secret mask term"},
	{pkg: "clipboard", may: "secret"},

	{pkg: "service/accounts", may: "kv itemdb record secret seal"},
	{pkg: "service/...", may: "kv itemdb record secret seal service/accounts"},

	{pkg: "backend", may: "vault secret device kv"},
	{pkg: "backend/all", may: "backend backend/*"},
	{pkg: "backend/backendtest", may: "..."},
	{pkg: "backend/local", may: "backend vault seal secret device kv itemdb service/accounts service/vaults"},
	{pkg: "backend/mirror", may: "backend vault seal kv itemdb pkg/client"},
	{pkg: "backend/*", may: "backend backend/mirror vault seal secret device kv itemdb pkg/client pkg/client/*"},

	{pkg: "server", may: "secret"},
	// The rules run inside a transaction of the door's (kv), and their ids and
	// suites are seal's.
	{pkg: "server/vaultctl/releasedtest", may: "..."},
	{pkg: "server/...", may: "server service/... secret kv seal"},
	{pkg: "servercli", may: "server/... service/... kv/... seal config term output exit secret"},
	{pkg: "pkg/client/...", may: "pkg/client"},

	{pkg: "app", may: "...", never: "server/... servercli hostile/... cli/... cmd/..."},
	{
		pkg: "cli/...",
		may: "app cli/... vault backend secretstorage ref otp generate dotenv mask transfer config device output exit secret pkg/client/...",
	},
	{pkg: "cmd/keyhold", may: "app cli child clipboard backend/all"},
	{pkg: "cmd/keyhold-server", may: "servercli"},

	{pkg: "apptest hostile/... gen/... bench/... archtest", may: "..."},
}

// testOnly are imported by tests and by each other, never by what is shipped.
const testOnly = "apptest backend/backendtest hostile/... gen/... bench/... archtest kv/kvtest server/vaultctl/releasedtest"

// pure packages, and every file named format.go, do no I/O: what they need of
// the outside world is handed to them.
const pure = "vault seal secretstorage ref otp dotenv mask"

// impure are the imports that a pure file may not have; "net/..." spares the
// packages in harmless.
const (
	impure   = "os/... net/... syscall io/ioutil log crypto/rand math/rand/... golang.org/x/sys/... golang.org/x/term"
	harmless = "net/url net/netip net/mail"
)

// clock are the functions of package time that read the clock or wait.
const clock = "Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker"

// outside are the functions and variables that reach for the world behind the
// App's back. Only the packages in mayReachOut, and tests, use them.
var outside = map[string]string{
	"os":       "Exit Getenv LookupEnv Environ ExpandEnv",
	"time":     "Now Since Until",
	"fmt":      "Print Printf Println",
	"net/http": "DefaultClient Get Head Post PostForm",
	"log":      "Fatal Fatalf Fatalln",
}

const mayReachOut = "cmd/... app apptest bench/... gen/... tools/..."

const (
	maxFileLines = 400
	maxFuncLines = 60
)

// find returns the rule of pkg and what its * stood for.
func find(pkg string) (r rule, star string, ok bool) {
	for _, r := range table {
		for pat := range strings.FieldsSeq(r.pkg) {
			if matches(pat, pkg) {
				if strings.HasSuffix(pat, "/*") {
					star = pkg[strings.LastIndexByte(pkg, '/')+1:]
				}
				return r, star, true
			}
		}
	}
	return rule{}, "", false
}

// allows reports whether a package with this rule may import pkg. star is what
// the * of its own pattern stood for.
func (r rule) allows(star, pkg string) bool {
	if in(r.never, pkg) {
		return false
	}
	for pat := range strings.FieldsSeq(r.may) {
		if star != "" {
			pat = strings.Replace(pat, "*", star, 1)
		}
		if matches(pat, pkg) {
			return true
		}
	}
	return false
}

// in reports whether one of the patterns matches name.
func in(patterns, name string) bool {
	for pat := range strings.FieldsSeq(patterns) {
		if matches(pat, name) {
			return true
		}
	}
	return false
}

func matches(pat, name string) bool {
	switch {
	case pat == "...":
		return true
	case strings.HasSuffix(pat, "/..."):
		base := strings.TrimSuffix(pat, "/...")
		return name == base || strings.HasPrefix(name, base+"/")
	case strings.HasSuffix(pat, "/*"):
		rest, ok := strings.CutPrefix(name, strings.TrimSuffix(pat, "*"))
		return ok && rest != "" && !strings.Contains(rest, "/")
	}
	return pat == name
}
