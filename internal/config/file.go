package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A File is the configuration file as it was read. It is for one goroutine at
// a time; several Files of one path, also in several processes, do not hurt
// each other.
type File struct {
	path string
	state
}

// The state of a file is what was last seen of it.
type state struct {
	content
	doc    *document
	data   []byte
	exists bool
	mode   fs.FileMode
}

// A Profile is one world: where its vaults live, and its logins.
type Profile struct {
	Backend           string `mapstructure:"backend"`
	URL               string `mapstructure:"url"`
	Email             string `mapstructure:"email"`
	CA                string `mapstructure:"ca"`
	InsecureHTTP      string `mapstructure:"insecure_http"`
	Vault             string `mapstructure:"vault"`
	Store             string `mapstructure:"store"`
	StoreURL          string `mapstructure:"store_url"`
	StoreCA           string `mapstructure:"store_ca"`
	StoreInsecureHTTP string `mapstructure:"store_insecure_http"`
	SecretStorage     string `mapstructure:"secret_storage"`
	Key               string `mapstructure:"key"`
}

// members yields the names of the members with their values, in the order in
// which they are written.
func (p Profile) members() func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for _, m := range [...][2]string{
			{"backend", p.Backend},
			{"url", p.URL},
			{"email", p.Email},
			{"ca", p.CA},
			{"insecure_http", p.InsecureHTTP},
			{"vault", p.Vault},
			{"store", p.Store},
			{"store_url", p.StoreURL},
			{"store_ca", p.StoreCA},
			{"store_insecure_http", p.StoreInsecureHTTP},
			{"secret_storage", p.SecretStorage},
			{"key", p.Key},
		} {
			if !yield(m[0], m[1]) {
				return
			}
		}
	}
}

func checkProfileName(name string) error {
	if !IsProfileName(name) {
		return &ValueError{"profile", printable(name) + " " + badProfileName}
	}
	return nil
}

// Open reads the file at path. If it is not there, all settings have their
// defaults. The error is an *UnsafeError, a *FileError, a *SecretError or one
// of package os.
func Open(path string) (*File, error) {
	s, err := load(path)
	if err != nil {
		return nil, err
	}
	return &File{path, s}, nil
}

func load(path string) (state, error) {
	empty := state{doc: &document{path: path}}
	if path == os.DevNull {
		return empty, nil
	}
	f, err := openFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return state{}, fmt.Errorf("configuration: %w", err)
	}
	if info.IsDir() {
		return state{}, &FileError{Path: path, Reason: "it is a directory, not a file"}
	}
	if !info.Mode().IsRegular() {
		return state{}, &FileError{Path: path, Reason: "it is no regular file"}
	}
	if err := checkSafe(path, info); err != nil {
		return state{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+int64(len(bom))+1))
	if err != nil {
		return state{}, fmt.Errorf("configuration: %w", err)
	}
	s, err := newState(path, data)
	s.mode = info.Mode().Perm()
	return s, err
}

func newState(path string, data []byte) (state, error) {
	doc, err := parse(path, data)
	if err != nil {
		return state{}, err
	}
	content, err := doc.read()
	if err != nil {
		return state{}, err
	}
	return state{content, doc, data, true, 0o600}, nil
}

// Path returns the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Exists reports whether the file was there.
func (f *File) Exists() bool { return f.exists }

// Warnings returns what means nothing in the file, in the order of its lines.
func (f *File) Warnings() []Warning { return slices.Clone(f.warnings) }

// Get returns what the file says about the setting called name, such as
// session.idle or profiles.work.vault, and whether it says anything. A list
// has commas between its words.
func (f *File) Get(name string) (value string, set bool, err error) {
	k, path, err := fileKey(name)
	if err != nil {
		return "", false, err
	}
	value, _, set = f.at(k, path)
	return value, set, nil
}

// at returns the value of the setting k at path, and its line.
func (f *File) at(k *Key, path []string) (value string, line int, set bool) {
	key := joinPath(path)
	if f.v == nil || !f.v.IsSet(key) {
		return "", 0, false
	}
	if k.kind == kindList {
		value = strings.Join(f.v.GetStringSlice(key), ",")
	} else {
		value = f.v.GetString(key)
	}
	return value, f.lines[key], true
}

// Profiles returns the names of all profiles: the default one first, the
// others sorted.
func (f *File) Profiles() []string {
	names := []string{DefaultProfile}
	for name := range f.profiles {
		if name != DefaultProfile {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	return names
}

// Profile returns the profile called name, if there is one. One without a
// backend is on this machine.
func (f *File) Profile(name string) (Profile, bool) {
	p := Profile{Backend: LocalBackend}
	if !f.profiles[name] {
		return p, name == DefaultProfile
	}
	if err := f.v.UnmarshalKey(joinPath([]string{profilesKey, name}), &p); err != nil {
		return Profile{}, false // it cannot fail: all values are texts
	}
	return p, true
}

// Set gives the setting called name a value and saves the file. The error is a
// *KeyError, a *SecretError, a *ValueError, ErrNoProfile, or one of Update.
func (f *File) Set(name, value string) error {
	return f.Update(func(e *Edit) error { return e.Set(name, value) })
}

// Unset takes the setting called name out of the file and saves it.
func (f *File) Unset(name string) error {
	return f.Update(func(e *Edit) error { return e.Unset(name) })
}

// AddProfile makes a profile and saves the file.
func (f *File) AddProfile(name string, p Profile) error {
	return f.Update(func(e *Edit) error { return e.AddProfile(name, p) })
}

// RenameProfile gives a profile another name and saves the file.
func (f *File) RenameProfile(name, to string) error {
	return f.Update(func(e *Edit) error { return e.RenameProfile(name, to) })
}

// RemoveProfile removes a profile and saves the file.
func (f *File) RemoveProfile(name string) error {
	return f.Update(func(e *Edit) error { return e.RemoveProfile(name) })
}

const (
	maxTries = 5
	maxLinks = 40
)

// Update reads the file again, lets change make its steps, and saves the file,
// all of them or none. Others that change it by this package wait meanwhile.
// Where something else changes it, change is called again, at last the error is
// ErrChanged. If change returns an error nothing is saved and Update returns it.
func (f *File) Update(change func(*Edit) error) error {
	if f.path == os.DevNull {
		return &FileError{Path: f.path, Reason: "it cannot be changed"}
	}
	if _, err := load(f.path); err != nil { // before anything is made beside it
		return err
	}
	target, err := follow(f.path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	unlock, err := lock(target)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer unlock()
	for range maxTries {
		if done, err := f.try(target, change); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", f.path, ErrChanged)
}

// try makes the change once. It is not done if the file is another one by then.
func (f *File) try(target string, change func(*Edit) error) (done bool, err error) {
	old, err := load(f.path)
	if err != nil {
		return false, err
	}
	e := &Edit{old.doc}
	if err := change(e); err != nil {
		return false, err
	}
	data := e.doc.bytes()
	if bytes.Equal(data, old.data) {
		old.doc = e.doc
		f.state = old
		return true, nil
	}
	next, err := newState(f.path, data)
	if err != nil {
		return false, err
	}
	next.mode = 0o600
	if old.exists {
		next.mode &= old.mode
	}
	if done, err = replace(target, old, next); err != nil {
		return false, fmt.Errorf("configuration: %w", err)
	}
	if done {
		f.state = next
	}
	return done, nil
}

// replace writes next to path whole, if old is still what is there.
func replace(path string, old, next state) (done bool, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return false, err
	}
	defer func() {
		if !done {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(next.data)
	if err == nil && next.mode != 0o600 {
		err = tmp.Chmod(next.mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return false, err
	}
	now, err := os.ReadFile(path) //nolint:gosec // the path that the user named
	if errors.Is(err, fs.ErrNotExist) == old.exists || err == nil && !bytes.Equal(now, old.data) {
		return false, nil
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return false, err
	}
	syncDir(filepath.Dir(path))
	return true, nil
}

// lock makes the directory of path and waits until no other process changes
// the file in it. The lock file stays: removing it would let two in.
func lock(path string) (unlock func(), err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := openLock(filepath.Join(dir, "."+filepath.Base(path)+".lock"))
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return func() { _ = f.Close() }, nil
}

// follow returns the file that path leads to by symbolic links, also where it
// is not there yet.
func follow(path string) (string, error) {
	for range maxLinks {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: errors.New("too many symbolic links")}
}

// syncDir makes a new name in dir durable where the system can do that.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil { //nolint:gosec // the path that the user named
		_ = d.Sync()
		_ = d.Close()
	}
}
