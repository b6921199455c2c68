package app

import (
	"fmt"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/output"
)

// Settings are what the flags, the environment, the configuration file and the
// defaults say together. Load fills them.
type Settings struct {
	Profile, Vault                          string
	Format                                  output.Format
	FormatTyped                             bool // on this command line
	NoInput, Offline, Fresh, Quiet, NoPrint bool
	Accessible                              bool
	Yes                                     bool
	Verbose                                 int
	Color                                   string // auto, always or never
	colorTyped                              bool   // by a flag or KEYHOLD_COLOR, which go before NO_COLOR
	Keyring                                 string // auto, os, kernel, file or off
	Idle, Absolute                          time.Duration
	MaxAge                                  time.Duration // of a mirror
	Password                                PasswordFlags
}

// PasswordFlags say where the master password comes from.
type PasswordFlags struct {
	FD    int // -1 if not given
	File  string
	Stdin bool
}

// AnyProfile is the annotation of commands that go on in a profile that is not
// there: they mend that, or need none.
const AnyProfile = "any-profile"

// AnySettings is the annotation of commands that go on whatever is wrong with
// the settings, and report that at the end.
const AnySettings = "any-settings"

// AnyConfig is the annotation of commands that go on without the configuration
// file if it cannot be read.
const AnyConfig = "any-config"

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

// A SilentError ends the command with the status of Err, and nothing is printed.
type SilentError struct{ Err error }

func (e *SilentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SilentError) Unwrap() error { return e.Err }

// Load reads the configuration and resolves the settings. flag returns the
// value of a global flag and whether it was given. It returns what is wrong
// with a setting and, apart from that, with the file, which stands in
// ConfigError too: some commands go on without it. What is wrong has its default.
func (a *App) Load(flag func(name string) (string, bool)) (settings, file error) {
	a.layers = config.Layers{Flag: flag, Getenv: a.Getenv}
	a.messages = nil
	explicit, err := a.layers.Resolve("config")
	if err != nil {
		return err, nil
	}
	path, err := config.Path(a.Getenv, explicit.Value, runtime.GOOS)
	if err == nil {
		a.layers.File, a.ConfigError = config.Open(path)
	} else if explicit.Value != "" {
		return err, nil
	}
	return a.resolve(), a.ConfigError
}

// resolve takes the settings out of the layers.
func (a *App) resolve() error {
	var first error // one after the other is enough
	value := func(name string) config.Value {
		v, err := a.layers.Resolve(name)
		if first == nil {
			first = err
		}
		return v
	}
	s := &a.Settings
	s.Profile, s.Vault = value("profile").Value, ""
	format := value("format")
	s.Format, s.FormatTyped = output.Format(format.Value), format.Source == config.Flag
	s.NoInput, s.Offline, s.Fresh = value("no_input").Bool(), value("offline").Bool(), value("fresh").Bool()
	s.Quiet, s.Accessible, s.NoPrint = value("quiet").Bool(), value("accessible").Bool(), value("no_print").Bool()
	s.Yes, s.Verbose = value("yes").Bool(), value("verbose").Int()
	color := value("color")
	s.Color, s.colorTyped = color.Value, color.Source == config.Flag || color.Source == config.Environment
	s.Keyring = value("keyring").Value
	s.Idle, s.Absolute = value("session.idle").Duration(), value("session.absolute").Duration()
	s.MaxAge = value("sync.max_age").Duration()
	s.Vault = value("vault").Value
	s.Password = PasswordFlags{FD: -1, Stdin: value("password_stdin").Bool()}
	if fd := value("password_fd"); fd.Source == config.Flag {
		s.Password.FD = fd.Int()
	}
	if file := value("password_file"); file.Source == config.Flag {
		s.Password.File = file.Value
	}
	if s.Accessible && s.Format == "" {
		s.Format = output.List
	}
	return first
}

// Config returns the configuration file, or an error if it cannot be found or read.
func (a *App) Config() (*config.File, error) {
	if a.ConfigError != nil {
		return nil, a.ConfigError
	}
	if a.layers.File == nil {
		return nil, &NoHomeError{"no configuration: neither KEYHOLD_CONFIG nor KEYHOLD_HOME nor HOME is set"}
	}
	return a.layers.File, nil
}

// ConfigPath returns where the configuration file is, or would be.
func (a *App) ConfigPath() (string, error) {
	v, err := a.layers.Resolve("config")
	if err != nil {
		return "", err
	}
	path, err := config.Path(a.Getenv, v.Value, runtime.GOOS)
	if err != nil && v.Value == "" {
		err = &NoHomeError{err.Error()}
	}
	return path, err
}

// Explain returns every setting with where it comes from.
func (a *App) Explain() ([]config.Value, error) { return a.layers.All() }

// Setting returns one setting with where it comes from.
func (a *App) Setting(name string) (config.Value, error) { return a.layers.Resolve(name) }

// colored reports whether to use colour on Out.
func (a *App) colored() bool {
	switch {
	case (a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb") && !(a.Settings.colorTyped && a.Settings.Color == "always"):
		return false
	case a.Settings.Color == "always":
		return true
	case a.Settings.Color == "never":
		return false
	}
	force := a.Getenv("CLICOLOR_FORCE")
	return a.OutTerminal || force != "" && force != "0"
}
