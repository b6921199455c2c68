//go:build !windows

package child

import "os"

const GetTermios = getTermios

// Descriptor returns the descriptor of f without making it blocking, as Fd would.
func Descriptor(f *os.File) (fd int) {
	_ = control(f, func(n int) error {
		fd = n
		return nil
	})
	return fd
}
