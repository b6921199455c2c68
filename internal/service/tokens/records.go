package tokens

import (
	"github.com/keyhold/keyhold/internal/record"
)

const (
	prefix  = "tk/"
	version = 1
)

const bitReadOnly = 1

func marshal(t Token) []byte {
	w := record.New(version)
	w.Fixed(t.ID[:])
	for _, text := range []string{t.API, t.Account, t.Email, t.Service, t.Note} {
		w.Bytes([]byte(text))
	}
	var flags byte
	if t.ReadOnly {
		flags |= bitReadOnly
	}
	w.Byte(flags)
	w.Time(t.Created)
	w.Time(t.Expires)
	return w.Record()
}

// parse reads a record. A flag that it does not know could take away what the
// others give, so it is refused.
func parse(b []byte) (Token, error) {
	var t Token
	r := record.Read(b, version)
	r.Fixed(t.ID[:])
	for _, text := range []*string{&t.API, &t.Account, &t.Email, &t.Service, &t.Note} {
		*text = string(r.Bytes())
	}
	flags := r.Byte()
	t.ReadOnly = flags&bitReadOnly != 0
	t.Created, t.Expires = r.Time(), r.Time()
	if r.Done() != nil || t.API == "" || flags&^bitReadOnly != 0 {
		return Token{}, ErrDamaged
	}
	return t, nil
}
