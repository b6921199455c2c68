package args

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
)

// A Spelling is how another tool calls something that keyhold calls otherwise.
type Spelling struct {
	// Words are what is typed after keyhold. A last word that starts with a dash
	// is a flag, which may stand anywhere.
	Words string
	// Means says what it is here.
	Means string
	// Try is the command to use instead; {} stands for the first argument that
	// follows Words, and NAME is in its place if there is none.
	Try string
}

// spellings is laid out by the compiler: it costs nothing when a program starts.
// A word that becomes a command of keyhold's own leaves it.
var spellings = [...]Spelling{
	// pass and gopass
	{"init", "the first put makes a vault", "keyhold put mail"},
	{"git", "there is no git repository; the vaults are one file to copy", "keyhold profile show"},
	{"grep", "find looks into names, tags and visible fields, never into secrets", "keyhold find -a {}"},
	{"setup", "the first put makes a vault", "keyhold put mail"},
	{"create", "put stores an item", "keyhold put {}"},
	{"audit", "vault check verifies that everything opens and is as it was signed", "keyhold vault check"},
	{"fsck", "vault check verifies that everything opens and is as it was signed", "keyhold vault check"},
	{"mounts", "boxes of items are vaults", "keyhold vault list"},
	{"insert -m", "put takes several lines from standard input", "keyhold put {} -"},
	{"insert -e", "a secret is asked for without echo", "keyhold put {}"},
	{"show -o", "get prints the password alone", "keyhold get {}"},
	{"show -f", "show --reveal shows secrets", "keyhold show {} --reveal"},
	{"generate", "it takes no name and stores nothing; put --generate does", "keyhold put {} --generate"},

	// Bitwarden and rbw
	{"list items", "ls lists the items", "keyhold ls"},
	{"list folders", "names with slashes take the place of folders", "keyhold ls --tree"},
	{"list collections", "boxes of items are vaults", "keyhold vault list"},
	{"get item", "show lists every field", "keyhold show {}"},
	{"get password", "get prints the main field", "keyhold get {}"},
	{"get username", "get -f names the field", "keyhold get {} -f username"},
	{"get uri", "get -f names the field", "keyhold get {} -f url"},
	{"get notes", "get -f names the field", "keyhold get {} -f notes"},
	{"create item", "put stores an item", "keyhold put mail"},
	{"edit item", "edit takes the item alone", "keyhold edit {}"},
	{"restore item", "restore takes the item alone", "keyhold restore {}"},
	{"encode", "put takes fields as they are, and secrets from standard input", "keyhold help put"},
	{"unlock --raw", "unlock --export prints the line that opens the vaults for a shell", `eval "$(keyhold unlock --export)"`},
	{"unlock --check", "status --check tells by its status alone", "keyhold status --check"},
	{"unlocked", "status --check tells by its status alone", "keyhold status --check"},
	{"register", "there is no account to register; the first put makes a vault", "keyhold put mail"},
	{"code", "one-time codes are not printed; their seed is the field totp", "keyhold show {}"},
	{"purge", "profile delete deletes a profile with its vaults", "keyhold profile delete NAME"},
	{"stop-agent", "there is no agent; lock ends the sessions", "keyhold lock"},

	// 1Password
	{"signout", "lock ends the sessions", "keyhold lock"},
	{"account", "accounts are profiles, each with vaults of its own", "keyhold profile list"},
	{"item create", "put stores an item", "keyhold put mail"},
	{"item edit", "put changes fields; edit without them opens the editor", "keyhold put {}"},
	{"item template", "types and their fields are a help topic", "keyhold help fields"},
	{"item get --fields", "get -f names one field", "keyhold get {} -f username"},
	{"item get --reveal", "get always prints the value", "keyhold get {}"},
	{"document get", "a document is an item of the type note", "keyhold get {}"},
	{"document create", "a document is an item of the type note", "keyhold put NAME --type note content=@FILE"},
	{"document", "a document is an item of the type note", "keyhold ls --type note"},

	// wrangler
	{"secrets-store", "keyhold keeps the values and gives them to wrangler", "keyhold help from-wrangler"},
	{"secret", "keyhold keeps the values and gives them to wrangler", "keyhold help from-wrangler"},
}

// Spellings returns what other tools call things, for tests. The slice belongs
// to the caller.
func Spellings() []Spelling { return slices.Clone(spellings[:]) }

// Foreign returns the answer to the arguments of cmd, or to its flags among
// them, if they are in another tool's spelling, else nil.
func Foreign(cmd *cobra.Command, given []string) error {
	typed := typed(cmd, given)
	var found *Spelling
	var name string
	for i := range spellings {
		s := &spellings[i]
		if rest, ok := s.match(typed); ok && (found == nil || len(s.Words) > len(found.Words)) {
			found, name = s, firstWord(rest)
		}
	}
	if found == nil {
		return nil
	}
	return &app.UsageError{Message: found.Words + ": " + found.Means, Try: strings.ReplaceAll(found.Try, "{}", name)}
}

// match reports whether typed is in this spelling, and returns what follows.
func (s *Spelling) match(typed []string) ([]string, bool) {
	words := strings.Fields(s.Words)
	flag := ""
	if last := words[len(words)-1]; strings.HasPrefix(last, "-") {
		flag, words = last, words[:len(words)-1]
	}
	if len(typed) < len(words) || !slices.Equal(typed[:len(words)], words) {
		return nil, false
	}
	rest := typed[len(words):]
	given := func(t string) bool { return t == flag || strings.HasPrefix(t, flag+"=") }
	return rest, flag == "" || slices.ContainsFunc(rest, given)
}

// firstWord returns the first of words that is no flag, quoted.
func firstWord(words []string) string {
	for _, w := range words {
		if !strings.HasPrefix(w, "-") && w != "" {
			return Quote(w)
		}
	}
	return "NAME"
}

// typed returns what was typed after keyhold for cmd and these arguments.
func typed(cmd *cobra.Command, given []string) []string {
	var line []string
	for c := cmd; c.HasParent(); c = c.Parent() {
		word := c.Name()
		if c == cmd && c.CalledAs() != "" {
			word = c.CalledAs()
		}
		line = append([]string{word}, line...)
	}
	return append(line, given...)
}
