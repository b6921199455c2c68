package seal

import (
	"encoding/hex"
	"io"
)

// An ID is a UUID as its 16 raw bytes: of a user, a vault or an item. IDs can
// be compared and used as map keys. The zero ID stands for none.
type ID [16]byte

const idText = len("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")

// MakeID returns a random UUID of version 4.
func MakeID(rand io.Reader) (ID, error) {
	var id ID
	if err := read(rand, id[:]); err != nil {
		return ID{}, err
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// ParseID reads the text form of a UUID of any version: 36 characters, hex
// digits of either case. Anything else is ErrDamaged.
func ParseID(s string) (ID, error) {
	var id ID
	err := id.UnmarshalText([]byte(s))
	return id, err
}

// String returns the text form: 36 characters, lower case.
func (id ID) String() string {
	var b [idText]byte
	id.put(&b)
	return string(b[:])
}

// IsZero reports whether id is the zero ID.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns the text form, as String does.
func (id ID) MarshalText() ([]byte, error) {
	var b [idText]byte
	id.put(&b)
	return b[:], nil
}

// UnmarshalText sets id to the UUID that text spells, by the rules of ParseID.
// On an error it leaves id alone.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) != idText || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return damaged("it is no UUID")
	}
	digits := make([]byte, 0, 2*len(id))
	for _, part := range [][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		digits = append(digits, part...)
	}
	var raw ID
	if _, err := hex.Decode(raw[:], digits); err != nil {
		return damaged("it is no UUID")
	}
	*id = raw
	return nil
}

func (id ID) put(b *[idText]byte) {
	hex.Encode(b[:8], id[:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
}
