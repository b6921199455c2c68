package seal_test

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Values that the published test vectors use.
const (
	kekText      = "a7fe3eb8f898393305a3096819bf09efa54798445b27f257d0b8eae8397d6248"
	blobWrapText = "+75bbe6U5XOw16oDxxOAw4OADtfK4eDwtzYQOoU0qMzJv0f6p3Oxn6irnF74Uvt5"
	blobText     = "eCLl67U4gvxIzB2jsIsbjGf8n4G2Gn9UQIPGx8qD"
	emptyBlob    = `{"entries":[]}`
)

func vectorsBlob(t *testing.T, list *[]vector) {
	t.Helper()
	kek := aesGCM(unhex(t, kekText))
	iv := run(0xa0, 12)
	wrap := func(key []byte) []byte { return kek.Seal(nil, iv, key, nil) }
	m := maker{"blobwrap", map[string]string{"key": kekText, "iv": hex.EncodeToString(iv), "text": hex.EncodeToString(run(0x40, 32))}, list}
	good := wrap(run(0x40, 32))
	equal(t, "published wrap", good, unbase64(t, blobWrapText))
	m.add("ok", "wrap", "the published one", good)
	m.bare(good)
	m.add("damaged", "short-key", "it holds 31 bytes", wrap(run(0x40, 31)))
	m.add("damaged", "long-key", "it holds 33 bytes", wrap(run(0x40, 33)))
	m.add("damaged", "zero-key", "the wrapped key is all zero", wrap(make([]byte, 32)))
	m.add("damaged", "with-iv", "the iv stands before it, as in wraps for members", append(bytes.Clone(iv), good...))
	m.add("damaged", "with-aad", "sealed with additional data", kek.Seal(nil, iv, run(0x40, 32), []byte("x")))

	key := aesGCM(run(0x40, 32))
	iv = run(0xb0, 12)
	m = maker{"blob", map[string]string{
		"key": hex.EncodeToString(run(0x40, 32)), "iv": hex.EncodeToString(iv), "text": hex.EncodeToString([]byte(emptyBlob)),
	}, list}
	good = key.Seal(nil, iv, []byte(emptyBlob), nil)
	equal(t, "published blob", good, unbase64(t, blobText))
	m.add("ok", "no-entries", "the published one", good)
	m.bare(good)
	m.add("damaged", "no-ciphertext", "a tag over nothing", key.Seal(nil, iv, nil, nil))
	m.add("damaged", "with-aad", "sealed with additional data", key.Seal(nil, iv, []byte(emptyBlob), []byte("x")))
	m.add("damaged", "derived-key", "sealed under the key of version 2",
		aesGCM(derive(run(0x40, 32), "keyhold/item/2")).Seal(nil, iv, []byte(emptyBlob), nil))
}

// bare adds what ciphertexts without an envelope have in common.
func (m maker) bare(good []byte) {
	m.add("damaged", "empty", "nothing at all", nil)
	m.add("damaged", "tag-only", "the tag alone", good[len(good)-16:])
	m.add("damaged", "truncated", "last byte is missing", good[:len(good)-1])
	m.add("damaged", "longer", "one byte too many", append(bytes.Clone(good), 0))
	m.add("damaged", "flipped", "a bit of the first byte is flipped", flip(good, 0))
	m.add("damaged", "tag-flipped", "a bit of the last byte is flipped", flip(good, len(good)-1))
	m.add("damaged", "tag-first", "the tag stands first", append(bytes.Clone(good[len(good)-16:]), good[:len(good)-16]...))
	m.add("damaged", "other-key", "the key is another one", good, "key", hex.EncodeToString(run(0x41, 32)))
	m.add("damaged", "other-iv", "the iv is another one", good, "iv", hex.EncodeToString(run(0xa1, 12)))
	m.add("damaged", "iv-11", "the iv is too short", good, "iv", hex.EncodeToString(run(0xa0, 11)))
	m.add("damaged", "iv-16", "the iv is too long", good, "iv", hex.EncodeToString(run(0xa0, 16)))
	m.add("damaged", "no-iv", "there is no iv", good, "iv", "")
}
