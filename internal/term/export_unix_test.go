//go:build darwin || linux

package term

import (
	"os"

	"golang.org/x/sys/unix"
)

const MaxLine = maxLine

// At returns a Prompter for the terminal at path.
func At(path string) *Prompter { return &Prompter{device: device(path)} }

// Flags returns the local flags of the terminal f.
func Flags(f *os.File) (flags uint64, err error) {
	err = control(f, func(fd int) error {
		state, err := unix.IoctlGetTermios(fd, getTermios)
		if err == nil {
			flags = uint64(state.Lflag)
		}
		return err
	})
	return flags, err
}

// SetFlags turns local flags of the terminal f on and off.
func SetFlags(f *os.File, on, off uint64) error {
	return control(f, func(fd int) error {
		state, err := unix.IoctlGetTermios(fd, getTermios)
		if err != nil {
			return err
		}
		setLflag(&state.Lflag, uint64(state.Lflag)&^off|on)
		return unix.IoctlSetTermios(fd, setTermios, state)
	})
}

func setLflag[T uint32 | uint64](lflag *T, flags uint64) { *lflag = T(flags) }

// control calls f without making the file blocking, as Fd would.
func control(file *os.File, f func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
