//go:build unix

package bolt

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mapped returns the first size bytes of f, or nil.
func mapped(f io.ReaderAt, size int64) []byte {
	file, ok := f.(*os.File)
	if !ok || size != int64(int(size)) {
		return nil
	}
	b, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil
	}
	return b
}

func unmap(b []byte) { _ = unix.Munmap(b) }
