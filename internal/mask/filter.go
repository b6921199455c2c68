package mask

import (
	"encoding/binary"
	"math/bits"
)

// A filter tells quickly where no pattern can be. It knows all runs of three
// bytes at the first four places of every pattern, hashed: where a pattern is,
// or the first six bytes of one, one of any four neighbouring runs is known. So
// it is enough to look at every fourth byte.
type filter struct {
	known []uint64 // a set of bits
	shift uint
}

const (
	run    = 3 // bytes in a run
	stride = Shortest - run + 1
)

func (f *filter) init(patterns []pattern) {
	// A known run by chance in one of 32 places or fewer.
	size := min(max(13, bits.Len(uint(len(patterns)*stride*32))), 20)
	f.shift = uint(32 - size) //nolint:gosec // 12 to 19
	f.known = make([]uint64, 1<<size/64)
	for _, pattern := range patterns {
		p := pattern.text
		for i := range stride {
			h := f.hash(uint32(p[i]) | uint32(p[i+1])<<8 | uint32(p[i+2])<<16)
			f.known[h/64] |= 1 << (h % 64)
		}
	}
}

func (f *filter) hash(x uint32) uint32 { return x * 0x9e3779b1 >> f.shift }

// find returns the place of a known run in b, or -1: then no pattern is in b nor
// the first six bytes of one. If it finds one, none of them begins before the
// place minus three.
func (f *filter) find(b []byte) int {
	i := 0
	for ; i+4 <= len(b); i += stride {
		h := f.hash(binary.LittleEndian.Uint32(b[i:]) & 0xffffff)
		if f.known[h/64]>>(h%64)&1 != 0 {
			return i
		}
	}
	if i+run <= len(b) {
		h := f.hash(uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16)
		if f.known[h/64]>>(h%64)&1 != 0 {
			return i
		}
	}
	return -1
}
