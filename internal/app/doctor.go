package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/seal"
)

// ErrFindings reports that a check found something.
var ErrFindings = errors.New("findings")

// A Diagnosis is what one check of the doctor says.
type Diagnosis struct {
	Check  string // what was looked at
	OK     bool
	Detail string
	Mend   string // a command, where something is wrong
}

// Diagnose looks at everything that keyhold relies on here. It changes nothing
// but the mark of a damaged store, which goes away when the store is sound.
func (a *App) Diagnose(ctx context.Context) []Diagnosis {
	d := &doctor{App: a}
	d.home()
	d.configuration()
	d.environment()
	d.keyring(ctx)
	d.account(ctx)
	d.store(ctx)
	return d.found
}

type doctor struct {
	*App
	found []Diagnosis
}

func (d *doctor) ok(check, format string, args ...any) {
	d.found = append(d.found, Diagnosis{Check: check, OK: true, Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) bad(check, mend, format string, args ...any) {
	d.found = append(d.found, Diagnosis{Check: check, Detail: fmt.Sprintf(format, args...), Mend: mend})
}

// home looks at who can read the files of the home.
func (d *doctor) home() {
	home, err := d.Home()
	if err != nil {
		d.bad("home", "export KEYHOLD_HOME=DIRECTORY", "%v", err)
		return
	}
	info, err := os.Stat(home.Dir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok("home", "%s is not there yet", home.Dir())
		return
	case err != nil:
		d.bad("home", "ls -ld "+Quote(home.Dir()), "%v", err)
		return
	case !info.IsDir():
		d.bad("home", "ls -ld "+Quote(home.Dir()), "%s is no directory", home.Dir())
		return
	}
	if _, err := home.ID(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.bad("home", "rm "+Quote(home.Path("id")), "the identity of the home cannot be read: %v; a new one ends every session", err)
	}
	open := 0
	const others, writable = 0o077, 0o022
	_ = filepath.WalkDir(home.Dir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read by us is not open to others
		}
		mask := fs.FileMode(others)
		if filepath.Base(path) == "config.yaml" {
			mask = writable // there is nothing secret in it
		}
		if i, err := e.Info(); err == nil && runtime.GOOS != "windows" && i.Mode().Perm()&mask != 0 && i.Mode()&fs.ModeSymlink == 0 {
			open++
			d.bad("permissions", "chmod go= "+Quote(path), "%s can be used by others (mode %04o)", path, i.Mode().Perm())
		}
		return nil
	})
	if open == 0 {
		d.ok("permissions", "only you can read %s", home.Dir())
	}
}

func (d *doctor) configuration() {
	path, err := d.ConfigPath()
	if err != nil {
		d.bad("configuration", "export KEYHOLD_HOME=DIRECTORY", "%v", err)
		return
	}
	if d.ConfigError != nil {
		mend := "keyhold config edit"
		var hinted interface{ Hint() string }
		if errors.As(d.ConfigError, &hinted) && hinted.Hint() != "" {
			mend = hinted.Hint()
		}
		d.bad("configuration", mend, "%v", d.ConfigError)
		return
	}
	f, err := d.Config()
	if err != nil || !f.Exists() {
		d.ok("configuration", "there is no file %s; the defaults are used", path)
		return
	}
	for _, w := range f.Warnings() {
		d.bad("configuration", "keyhold config edit", "%s", w)
	}
	if len(f.Warnings()) == 0 {
		d.ok("configuration", "%s", path)
	}
}

func (d *doctor) environment() {
	unknown := config.Unknown(d.Environ())
	for _, name := range unknown {
		d.bad("environment", "unset "+name, "%s means nothing to keyhold", name)
	}
	if len(unknown) == 0 {
		d.ok("environment", "every variable of keyhold's is known")
	}
}

// keyring tries every keyring that the setting allows.
func (d *doctor) keyring(ctx context.Context) {
	ring, err := d.Keyring()
	const export = `eval "$(keyhold unlock --export)"`
	switch {
	case err != nil:
		d.bad("keyring", "unset KEYHOLD_KEYRING", "%v", err)
		return
	case ring == nil:
		d.ok("keyring", "off: sessions are in KEYHOLD_SESSION alone")
		return
	}
	if err := keyring.Retry(ring); err != nil { // one that did not answer gets another chance
		d.bad("keyring", "keyhold doctor", "%v", err)
	}
	used := ""
	for _, r := range keyring.Explain(ctx, ring) {
		switch {
		case r.Used:
			used = r.Kind
			d.ok("keyring", "%s is used", r.Kind)
		case r.Err != nil:
			d.ok("keyring", "%s cannot be used: %v", r.Kind, r.Err)
		default:
			d.ok("keyring", "%s works too", r.Kind)
		}
	}
	switch used {
	case "":
		d.bad("keyring", export, "no keyring can keep a session")
	case "file":
		d.bad("keyring", "unset KEYHOLD_KEYRING", "session keys are in a file, which hides them from a glance only")
	}
}

func (d *doctor) account(ctx context.Context) {
	desc, err := d.Describe(ctx)
	var none *NoVaultError
	switch {
	case errors.As(err, &none):
		d.ok("account", "there is none yet")
		return
	case errors.Is(err, backend.ErrSignedOut):
		d.bad("account", "keyhold login vault"+d.Where(false), "%v", err)
		return
	case err != nil:
		d.bad("account", "keyhold doctor", "%v", err)
		return
	}
	suite, err := seal.SuiteNamed(desc.Suite)
	switch {
	case desc.Suite == seal.BlobSuite:
		d.ok("key derivation", "%s, as every vault of this service has it", desc.Suite)
	case err != nil:
		d.bad("key derivation", "keyhold version", "%v", err)
	case suite.Weaker(seal.Default()):
		d.bad("key derivation", "keyhold passwd", "%s is weaker than %s", suite.Name(), seal.Default().Name())
	default:
		d.ok("key derivation", "%s", suite.Name())
	}
	home, err := d.Home()
	if err != nil {
		return
	}
	if at, ok := home.LastUnlocked(d.Settings.Profile); ok {
		d.ok("last unlock", "%s", at.Format(time.RFC3339))
	} else {
		d.ok("last unlock", "never on this machine")
	}
}

// store reads the whole store of the profile: its vaults or, at a service, what
// this machine remembers and its copies.
func (d *doctor) store(ctx context.Context) {
	path, err := d.StorePath(d.Settings.Profile)
	if err != nil {
		return
	}
	mend := "keep a copy, and put a backup in its place"
	if d.IsBound(d.Settings.Profile) {
		d.service(ctx)
		path, mend = filepath.Join(filepath.Dir(path), "state.db"), "keep a copy, delete it, and log in again: fingerprints have to be compared anew"
	}
	info, err := os.Stat(path)
	if err != nil {
		d.ok("store", "%s is not there yet", path)
		return
	}
	err = bolt.New(path).Check(ctx)
	switch {
	case errors.Is(err, kv.ErrDamaged):
		d.bad("store", "cp "+Quote(path)+" "+Quote(path+".damaged-copy"), "%v; %s", err, mend)
	case err != nil:
		d.bad("store", "keyhold doctor", "%v", err)
	default:
		d.ok("store", "%s is sound, %d bytes", path, info.Size())
	}
}

// service looks at the tokens of a bound profile and at the age of its copies.
// The service itself is not asked.
func (d *doctor) service(ctx context.Context) {
	profile := d.Settings.Profile
	in, err := d.SignedIn(ctx, profile)
	switch {
	case err != nil:
		d.bad("tokens", "keyhold login vault"+d.Where(false), "%v", err)
	case !in:
		d.bad("tokens", "keyhold login vault"+d.Where(false), "this device is not signed in as %s", d.accountName(profile))
	default:
		d.ok("tokens", "this device is signed in as %s", d.accountName(profile))
	}
	var oldest, listed time.Time
	var rekey []string
	err = d.remembered(ctx, profile, func(tx kv.Tx, at device.Place) error {
		list, err := at.Vaults(tx)
		oldest, listed, rekey = time.Time{}, at.Listed(tx), nil
		for _, v := range list {
			if m, ok := at.Mark(tx, v.ID); ok && (oldest.IsZero() || m.Synced.Before(oldest)) {
				oldest = m.Synced
			}
			if v.RekeyRequired {
				rekey = append(rekey, v.Name)
			}
		}
		return err
	})
	switch {
	case err != nil:
		d.bad("copies", "keyhold sync"+d.Where(false), "%v", err)
	case oldest.IsZero():
		d.ok("copies", "no vault was fetched yet")
	default:
		d.ok("copies", "the vaults were listed at %s; the oldest copy is of %s", listed.Format(time.RFC3339), oldest.Format(time.RFC3339))
	}
	for _, name := range rekey {
		d.bad("keys", "keyhold vault rekey "+Quote(name)+d.Where(false), "the vault %q needs a new key: a member was removed", name)
	}
}
