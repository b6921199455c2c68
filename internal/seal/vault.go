package seal

import (
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
)

var (
	errEmpty = errors.New("nothing to seal")
	errName  = errors.New("name is not valid UTF-8")
)

// A Kind is one of the two ways in which a vault is sealed. Its number is the
// version byte of the vault's envelopes.
type Kind uint8

const (
	// KindCompatible is envelope version 1, which other clients read and
	// write. Its blobs do not say which item they belong to.
	KindCompatible Kind = 1
	// KindBound is envelope version 2: every blob is bound to its vault, key
	// version, item and field.
	KindBound Kind = 2
)

// String returns "compatible", "bound" or "unknown".
func (k Kind) String() string {
	switch k {
	case KindCompatible:
		return "compatible"
	case KindBound:
		return "bound"
	default:
		return "unknown"
	}
}

// KindOf returns the kind that a wrapped vault key, or a blob, is of by its
// first byte. The first wrap that is seen of a vault decides its kind for
// ever. ErrDamaged if envelope is empty, ErrUnsupported for unknown versions.
func KindOf(envelope []byte) (Kind, error) {
	if len(envelope) == 0 {
		return 0, damaged("it is empty")
	}
	switch k := Kind(envelope[0]); k {
	case KindCompatible, KindBound:
		return k, nil
	default:
		return 0, unsupported("unknown envelope version")
	}
}

// A Vault seals and opens the items of one vault, of either kind. It may be
// used from several goroutines. It keeps its own copies of the keys, which
// live as long as it does: wiping the VaultKey does not stop it.
type Vault interface {
	// SealName seals the name of an item, which has to be valid UTF-8.
	SealName(rand io.Reader, item ID, name string) ([]byte, error)
	// SealData seals the data of an item, which must not be empty.
	SealData(rand io.Reader, item ID, data secret.Bytes) ([]byte, error)
	// OpenName opens what SealName made for that item. Errors are ErrDamaged,
	// also for a name that is not UTF-8, or ErrUnsupported.
	OpenName(item ID, blob []byte) (string, error)
	// OpenData opens what SealData made for that item, with the same errors.
	OpenData(item ID, blob []byte) (secret.Bytes, error)
	// NameIndex returns the value by which an item with exactly this name is
	// found. Names that differ only in Unicode normalisation share it.
	NameIndex(name string) [32]byte
	// SealTags seals the tags of an item, of which there must be some, for a
	// copy beside the item that never leaves this machine.
	SealTags(rand io.Reader, item ID, tags []string) ([]byte, error)
	// OpenTags opens what SealTags made for that item, or is ErrDamaged.
	OpenTags(item ID, blob []byte) ([]string, error)
}

// A scratch holds what opening one name needs, to be used again for the next:
// listing opens many thousands.
type scratch struct {
	aad  [aadSize]byte
	text []byte
}

type scratches struct{ pool sync.Pool }

func (p *scratches) take() *scratch {
	if s, ok := p.pool.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

func (p *scratches) give(s *scratch) {
	clear(s.text)
	p.pool.Put(s)
}

// nameOf returns the name in an unpadded plaintext.
func nameOf(text []byte) (string, error) {
	if !utf8.Valid(text) {
		return "", damaged("the name is not UTF-8")
	}
	return string(text), nil
}
