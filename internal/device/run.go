package device

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// strayAge is how old a temporary file must be to count as left behind.
const strayAge = time.Hour

// A runDir is the directory of the session records. Every record appears and
// changes by a rename, so that readers need no lock.
type runDir string

func (d runDir) path(id sessionID) string { return filepath.Join(string(d), id.String()) }

// read returns the record's file and when the session was last used.
func (d runDir) read(id sessionID) (data []byte, used time.Time, err error) {
	return readFile(d.path(id), maxRecord, maxRecord)
}

// readFile reads the first bytes of a file that may be longer than them, but
// not longer than limit.
func readFile(path string, first, limit int64) ([]byte, time.Time, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	fi, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > limit {
		return nil, fi.ModTime(), fmt.Errorf("%w: no file of at most %d bytes", ErrDamaged, limit)
	}
	data := make([]byte, min(first, fi.Size()))
	_, err = io.ReadFull(f, data)
	return data, fi.ModTime(), err
}

// write makes the record's file, last used at used.
func (d runDir) write(id sessionID, data []byte, used time.Time) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	tmp, err := writeTemp(string(d), data)
	if err != nil {
		return err
	}
	return d.place(tmp, id, used)
}

// place renames tmp to the record's name, or removes it.
func (d runDir) place(tmp string, id sessionID, used time.Time) error {
	err := os.Chtimes(tmp, used, used)
	if err == nil {
		err = os.Rename(tmp, d.path(id))
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}

// lock keeps others from replacing and removing records until unlock.
func (d runDir) lock() (unlock func(), err error) { return lockPath(filepath.Join(string(d), "lock")) }

// The longest time to wait for another process that has a file locked, and the
// longest pause before looking again.
const (
	lockWait  = 3 * time.Second
	lockPause = 20 * time.Millisecond
)

// lockFile waits until no other process has f locked. A process that is
// stopped while it has it must not keep all others waiting: then it is ErrBusy.
func lockFile(f *os.File) error {
	waited := time.Duration(0)
	for pause := time.Millisecond; ; pause = min(2*pause, lockPause) {
		ok, err := tryLock(f)
		switch {
		case ok || err != nil:
			return err
		case waited >= lockWait:
			return ErrBusy
		}
		time.Sleep(pause)
		waited += pause
	}
}

// lockPath waits until no other process has the file locked, which it makes.
func lockPath(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil
}

// An entry is a record as far as it can be read without its key.
type entry struct {
	header
	id   sessionID
	used time.Time
	err  error // why there is no header
}

// list returns the records and the paths of temporary files.
func (d runDir) list() (records []entry, temps []string, err error) {
	files, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	for _, f := range files {
		path := filepath.Join(string(d), f.Name())
		id, ok := parseSessionID(f.Name())
		switch {
		case ok:
			records = append(records, peek(path, id))
		case strings.HasPrefix(f.Name(), tempPrefix):
			temps = append(temps, path)
		}
	}
	return records, temps, err
}

func peek(path string, id sessionID) entry {
	e := entry{id: id}
	var data []byte
	if data, e.used, e.err = readFile(path, maxHeader, maxRecord); e.err == nil {
		e.header, _, e.err = parseHeader(data)
	}
	return e
}

// sweep removes the records that have run out, that are damaged, or for which
// drop is true, and what writers left behind. It does what it can: what stays
// opens nothing.
func (d runDir) sweep(now time.Time, drop func(entry) bool) {
	unlock, err := d.lock()
	if err != nil {
		return
	}
	defer unlock()
	records, temps, _ := d.list()
	for _, e := range records {
		if errors.Is(e.err, ErrDamaged) || e.err == nil && (e.left(e.used, now) <= 0 || drop(e)) {
			_ = os.Remove(d.path(e.id))
		}
	}
	for _, path := range temps {
		if fi, err := os.Lstat(path); err == nil && now.Sub(fi.ModTime()) > strayAge {
			_ = os.Remove(path)
		}
	}
}
