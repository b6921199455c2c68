package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/keyhold/keyhold/internal/vault"
)

// An OutFile is where a command writes instead of to standard output: the
// flags -o and --force.
type OutFile struct {
	Name  string // empty: standard output
	Force bool   // replace a file that is there
}

// A FileExistsError reports a file that is there and may not be replaced.
type FileExistsError struct{ Name, again string }

func (e *FileExistsError) Error() string { return e.Name + " exists already" }

// Unwrap makes it a vault.ErrExists.
func (e *FileExistsError) Unwrap() error { return vault.ErrExists }

// Hint is the same command with --force.
func (e *FileExistsError) Hint() string { return e.again }

// Check returns a *FileExistsError if the file must not be written, before
// anything is done for it.
func (a *App) Check(o OutFile) error {
	if o.Name == "" || o.Force {
		return nil
	}
	if info, err := os.Stat(o.Name); err == nil && passesOn(info) {
		return nil // >(command) of a shell is a link to a pipe
	}
	if _, err := os.Lstat(o.Name); err == nil {
		return &FileExistsError{o.Name, a.Again("--force")}
	}
	return nil
}

// cause is why a file could not be written, without the name that it had
// meanwhile.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return &fs.PathError{Op: at.Op, Path: filepath.Dir(at.Path), Err: at.Err}
	}
	return err
}

// passesOn reports whether what is written is not kept: to a pipe or a device.
func passesOn(info fs.FileInfo) bool {
	return info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice|fs.ModeSocket) != 0
}

// Write writes data to standard output or, whole or not at all, to the file,
// which only its owner can read.
func (a *App) Write(o OutFile, data []byte) error {
	if o.Name == "" {
		if _, err := a.Out.Write(data); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		return nil
	}
	if info, err := os.Stat(o.Name); err == nil && passesOn(info) {
		f, err := os.OpenFile(o.Name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	a.Signals.Catch() // what is half written must go
	tmp, err := os.CreateTemp(filepath.Dir(o.Name), ".keyhold-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", o.Name, cause(err))
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // after a rename it is gone
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", o.Name, err)
	}
	if o.Force {
		return os.Rename(tmp.Name(), o.Name)
	}
	if err := os.Link(tmp.Name(), o.Name); errors.Is(err, fs.ErrExist) {
		return &FileExistsError{o.Name, a.Again("--force")}
	} else if err == nil {
		return nil
	}
	// There are file systems without links.
	if err := a.Check(o); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), o.Name)
}
