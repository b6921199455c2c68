package servercli

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/server/admin"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/stores"
)

// A dataDir is the directory that a server keeps everything in.
type dataDir string

func (d dataDir) store() string  { return filepath.Join(string(d), "server.db") }
func (d dataDir) key() string    { return filepath.Join(string(d), "server.key") }
func (d dataDir) socket() string { return filepath.Join(string(d), "admin.sock") }

// dir returns the data directory, which need not be there.
func (e *Env) dir() (dataDir, error) {
	dir := e.data
	if dir == "" {
		if xdg := e.Getenv("XDG_DATA_HOME"); filepath.IsAbs(xdg) {
			return dataDir(filepath.Join(xdg, "keyhold-server")), nil
		}
		variable, below := "HOME", ".local/share/keyhold-server"
		switch runtime.GOOS {
		case "darwin":
			below = "Library/Application Support/keyhold-server"
		case "windows":
			variable, below = "LocalAppData", "keyhold-server"
		}
		home := e.Getenv(variable)
		if home == "" {
			return "", usagef("no data directory: --data is not given and %s is not set", variable)
		}
		dir = filepath.Join(home, filepath.FromSlash(below))
	}
	abs, err := filepath.Abs(dir)
	return dataDir(abs), err
}

// make makes the directory for its owner alone, and warns if others can write
// to one that is there.
func (d dataDir) make(e *Env) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	info, err := os.Stat(string(d))
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return usagef("%s is not a directory", string(d))
	}
	if info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows" {
		e.messages().Warn("open_directory", string(d)+" can be written to by others; run: chmod 700 "+string(d))
	}
	return nil
}

// keySize is how many bytes a key of a server has that is made here.
const keySize = 32

// The keys of a server all come from one.
type serverKeys struct {
	accounts accounts.Keys
	stores   stores.Keys
}

// keys returns the keys of the server: from file or, if that is empty, from the
// data directory, where they are made if they are not there.
func (d dataDir) keys(e *Env, file string) (serverKeys, error) {
	path := file
	if path == "" {
		path = d.key()
	}
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) && file == "" {
		if key, err = d.makeKey(e); err == nil {
			e.messages().Detail("made the key of this server, " + path + ": with another one all sessions and invites have ended and no " +
				"value of a store opens, so keep a copy")
		}
	}
	if err != nil {
		return serverKeys{}, err
	}
	var k serverKeys
	if k.accounts, err = accounts.NewKeys(key); err != nil {
		return k, err
	}
	k.stores, err = stores.NewKeys(key)
	return k, err
}

// readKey reads a file with at least 32 bytes in base64, which nobody else may
// read.
func readKey(path string) (secret.Bytes, error) {
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return secret.Bytes{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return secret.Bytes{}, err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return secret.Bytes{}, &failure{code: "usage", message: path + " can be read by others", hint: "chmod 600 " + path}
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return secret.Bytes{}, err
	}
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < keySize {
		return secret.Bytes{}, &failure{code: "damaged", message: path + " has not at least 32 bytes in base64"}
	}
	return secret.Of(key), nil
}

// makeKey makes server.key: whole or not at all, and never over another.
func (d dataDir) makeKey(e *Env) (secret.Bytes, error) {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(e.Rand, key); err != nil {
		return secret.Bytes{}, err
	}
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	err := writeNew(d.key(), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if errors.Is(err, fs.ErrExist) { // another command was faster
		return readKey(d.key())
	}
	return secret.Of(key), err
}

// writeNew makes a file of mode 0600 with what write writes, whole or not at
// all. A file that is there is fs.ErrExist.
func writeNew(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, e := os.Lstat(path); e == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(f.Name(), path) // the file system has no links
}

// failureOf returns the code of what went wrong.
func failureOf(err error) *failure {
	var p *admin.RefusedError
	var format *kv.FormatError
	var path *fs.PathError
	f := &failure{code: "error", message: strings.ReplaceAll(err.Error(), "\n", "; ")}
	switch {
	case errors.As(err, &p):
		f.code, f.message = p.Code, p.Message
		if p.Code == "busy" {
			f.hint = busyHint
		}
	case errors.As(err, &format):
		f.code = "store_too_new"
	case errors.Is(err, kv.ErrBusy):
		f.code, f.hint = "busy", busyHint
	case errors.Is(err, kv.ErrDamaged):
		f.code = "damaged"
	case errors.Is(err, fs.ErrExist):
		f.code = "exists"
	case errors.As(err, &path):
		f.code = "io"
	}
	return f
}

const busyHint = "another keyhold-server may use the same data directory"
