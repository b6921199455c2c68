package bolt

import "unsafe"

// longScan is the number of leaves after which a scan maps the file: looking up
// a few keys never does.
const longScan = 4

// A fault is the panic of reading memory that the file no longer backs, where
// debug.SetPanicOnFault asks for one.
type fault interface {
	error
	Addr() uintptr
}

// mapFile maps the file into memory, for the pages that are read from then on.
// They are valid until unmapFile. Where it cannot be mapped, reading goes on as
// before.
func (im *image) mapFile() {
	if im.mapped == nil {
		im.mapped = mapped(im.f, int64(im.meta.end)*int64(im.meta.pageSize)) //nolint:gosec // openImage checked it against the size
	}
}

func (im *image) unmapFile() {
	if im.mapped != nil {
		unmap(im.mapped)
		im.mapped = nil
	}
}

// maps reports whether addr lies in the mapping.
func (im *image) maps(addr uintptr) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(im.mapped))) //nolint:gosec // an address to compare with, nothing is read through it
	return addr-start < uintptr(len(im.mapped))
}

// readMapped is read in the mapping.
func (im *image) readMapped(id uint64) ([]byte, error) {
	size := uint64(im.meta.pageSize) //nolint:gosec // a power of two
	more := uint64(order.Uint32(im.mapped[id*size+12:]))
	if more >= im.meta.end-id {
		return nil, damaged("page %d ends outside of the file", id)
	}
	return im.mapped[id*size : (id+1+more)*size : (id+1+more)*size], nil
}
