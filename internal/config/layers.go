package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Source is one of the places where a setting may be made.
type Source string

// The sources. The first that says anything wins.
const (
	Flag        Source = "flag"
	Environment Source = "environment"
	ProfileFile Source = "profile" // the profile in use, in the file
	ConfigFile  Source = "file"
	Default     Source = "default"
)

// A Value is what a setting is, and why.
type Value struct {
	Key    Key
	Value  string // checked; "(set)" for a secret; empty if there is none
	Source Source
	// Where names the place for people: --vault, KEYHOLD_VAULT,
	// "profiles.work.vault in PATH line 7", "PATH line 3"; empty for a default.
	Where string
}

// Hidden stands for a secret that is set.
const Hidden = "(set)"

// Bool returns the value of a setting that is true or false.
func (v Value) Bool() bool { return v.Value == "true" }

// Int returns the value of a setting that is a number, 0 if it has none.
func (v Value) Int() int {
	n, _ := strconv.Atoi(v.Value) //nolint:errcheck // checked before
	return n
}

// Duration returns the value of a setting that is a duration, 0 if it is none.
func (v Value) Duration() time.Duration {
	d, _ := time.ParseDuration(v.Value) //nolint:errcheck // checked before
	return d
}

// List returns the words of a setting that is a list.
func (v Value) List() []string {
	if v.Value == "" {
		return nil
	}
	return strings.Split(v.Value, ",")
}

// Layers are the sources of settings, one above the other.
type Layers struct {
	// Flag returns the value of a global flag, named without dashes, and
	// whether it is on the command line. It may be nil.
	Flag   func(name string) (value string, set bool)
	Getenv func(string) string // an empty variable counts as not set
	File   *File               // may be nil
}

// Resolve returns the value of the setting called name, one of Keys. An invalid
// value is a *ValueError that names the flag or the variable; an unknown name
// is a *KeyError.
func (l Layers) Resolve(name string) (Value, error) {
	k, err := setting(name)
	if err != nil {
		return Value{}, err
	}
	return l.resolve(k)
}

// All returns the values of all settings, in the order of Keys.
func (l Layers) All() ([]Value, error) {
	all := make([]Value, 0, len(keys))
	for i := range keys {
		v, err := l.resolve(&keys[i])
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (l Layers) resolve(k *Key) (Value, error) {
	if value, where, set := l.flag(k); set {
		return checked(k, value, Flag, where)
	}
	if k.Env != "" && l.Getenv != nil {
		if value := l.Getenv(k.Env); value != "" {
			return checked(k, value, Environment, k.Env)
		}
	}
	if k.File && l.File != nil {
		if v, set, err := l.file(k); set || err != nil {
			return v, err
		}
	}
	v := Value{Key: *k, Value: k.Default, Source: Default}
	if k.Name == "config" && l.File != nil {
		v.Value = l.File.path
	}
	return v, nil
}

// flag knows that --json is another way to write --format json.
func (l Layers) flag(k *Key) (value, where string, set bool) {
	if l.Flag == nil || k.Flag == "" {
		return "", "", false
	}
	if k.Name == "format" {
		if on, set := l.Flag("json"); set && on == "true" {
			return "json", "--json", true
		}
	}
	value, set = l.Flag(k.Flag)
	return value, "--" + k.Flag, set
}

// checked does not repeat what was written where that is a secret.
func checked(k *Key, value string, source Source, where string) (Value, error) {
	if k.Secret {
		return Value{*k, Hidden, source, where}, nil
	}
	value, err := k.Check(value)
	if err != nil {
		return Value{}, &ValueError{where, err.Error()}
	}
	return Value{*k, value, source, where}, nil
}

func (l Layers) file(k *Key) (v Value, set bool, err error) {
	path, source := k.path(), ConfigFile
	if k.Profile {
		profile, err := l.Resolve("profile")
		if err != nil {
			return Value{}, false, err
		}
		if IsProfileFile(profile.Value) {
			return Value{}, false, nil
		}
		path[1], source = profile.Value, ProfileFile
	}
	value, line, set := l.File.at(k, path)
	if !set {
		return Value{}, false, nil
	}
	where := place(l.File.path, line)
	if k.Profile {
		where = fmt.Sprintf("%s in %s", strings.Join(path, "."), where)
	}
	return Value{*k, value, source, where}, true, nil
}
