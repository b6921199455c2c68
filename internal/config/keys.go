package config

import (
	"slices"
	"strings"
)

// A Key is one setting of keyhold, wherever it may be made.
type Key struct {
	// Name is what Layers.Resolve takes. A setting of a profile goes by the
	// name of its member: vault.
	Name string
	// Env is the variable of the environment, Flag the global flag without
	// dashes; empty if there is none.
	Env, Flag string
	// Default is the value where nobody says anything; it may be empty.
	Default string
	Summary string
	// Choices are all the values that there are, if they are few.
	Choices []string
	// File reports whether the setting may stand in the file: under Name or,
	// if Profile is set, as profiles.NAME.MEMBER.
	File, Profile bool
	// Secret reports that the value is not to be shown. A Value never has it.
	Secret bool

	kind kind
}

// path is the way to the setting in the file. For a member of a profile the
// second step is missing its name.
func (k Key) path() []string {
	if k.Profile {
		return []string{profilesKey, "", k.Name}
	}
	return strings.Split(k.Name, ".")
}

const profilesKey = "profiles"

// keys is laid out by the compiler: it costs nothing when a program starts.
var keys = [...]Key{
	{
		Name: "profile", Env: "KEYHOLD_PROFILE", Flag: "profile", Default: DefaultProfile, File: true, kind: kindProfile,
		Summary: "the profile in use",
	},
	{
		Name: "vault", Env: "KEYHOLD_VAULT", Flag: "vault", File: true, Profile: true, kind: kindText,
		Summary: "the vault in use; without it the profile's default vault",
	},
	{
		Name: "backend", Default: LocalBackend, File: true, Profile: true, kind: kindWord,
		Summary: "the kind of place where the vaults of the profile live",
	},
	{
		Name: "url", File: true, Profile: true, kind: kindURL,
		Summary: "the address of the service that has the vaults",
	},
	{
		Name: "email", File: true, Profile: true, kind: kindEmail,
		Summary: "the account at that service",
	},
	{
		Name: "ca", File: true, Profile: true, kind: kindText,
		Summary: "a file with the certificate authorities to believe for that service",
	},
	{
		Name: "insecure_http", File: true, Profile: true, kind: kindBool,
		Summary: "talk to that service without TLS",
	},
	{
		Name: "store", File: true, Profile: true, kind: kindText,
		Summary: "the account of the login at Cloudflare",
	},
	{
		Name: "store_url", File: true, Profile: true, kind: kindURL,
		Summary: "the address of the API of that login; without it Cloudflare's own",
	},
	{
		Name: "store_ca", File: true, Profile: true, kind: kindText,
		Summary: "a file with the certificate authorities to believe for that address",
	},
	{
		Name: "store_insecure_http", File: true, Profile: true, kind: kindBool,
		Summary: "talk to that address without TLS",
	},
	{
		Name: "secret_storage", File: true, Profile: true, kind: kindText,
		Summary: "the account of the login at Misakey",
	},
	{
		Name: "key", File: true, Profile: true, kind: kindText,
		Summary: "the account of the login at Unkey",
	},
	{
		Name: "session.idle", Default: "1h", File: true, kind: kindDuration,
		Summary: "how long a session lasts without use",
	},
	{
		Name: "session.absolute", Default: "12h", File: true, kind: kindDuration,
		Summary: "how long a session lasts at most",
	},
	{
		Name: "sync.max_age", Default: "5m", File: true, kind: kindDuration,
		Summary: "how old a copy of a remote vault may be before it is read again",
	},
	{
		Name: "store.scopes", Default: "workers", File: true, kind: kindList,
		Summary: "the scopes of a new secret in a store",
	},
	{
		Name: "keyring", Env: "KEYHOLD_KEYRING", Default: "auto", File: true, kind: kindChoice,
		Choices: []string{"auto", "os", "kernel", "file", "off"},
		Summary: "where session keys and tokens are kept",
	},
	{
		Name: "color", Env: "KEYHOLD_COLOR", Flag: "color", Default: "auto", File: true, kind: kindChoice,
		Choices: []string{"auto", "always", "never"},
		Summary: "when to use colour",
	},
	{
		Name: "format", Env: "KEYHOLD_FORMAT", Flag: "format", kind: kindChoice,
		Choices: []string{"table", "list", "tsv", "json", "yaml"},
		Summary: "how answers are printed; without it a table, in a pipe tsv",
	},
	{
		Name: "config", Env: "KEYHOLD_CONFIG", Flag: "config", kind: kindText,
		Summary: "the configuration file",
	},
	{
		Name: "home", Env: "KEYHOLD_HOME", kind: kindText,
		Summary: "the directory of everything that keyhold keeps",
	},
	{
		Name: "no_input", Env: "KEYHOLD_NO_INPUT", Flag: "no-input", Default: "false", kind: kindBool,
		Summary: "never ask",
	},
	{
		Name: "offline", Env: "KEYHOLD_OFFLINE", Flag: "offline", Default: "false", kind: kindBool,
		Summary: "never use the network",
	},
	{
		Name: "fresh", Env: "KEYHOLD_FRESH", Flag: "fresh", Default: "false", kind: kindBool,
		Summary: "sync before reading, however new the copy is",
	},
	{
		Name: "quiet", Env: "KEYHOLD_QUIET", Flag: "quiet", Default: "false", kind: kindBool,
		Summary: "print no notices",
	},
	{
		Name: "verbose", Env: "KEYHOLD_VERBOSE", Flag: "verbose", Default: "0", kind: kindCount,
		Summary: "say what is being done, 0 to 9",
	},
	{
		Name: "yes", Flag: "yes", Default: "false", kind: kindBool,
		Summary: "answer questions with yes",
	},
	{
		Name: "accessible", Env: "KEYHOLD_ACCESSIBLE", Default: "false", kind: kindBool,
		Summary: "print lists and lines that a screen reader can follow",
	},
	{
		Name: "no_print", Env: "KEYHOLD_NO_PRINT", Default: "false", kind: kindBool,
		Summary: "refuse to print values",
	},
	{
		Name: "session", Env: "KEYHOLD_SESSION", Secret: true, kind: kindText,
		Summary: "the session of this shell",
	},
	{
		Name: "password", Env: "KEYHOLD_PASSWORD", Secret: true, kind: kindText,
		Summary: "the master password",
	},
	{
		Name: "password_file", Env: "KEYHOLD_PASSWORD_FILE", Flag: "password-file", kind: kindText,
		Summary: "the file that the master password is read from",
	},
	{
		// A command line may have a password in it.
		Name: "password_command", Env: "KEYHOLD_PASSWORD_COMMAND", Secret: true, kind: kindText,
		Summary: "the command that prints the master password",
	},
	{
		Name: "password_fd", Flag: "password-fd", kind: kindCount,
		Summary: "the descriptor that the master password is read from",
	},
	{
		Name: "password_stdin", Flag: "password-stdin", Default: "false", kind: kindBool,
		Summary: "read the master password from standard input",
	},
}

// Keys returns every setting of keyhold, those that many need first. The slice
// belongs to the caller.
func Keys() []Key {
	all := slices.Clone(keys[:])
	for i := range all {
		all[i].Choices = slices.Clone(all[i].Choices)
	}
	return all
}

// A Variable is a variable of the environment that other programs know too.
type Variable struct {
	Name, Summary string
	Secret        bool
}

// Foreign returns the variables not of keyhold's own that it obeys, for help.
// The slice belongs to the caller.
func Foreign() []Variable {
	return []Variable{
		{"CLOUDFLARE_API_TOKEN", "the token for store commands", true},
		{"CLOUDFLARE_API_KEY", "the global key for store commands, with CLOUDFLARE_EMAIL", true},
		{"CLOUDFLARE_EMAIL", "the user whose global key it is", false},
		{"CLOUDFLARE_ACCOUNT_ID", "the account of store commands", false},
		{"CLOUDFLARE_API_BASE_URL", "the address of the API of store commands", false},
		{"UNKEY_ROOT_KEY", "the root key for key commands", true},
		{"NO_COLOR", "never use colour, if not empty", false},
		{"CLICOLOR_FORCE", "always use colour, if neither empty nor 0", false},
		{"TERM", "the kind of terminal; dumb has no colour", false},
		{"VISUAL", "the editor", false},
		{"EDITOR", "the editor, if VISUAL is not set", false},
		{"XDG_CONFIG_HOME", "the directory of configurations", false},
		{"XDG_DATA_HOME", "the directory of what programs keep", false},
		{"HTTPS_PROXY", "the proxy for the network", false},
		{"NO_PROXY", "the hosts that need no proxy", false},
	}
}

// Unknown returns, sorted, the names in environ, which has the form of
// os.Environ, that look like settings of keyhold and are none.
func Unknown(environ []string) []string {
	var unknown []string
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, "KEYHOLD_") && !slices.ContainsFunc(keys[:], func(k Key) bool { return k.Env == name }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return slices.Compact(unknown)
}

// setting returns the key called name, as Layers.Resolve takes it.
func setting(name string) (*Key, error) {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i], nil
		}
	}
	return nil, &KeyError{Key: name}
}

// keyAt returns the key at path in the file, or nil.
func keyAt(path []string) *Key {
	for i := range keys {
		k := &keys[i]
		if !k.File || k.Profile != (path[0] == profilesKey) {
			continue
		}
		want := k.path()
		if k.Profile && len(path) == len(want) {
			want[1] = path[1]
		}
		if slices.Equal(path, want) {
			return k
		}
	}
	return nil
}

// isSection reports whether settings stand below path in the file.
func isSection(path []string) bool {
	if path[0] == profilesKey {
		return len(path) <= 2
	}
	return slices.ContainsFunc(keys[:], func(k Key) bool {
		full := k.path()
		return k.File && !k.Profile && len(full) > len(path) && slices.Equal(path, full[:len(path)])
	})
}

// fileKey returns the setting that name means in the file, and its path there.
func fileKey(name string) (*Key, []string, error) {
	path := splitName(name)
	if k := keyAt(path); k != nil {
		if k.Profile && !IsProfileName(path[1]) {
			return nil, nil, &ValueError{printable(name), printable(path[1]) + " " + badProfileName}
		}
		return k, path, nil
	}
	if slices.ContainsFunc(path, isSecretName) && path[0] != profilesKey || isSecretName(path[len(path)-1]) {
		return nil, nil, &SecretError{Key: name}
	}
	e := &KeyError{Key: name}
	for i := range keys {
		k := &keys[i]
		full := strings.Join(k.path(), ".")
		switch last := path[len(path)-1]; {
		case !k.File:
		case k.Profile && k.Name == name:
			e.Try = strings.Replace(full, "..", "."+DefaultProfile+".", 1)
		case !k.Profile && full[strings.LastIndexByte(full, '.')+1:] == last:
			e.Try = full
		}
	}
	return nil, nil, e
}

func splitName(name string) []string {
	first, last := strings.IndexByte(name, '.'), strings.LastIndexByte(name, '.')
	if first < last && name[:first] == profilesKey {
		return []string{profilesKey, name[first+1 : last], name[last+1:]}
	}
	return strings.Split(name, ".")
}
