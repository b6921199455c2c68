// Package config reads and changes the configuration file, and says where each
// setting comes from: a flag, the environment, the profile, the file, or its
// default.
//
// A setting in the file is named by its path, joined with dots: session.idle.
// The name of a profile may contain dots itself, so in profiles.NAME.MEMBER the
// name is everything between the first and the last dot.
package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// DefaultProfile always exists, also where no file says so.
const DefaultProfile = "default"

// LocalBackend is the backend of a profile that names none: this machine.
const LocalBackend = "local"

var (
	// ErrUnsafe reports a file that somebody else could have written. The
	// error is an *UnsafeError.
	ErrUnsafe = errors.New("configuration is not safe")
	// ErrChanged reports that something that takes no lock, an editor perhaps,
	// kept writing the file while it was to be changed. Nothing was changed.
	ErrChanged = errors.New("the configuration changed meanwhile")
	// ErrNoProfile reports a profile that is not there.
	ErrNoProfile = errors.New("no such profile")
	// ErrProfileExists reports a profile that is there already.
	ErrProfileExists = errors.New("profile exists already")
	// ErrDefaultProfile reports an attempt to rename or remove the default profile.
	ErrDefaultProfile = errors.New("the default profile always exists")
)

// An UnsafeError says who could have written a file or its directory.
type UnsafeError struct {
	Path   string
	Reason string
	Fix    string // a command that can be pasted
}

func (e *UnsafeError) Error() string { return e.Path + ": " + e.Reason }

// Hint returns the command that mends it.
func (e *UnsafeError) Hint() string { return e.Fix }

// Unwrap returns ErrUnsafe.
func (e *UnsafeError) Unwrap() error { return ErrUnsafe }

// A FileError reports a file that cannot be read as a configuration.
type FileError struct {
	Path   string
	Line   int    // 0 if it is about the whole file
	Key    string // empty if it is about no key
	Reason string
}

func (e *FileError) Error() string { return place(e.Path, e.Line) + keyed(e.Key) + ": " + e.Reason }

// A SecretError reports a setting that seems to hold a secret. Secrets do not
// belong into the file.
type SecretError struct {
	Key  string
	Path string // empty if it is not in a file yet
	Line int
}

func (e *SecretError) Error() string {
	text := printable(e.Key) + ": secrets are never kept in the configuration"
	if e.Path == "" {
		return text
	}
	return place(e.Path, e.Line) + ": " + text
}

// A KeyError reports the name of a setting that does not exist.
type KeyError struct {
	Key string
	Try string // what was probably meant, or empty
}

func (e *KeyError) Error() string { return "no setting is called " + printable(e.Key) }

// Hint says what was probably meant.
func (e *KeyError) Hint() string {
	if e.Try == "" {
		return ""
	}
	return "did you mean " + e.Try + "?"
}

// A ValueError reports a value that a setting cannot have. Name is what a user
// wrote: a setting, a variable of the environment or a flag.
type ValueError struct{ Name, Reason string }

func (e *ValueError) Error() string { return e.Name + ": " + e.Reason }

// A Warning is about a key of the file that means nothing. It stays there.
type Warning struct {
	Path string
	Line int
	Key  string
}

// String names the place and the key.
func (w Warning) String() string { return place(w.Path, w.Line) + keyed(w.Key) + ": unknown key" }

func place(path string, line int) string {
	if line == 0 {
		return path
	}
	return fmt.Sprintf("%s line %d", path, line)
}

func keyed(key string) string {
	if key == "" {
		return ""
	}
	return ": " + printable(key)
}

// printable is s, quoted and cut short unless it is made of harmless characters.
func printable(s string) string {
	const longest = 150
	plain := s != "" && len(s) <= longest
	for i := range len(s) {
		plain = plain && (isLower(s[i]) || s[i] >= 'A' && s[i] <= 'Z' || strings.IndexByte("._-/", s[i]) >= 0)
	}
	if plain {
		return s
	}
	return fmt.Sprintf("%.*q", longest, s)
}

// Path returns where the configuration is: explicit, which is the flag
// --config, or KEYHOLD_CONFIG; else config.yaml in KEYHOLD_HOME; else where the
// system goos keeps the configuration of programs. The file need not be there.
func Path(getenv func(string) string, explicit, goos string) (string, error) {
	const name = "config.yaml"
	if explicit == "" {
		explicit = getenv("KEYHOLD_CONFIG")
	}
	if explicit == "" {
		if home := getenv("KEYHOLD_HOME"); home != "" {
			explicit = filepath.Join(home, name)
		}
	}
	if explicit != "" {
		abs, err := filepath.Abs(explicit)
		if err != nil {
			return "", fmt.Errorf("configuration: %w", err)
		}
		return abs, nil
	}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "keyhold", name), nil
	}
	variable, below := "HOME", "/.config/keyhold/"
	switch goos {
	case "darwin":
		below = "/Library/Application Support/keyhold/"
	case "windows":
		variable, below = "AppData", `\keyhold\`
	}
	dir := getenv(variable)
	if dir == "" {
		return "", fmt.Errorf("no place for the configuration: neither KEYHOLD_CONFIG nor KEYHOLD_HOME nor %s is set", variable)
	}
	return strings.TrimRight(dir, below[:1]) + below + name, nil
}
