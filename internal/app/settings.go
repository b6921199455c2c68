package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/output"
)

// Settings are the values of the global flags, after the environment had its say.
type Settings struct {
	Profile                                string
	Vault                                  string
	Format                                 output.Format
	FormatTyped                            bool // on this command line
	NoInput, Offline, Fresh, Quiet, Access bool
	Yes                                    bool
	Verbose                                int
	Color                                  Color
	Password                               PasswordFlags
}

// PasswordFlags say where the master password comes from.
type PasswordFlags struct {
	FD    int // -1 if not given
	File  string
	Stdin bool
}

// A Color says when to use colour: "auto", "always" or "never".
type Color string

// Set and its kin make a Color a flag.
func (c *Color) Set(s string) error {
	if s != "auto" && s != "always" && s != "never" {
		return fmt.Errorf("it is one of auto, always, never")
	}
	*c = Color(s)
	return nil
}

// String returns the word that Set takes.
func (c *Color) String() string { return string(*c) }

// Type names the value in help texts.
func (c *Color) Type() string { return "WHEN" }

func (c Color) on(a *App) bool {
	switch {
	case c == "always":
		return true
	case c == "never" || a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb":
		return false
	case a.Getenv("CLICOLOR_FORCE") != "" && a.Getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return a.OutTerminal
}

// A SettingError reports an environment variable with a value that cannot be.
type SettingError struct{ Name, Reason string }

func (e *SettingError) Error() string { return e.Name + ": " + e.Reason }

// A UsageError reports what a different command line mends.
type UsageError struct {
	Message string
	Try     string // a command that can be pasted, or empty
}

func (e *UsageError) Error() string { return e.Message }

// Hint returns the command that was probably meant.
func (e *UsageError) Hint() string { return e.Try }

// Usagef returns a UsageError without a hint.
func Usagef(format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}

// variables are the names after KEYHOLD_ that mean something. The empty
// function stands for those that are read where they are used.
var variables = map[string]func(s *Settings, value string) error{
	"PROFILE":    func(s *Settings, v string) error { s.Profile = v; return nil },
	"VAULT":      func(s *Settings, v string) error { s.Vault = v; return nil },
	"FORMAT":     func(s *Settings, v string) (err error) { s.Format, err = output.ParseFormat(v); return err },
	"COLOR":      func(s *Settings, v string) error { return s.Color.Set(v) },
	"NO_INPUT":   func(s *Settings, v string) error { return boolean(&s.NoInput, v) },
	"OFFLINE":    func(s *Settings, v string) error { return boolean(&s.Offline, v) },
	"FRESH":      func(s *Settings, v string) error { return boolean(&s.Fresh, v) },
	"QUIET":      func(s *Settings, v string) error { return boolean(&s.Quiet, v) },
	"ACCESSIBLE": func(s *Settings, v string) error { return boolean(&s.Access, v) },
	"VERBOSE":    verbose,
	"NO_PRINT":   nil, "HOME": nil, "KEYRING": nil, "SESSION": nil, "CONFIG": nil,
	"PASSWORD": nil, "PASSWORD_FILE": nil, "PASSWORD_COMMAND": nil,
}

func boolean(into *bool, v string) error {
	switch strings.ToLower(v) {
	case "1", "true", "yes":
		*into = true
	case "0", "false", "no":
		*into = false
	default:
		return fmt.Errorf("%q is not one of 1, true, yes, 0, false, no", v)
	}
	return nil
}

func verbose(s *Settings, v string) error {
	var on bool
	if len(v) == 1 && v[0] >= '0' && v[0] <= '9' {
		s.Verbose = int(v[0] - '0')
		return nil
	}
	err := boolean(&on, v)
	if on {
		s.Verbose = 1
	}
	return err
}

// ReadEnvironment puts the KEYHOLD_ variables into the settings. The flags
// come afterwards and win. Unknown names are returned, to be warned about. An
// empty variable counts as not set.
func (a *App) ReadEnvironment() (unknown []string, err error) {
	for _, line := range a.Environ() {
		name, value, _ := strings.Cut(line, "=")
		short, ours := strings.CutPrefix(name, "KEYHOLD_")
		if !ours {
			continue
		}
		set, known := variables[short]
		if !known {
			unknown = append(unknown, name)
		}
		if set == nil || value == "" {
			continue
		}
		if err := set(&a.Settings, value); err != nil {
			return nil, &SettingError{name, err.Error()}
		}
	}
	slices.Sort(unknown)
	if a.Settings.Access && a.Settings.Format == "" {
		a.Settings.Format = output.List
	}
	return unknown, nil
}

// A SilentError ends the command with the status of Err, and nothing is printed.
type SilentError struct{ Err error }

func (e *SilentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SilentError) Unwrap() error { return e.Err }
