// Package device holds what this machine remembers about its user: the home
// directory's identity, the open sessions, and tokens of services. FORMAT.md
// describes the files.
package device

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrDamaged reports a file whose content keyhold did not write.
var ErrDamaged = errors.New("damaged")

// ErrBusy reports a file that another process kept locked for too long.
var ErrBusy = errors.New("in use by another process")

// A Home is the directory in which keyhold keeps its files. It may be used
// from several goroutines.
type Home struct{ dir string }

// NewHome returns the home in dir. It does no I/O: the directory need not be
// there yet.
func NewHome(dir string) *Home { return &Home{dir} }

// Dir returns the directory.
func (h *Home) Dir() string { return h.dir }

// Path returns the path of the file called name in the home.
func (h *Home) Path(name string) string { return filepath.Join(h.dir, name) }

// ID returns the identity of the home, 32 hexadecimal characters. If the home
// has none yet, the error is fs.ErrNotExist, and ID does not make one; if the
// file is damaged, the error is ErrDamaged.
func (h *Home) ID() (string, error) {
	id, err := h.readID()
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

// Make returns the identity of the home. It makes the directory, and the
// identity from rand, if they are not there yet. Of several processes that
// make one at the same time, all get the first one's.
func (h *Home) Make(rand io.Reader) (string, error) {
	id, err := h.makeID(rand)
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

func (h *Home) readID() (homeID, error) {
	f, err := os.Open(h.Path("id"))
	if err != nil {
		return homeID{}, fmt.Errorf("home: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	var buf [idText + 1]byte
	n, err := io.ReadFull(f, buf[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return homeID{}, fmt.Errorf("home: %w", err)
	}
	id, err := parseHomeID(buf[:n])
	if err != nil {
		return homeID{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return id, nil
}

func (h *Home) makeID(rand io.Reader) (homeID, error) {
	id, err := h.readID()
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return homeID{}, fmt.Errorf("home: %w", err)
	}
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return homeID{}, fmt.Errorf("home: %w", err)
	}
	tmp, err := writeTemp(h.dir, []byte(id.String()))
	if err != nil {
		return homeID{}, fmt.Errorf("home: %w", err)
	}
	defer os.Remove(tmp) //nolint:errcheck // a stray copy does no harm
	err = os.Link(tmp, h.Path("id"))
	if errors.Is(err, fs.ErrExist) {
		return h.readID()
	}
	if err != nil {
		return homeID{}, fmt.Errorf("home: %w", err)
	}
	syncDir(h.dir)
	return id, nil
}

const tempPrefix = ".new-"

// writeTemp writes data to a new file in dir, mode 0600, syncs it and returns
// its path.
func writeTemp(dir string, data []byte) (path string, err error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// replaceFile puts data in the place of the file called name: readers see the
// old or the new one.
func (h *Home) replaceFile(name string, data []byte) error {
	tmp, err := writeTemp(h.dir, data)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, h.Path(name)); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	syncDir(h.dir)
	return nil
}

// syncDir makes a new name in dir durable where the system can do that.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
