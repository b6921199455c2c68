package seal

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	indexInfo = "keyhold/name-index/2"
	tagsInfo  = "keyhold/tags/2"
	tagsStep  = 32
)

// local is what is kept beside the items of both kinds of vault on this
// machine alone: the index of names and a copy of the tags.
type local struct {
	index []byte
	tags  cipher.AEAD
}

func newLocal(vaultKey []byte) (local, error) {
	x, err := expand(vaultKey, indexInfo)
	if err != nil {
		return local{}, err
	}
	k, err := expand(vaultKey, tagsInfo)
	if err != nil {
		return local{}, err
	}
	defer clear(k)
	aead, err := newGCM(k)
	return local{index: x, tags: aead}, err
}

// NameIndex is HMAC-SHA-256 of the NFC form.
func (l *local) NameIndex(name string) [32]byte {
	if !norm.NFC.IsNormalString(name) {
		name = norm.NFC.String(name)
	}
	mac := hmac.New(sha256.New, l.index)
	io.WriteString(mac, name) //nolint:errcheck // a hash never fails
	return [32]byte(mac.Sum(nil))
}

func tagsAAD(item ID) []byte { return append([]byte(tagsInfo), item[:]...) }

// SealTags seals each tag behind its length, an unsigned varint.
func (l *local) SealTags(rand io.Reader, item ID, tags []string) ([]byte, error) {
	if len(tags) == 0 {
		return nil, errEmpty
	}
	var text []byte
	for _, t := range tags {
		text = append(binary.AppendUvarint(text, uint64(len(t))), t...)
	}
	return sealGCM(l.tags, rand, KindBound, text, pad(len(text), tagsStep), tagsAAD(item))
}

func (l *local) OpenTags(item ID, blob []byte) ([]string, error) {
	text, err := openGCM(l.tags, nil, KindBound, blob, tagsAAD(item))
	if err != nil {
		return nil, err
	}
	if text, err = unpad(text, tagsStep); err != nil {
		return nil, err
	}
	var tags []string
	for len(text) > 0 {
		n, size := binary.Uvarint(text)
		if size <= 0 || n > uint64(len(text)-size) {
			return nil, damaged("a tag is cut off")
		}
		tag := text[size : size+int(n)] //nolint:gosec // n is at most the length of text
		if !utf8.Valid(tag) {
			return nil, damaged("a tag is not UTF-8")
		}
		tags, text = append(tags, string(tag)), text[size+int(n):] //nolint:gosec // as above
	}
	if tags == nil {
		return nil, damaged("there are no tags in it")
	}
	return tags, nil
}
