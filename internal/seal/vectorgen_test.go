package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

// A maker collects vectors of one folder that share their inputs.
type maker struct {
	dir  string
	in   map[string]string
	list *[]vector
}

// add adds a vector; pairs of key and value replace inputs. Only a vector
// that opens keeps what says what comes out.
func (m maker) add(expect, name, comment string, body []byte, pairs ...string) {
	in := maps.Clone(m.in)
	if expect != "ok" {
		delete(in, "text")
		delete(in, "index")
	}
	for i := 0; i < len(pairs); i += 2 {
		in[pairs[i]] = pairs[i+1]
	}
	*m.list = append(*m.list, vector{m.dir, name, expect, comment, in, body})
}

// lengths adds the values of wrong lengths that every format refuses.
func (m maker) lengths(good []byte) {
	m.add("damaged", "empty", "nothing at all", nil)
	m.add("damaged", "one-byte", "only the version byte", good[:1])
	m.add("damaged", "truncated", "last byte is missing", good[:len(good)-1])
	m.add("damaged", "longer", "one byte too many", append(bytes.Clone(good), 0))
}

// heads adds the values whose first two bytes are wrong.
func (m maker) heads(good []byte, otherAlg byte) {
	m.add("unsupported", "version-0", "version byte 0", set(good, 0, 0))
	m.add("unsupported", "version-3", "version byte 3", set(good, 0, 3))
	m.add("damaged", "other-version", "version byte of the other kind of vault", set(good, 0, 3-good[0]))
	m.add("damaged", "other-alg", "algorithm byte of another use", set(good, 1, otherAlg))
	m.add("unsupported", "alg-9", "unknown algorithm byte", set(good, 1, 9))
}

// blobs adds what every AES-GCM blob has in common.
func (m maker) blobs(good []byte) {
	m.lengths(good)
	m.heads(good, 3)
	m.add("damaged", "head-only", "two bytes and a nonce", good[:14])
	m.add("damaged", "no-ciphertext", "nonce and tag only", append(bytes.Clone(good[:14]), good[len(good)-16:]...))
	m.add("damaged", "nonce-flipped", "first bit of the nonce is flipped", flip(good, 2))
	m.add("damaged", "ciphertext-flipped", "a bit of the first byte of the ciphertext is flipped", flip(good, 14))
	m.add("damaged", "tag-flipped", "a bit of the last byte of the tag is flipped", flip(good, len(good)-1))
	m.add("damaged", "other-key", "the key is another one", good, "key", hex.EncodeToString(run(0x41, 32)))
}

func set(b []byte, i int, v byte) []byte {
	b = bytes.Clone(b)
	b[i] = v
	return b
}

func flip(b []byte, i int) []byte { return set(b, i, b[i]^1) }

func aesGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func derive(key []byte, info string) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, info, 32)
	if err != nil {
		panic(err)
	}
	return out
}

// filled pads with 80 00… to n bytes; filled7 with PKCS#7 bytes.
func filled(text string, n int) []byte {
	return append(append([]byte(text), 0x80), make([]byte, n-len(text)-1)...)
}

func filled7(text string, n int) []byte {
	p := n - len(text)
	return append([]byte(text), bytes.Repeat([]byte{byte(p)}, p)...)
}

func id(b byte) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, 16)) }

func vectors(t *testing.T) []vector {
	t.Helper()
	var list []vector
	vectorsV1(&list)
	vectorsNames(&list)
	vectorsData(&list)
	vectorsWrap(&list)
	vectorsSignature(t, &list)
	vectorsIdentity(t, &list)
	vectorsKeySet(&list)
	vectorsRSA(t, &list)
	vectorsWrapRSA(t, &list)
	vectorsBlob(t, &list)
	return list
}

func vectorsV1(list *[]vector) {
	key := hex.EncodeToString(run(0x40, 32))
	aead := aesGCM(run(0x40, 32))
	one := func(plain []byte) []byte { return gcm(aead, 1, plain, nil) }

	m := maker{"name1", map[string]string{"key": key, "item": id(0x33), "text": hex.EncodeToString([]byte("GitHub"))}, list}
	good := one(filled7("GitHub", 32))
	m.add("ok", "name", "GitHub, padded to one block", good)
	m.add("ok", "any-item", "version 1 does not bind the item", good, "item", id(0x34))
	whole := "a name of exactly thirty-two b.."
	m.add("ok", "whole-block", "32 bytes are followed by a whole block of padding", one(filled7(whole, 64)), "text", hex.EncodeToString([]byte(whole)))
	m.add("ok", "empty-name", "a block of padding alone", one(filled7("", 32)), "text", "")
	m.blobs(good)
	m.add("damaged", "padding-zero", "last byte of the padding is 0", one(make([]byte, 32)))
	m.add("damaged", "padding-33", "last byte of the padding is more than a block", one(bytes.Repeat([]byte{33}, 64)))
	m.add("damaged", "padding-uneven", "a byte of the padding differs from the last one", one(flip(filled7("GitHub", 32), 10)))
	m.add("damaged", "not-padded", "six bytes without padding", one([]byte("GitHub")))
	m.add("damaged", "not-utf8", "the name is not UTF-8", one(filled7("\xff\xfe", 32)))
	m.add("damaged", "with-aad", "sealed with additional data", gcm(aead, 1, filled7("GitHub", 32), []byte("x")))

	m = maker{"data1", map[string]string{"key": key, "item": id(0x33), "text": hex.EncodeToString([]byte(loginJSON))}, list}
	good = one([]byte(loginJSON))
	m.add("ok", "data", "a login, not padded", good)
	m.blobs(good)

	key = encText
	enc, _ := hex.DecodeString(key)
	block, _ := aes.NewCipher(enc)
	kw, _ := josecipher.KeyWrap(block, run(0x40, 32))
	last := slices.Concat([]byte{1, 3}, kw[8:], kw[:8])
	m = maker{"wrap1", map[string]string{"key": key, "text": hex.EncodeToString(run(0x40, 32))}, list}
	m.add("ok", "tag-last", "the order that is written: check value last", last)
	m.add("ok", "rfc-order", "the order of RFC 3394 is read as well", append([]byte{1, 3}, kw...))
	m.lengths(last)
	m.heads(last, 1)
	m.add("damaged", "rsa", "an RSA-OAEP wrap, which the stretched key does not open", append([]byte{1, 2}, make([]byte, 256)...))
	m.add("damaged", "key-flipped", "a bit of the first byte is flipped", flip(last, 2))
	m.add("damaged", "check-flipped", "a bit of the check value is flipped", flip(last, 41))
	m.add("damaged", "other-key", "the stretched key is another one", last, "key", hex.EncodeToString(run(0x41, 32)))
	zero, _ := josecipher.KeyWrap(block, make([]byte, 32))
	m.add("damaged", "zero-key", "the wrapped key is all zero", slices.Concat([]byte{1, 3}, zero[8:], zero[:8]))
}

func aad2(field byte, vault byte, version uint64, item byte) []byte {
	b := append([]byte("keyhold/item/2"), field)
	b = append(b, bytes.Repeat([]byte{vault}, 16)...)
	b = binary.BigEndian.AppendUint64(b, version)
	return append(b, bytes.Repeat([]byte{item}, 16)...)
}

func inputs2(text string) map[string]string {
	return map[string]string{
		"key": hex.EncodeToString(run(0x40, 32)), "vault": id(0x11), "version": "0000000000000001",
		"item": id(0x33), "text": hex.EncodeToString([]byte(text)),
	}
}

// bindings adds the blobs that were made for something else.
func (m maker) bindings(good []byte, field byte, plain []byte) {
	aead := aesGCM(derive(run(0x40, 32), "keyhold/item/2"))
	m.add("damaged", "other-vault", "it was made for another vault", good, "vault", id(0x12))
	m.add("damaged", "other-key-version", "it was made for key version 1, not 2", good, "version", "0000000000000002")
	m.add("damaged", "other-item", "it was made for another item", good, "item", id(0x34))
	m.add("damaged", "other-field", "it was made for the other field", gcm(aead, 2, plain, aad2(3-field, 0x11, 1, 0x33)))
	m.add("damaged", "no-aad", "sealed without additional data", gcm(aead, 2, plain, nil))
	m.add("damaged", "vault-key-itself", "sealed under the vault key, not the item key",
		gcm(aesGCM(run(0x40, 32)), 2, plain, aad2(field, 0x11, 1, 0x33)))
	m.add("damaged", "version-1", "a version 1 blob under the vault key", gcm(aesGCM(run(0x40, 32)), 1, plain, nil))
}

func vectorsNames(list *[]vector) {
	aead := aesGCM(derive(run(0x40, 32), "keyhold/item/2"))
	two := func(plain []byte) []byte { return gcm(aead, 2, plain, aad2(1, 0x11, 1, 0x33)) }
	m := maker{"name2", inputs2("GitHub"), list}
	good := two(filled("GitHub", 32))
	m.add("ok", "name", "GitHub, padded to one step", good, "index", indexText)
	whole := "a name of exactly thirty-two b.."
	m.add("ok", "whole-step", "32 bytes take 64", two(filled(whole, 64)), "text", hex.EncodeToString([]byte(whole)))
	m.add("ok", "empty-name", "padding alone", two(filled("", 32)), "text", "")
	m.add("ok", "ends-like-padding", "a name that ends with zero bytes", two(filled("a\x00\x00", 32)), "text", "610000")
	m.add("ok", "longest", "31 bytes and one of padding", two(filled(whole[:31], 32)), "text", hex.EncodeToString([]byte(whole[:31])))
	m.blobs(good)
	m.bindings(good, 1, filled("GitHub", 32))
	m.add("damaged", "not-padded", "32 bytes without padding", two([]byte(whole)))
	m.add("damaged", "not-a-step", "padded to 16 bytes", two(filled("GitHub", 16)))
	m.add("damaged", "padding-zero", "no 80 in front of the zeros", two(append([]byte("GitHub"), make([]byte, 26)...)))
	m.add("damaged", "padding-long", "a whole step of padding too much", two(filled("GitHub", 64)))
	m.add("damaged", "padding-pkcs7", "padded as in version 1", two(filled7("GitHub", 32)))
	m.add("damaged", "padding-dirty", "a byte after the 80 is not zero", two(set(filled("GitHub", 32), 20, 1)))
	m.add("damaged", "not-utf8", "the name is not UTF-8", two(filled("\xff\xfe", 32)))
}

func vectorsData(list *[]vector) {
	aead := aesGCM(derive(run(0x40, 32), "keyhold/item/2"))
	two := func(plain []byte) []byte { return gcm(aead, 2, plain, aad2(2, 0x11, 1, 0x33)) }
	m := maker{"data2", inputs2(loginJSON), list}
	good := two(filled(loginJSON, 128))
	m.add("ok", "data", "a login, padded to one step", good)
	whole := bytes.Repeat([]byte{'x'}, 128)
	m.add("ok", "whole-step", "128 bytes take 256", two(filled(string(whole), 256)), "text", hex.EncodeToString(whole))
	m.blobs(good)
	m.bindings(good, 2, filled(loginJSON, 128))
	m.add("damaged", "no-data", "padding alone", two(filled("", 128)))
	m.add("damaged", "name-as-data", "the name of the same item", gcm(aead, 2, filled("GitHub", 32), aad2(1, 0x11, 1, 0x33)))
	m.add("damaged", "not-padded", "not padded, as in version 1", two([]byte(loginJSON)))
	m.add("damaged", "step-of-names", "padded to 32-byte steps", two(filled(loginJSON, 64)))
	m.add("damaged", "padding-zero", "no 80 in front of the zeros", two(make([]byte, 128)))
	m.add("damaged", "padding-long", "a whole step of padding too much", two(filled(loginJSON, 256)))
	m.add("damaged", "padding-dirty", "last byte of the padding is 1", two(set(filled(loginJSON, 128), 127, 1)))
}

// wrap2 is a version 2 wrap by the specification.
func wrap2(stretched, vaultKey []byte, vault byte, version uint64) []byte {
	block, err := aes.NewCipher(stretched)
	if err != nil {
		panic(err)
	}
	kw, err := josecipher.KeyWrap(block, vaultKey)
	if err != nil {
		panic(err)
	}
	v := bytes.Repeat([]byte{vault}, 16)
	ver := binary.BigEndian.AppendUint64(nil, version)
	user := bytes.Repeat([]byte{0x22}, 16)
	check := derive(vaultKey, "keyhold/check/2"+string(v)+string(ver))
	return slices.Concat([]byte{2, 3, 1}, ver, v, user, user, check, kw)
}

func vectorsWrap(list *[]vector) {
	good := wrap2(run(0x80, 32), run(0x40, 32), 0x11, 1)
	m := maker{"wrap2", map[string]string{
		"key": hex.EncodeToString(run(0x80, 32)), "vault": id(0x11), "version": "0000000000000001",
		"recipient": id(0x22), "sender": id(0x22), "text": hex.EncodeToString(run(0x40, 32)),
	}, list}
	m.add("ok", "personal", "a personal vault", good)
	m.add("ok", "rekeyed", "key version 2", wrap2(run(0x80, 32), run(0x40, 32), 0x11, 2), "version", "0000000000000002")
	m.lengths(good)
	m.heads(good, 1)
	m.add("damaged", "two-bytes", "no type byte", good[:2])
	m.add("damaged", "version-1", "a version 1 wrap of the same key", slices.Concat([]byte{1, 3}, good[99:], good[91:99]))
	m.add("damaged", "alg-gcm", "algorithm byte of AES-GCM", set(good, 1, 1))
	m.add("damaged", "alg-rsa", "RSA as algorithm of a personal vault", set(good, 1, 2))
	m.add("damaged", "type-2", "AES-KW as algorithm of a vault with members", set(good, 2, 2))
	m.add("unsupported", "type-0", "unknown type byte", set(good, 2, 0))
	m.add("damaged", "rsa", "an RSA-OAEP wrap, which the stretched key does not open", slices.Concat([]byte{2, 2, 2}, good[3:91], make([]byte, 256)))
	m.add("damaged", "key-version-0", "key version 0, asked for", wrap2(run(0x80, 32), run(0x40, 32), 0x11, 0), "version", "0000000000000000")
	m.add("damaged", "key-version-flipped", "a bit of the key version is flipped", flip(good, 10))
	m.add("damaged", "vault-flipped", "a bit of the vault id is flipped", flip(good, 11))
	m.add("damaged", "recipient-flipped", "a bit of the recipient is flipped", flip(good, 27))
	m.add("damaged", "sender-flipped", "a bit of the sender is flipped", flip(good, 43))
	m.add("damaged", "check-flipped", "a bit of the check value is flipped", flip(good, 59))
	m.add("damaged", "body-flipped", "a bit of the first byte of the body is flipped", flip(good, 91))
	m.add("damaged", "end-flipped", "a bit of the last byte of the body is flipped", flip(good, 130))
	m.add("damaged", "tag-last", "the body in the order of version 1", slices.Concat(good[:91], good[99:], good[91:99]))
	m.add("damaged", "moved", "put into another vault: the check value is for the first", flip(good, 11), "vault", "10"+id(0x11)[2:])
	m.add("damaged", "older-version", "passed off as key version 0x0101", set(good, 9, 1), "version", "0000000000000101")
	m.add("damaged", "other-recipient", "another user asks", good, "recipient", id(0x23))
	m.add("damaged", "other-key", "the stretched key is another one", good, "key", hex.EncodeToString(run(0x81, 32)))
	other := wrap2(run(0x80, 32), run(0x41, 32), 0x11, 1)
	m.add("damaged", "other-body", "the body holds another vault key", slices.Concat(good[:91], other[91:]))
	m.add("damaged", "zero-key", "the wrapped key is all zero", wrap2(run(0x80, 32), make([]byte, 32), 0x11, 1))
}

func vectorsSignature(t *testing.T, list *[]vector) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x33}, 32))
	public := hex.EncodeToString(private[32:])
	wrap := unbase64(t, wrap1Text)
	sign := func(b []byte) string { return hex.EncodeToString(ed25519.Sign(private, b)) }
	vault, user := "660e8400e29b41d4a716446655440000", "550e8400e29b41d4a716446655440000"
	bound := sign([]byte(sampleVault + sampleUser + string(wrap)))
	m := maker{"signature1", map[string]string{
		"public": public, "vault": vault, "recipient": user, "signature": sign(wrap), "text": "01",
	}, list}
	m.add("ok", "plain", "over the envelope", wrap)
	m.add("ok", "bound", "over vault, recipient and envelope", wrap, "signature", bound, "text", "02")
	m.add("ok", "plain-elsewhere", "the plain form does not say for which vault it is", wrap, "vault", id(0x11))
	m.add("damaged", "bound-elsewhere", "the bound form, shown for another vault", wrap, "signature", bound, "vault", id(0x11))
	m.add("damaged", "bound-recipient", "the bound form, shown to another recipient", wrap, "signature", bound, "recipient", id(0x22))
	m.add("damaged", "flipped", "a bit of the envelope is flipped", flip(wrap, 5))
	m.add("damaged", "short", "a signature of 63 bytes", wrap, "signature", sign(wrap)[:126])
	m.add("damaged", "none", "no signature", wrap, "signature", "")
	m.add("damaged", "other-signer", "another user's public key", wrap, "public", id(0x44)+id(0x44))
	m.add("damaged", "empty", "no envelope", nil)
	two := wrap2(run(0x80, 32), run(0x40, 32), 0x11, 1)
	m.add("damaged", "version-2", "a version 2 wrap with its own signature", two, "signature", sign(two))

	m = maker{"signature2", map[string]string{"public": public, "signature": sign(two), "text": "02"}, list}
	m.add("ok", "wrap", "over all bytes of the wrap", two)
	for i, name := range map[int]string{10: "key-version", 11: "vault", 27: "recipient", 43: "sender", 59: "check", 91: "body"} {
		m.add("damaged", name+"-flipped", "a bit of that part of the wrap is flipped", flip(two, i))
	}
	m.add("damaged", "flipped", "a bit of the signature is flipped", two, "signature", hex.EncodeToString(flip(unbase64(t, sign2Text), 63)))
	m.add("damaged", "bound", "the bound form of version 1", two, "signature", sign(slices.Concat([]byte(vaultID.String()+userID.String()), two)))
}

func vectorsIdentity(t *testing.T, list *[]vector) {
	aead := aesGCM(run(0x80, 32))
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x33}, 32))
	der := must(x509.MarshalPKCS8PrivateKey(private))(t)
	one := func(plain []byte) []byte { return gcm(aead, 1, plain, nil) }
	m := maker{"identity1", map[string]string{
		"key": hex.EncodeToString(run(0x80, 32)), "text": hex.EncodeToString(private.Seed()),
	}, list}
	good := one(der)
	m.add("ok", "pkcs8", "PKCS#8 version 1", good)
	long := slices.Concat(der, []byte{0x81, 0x21, 0x00}, private[32:])
	long[1], long[4] = 0x51, 1
	m.add("ok", "pkcs8-2", "PKCS#8 version 2 with the public key", one(long))
	m.blobs(good)
	m.add("damaged", "other-public", "the public key belongs to another private key", one(flip(long, len(long)-1)))
	m.add("damaged", "seed-only", "the seed without PKCS#8", one(private.Seed()))
	m.add("damaged", "x25519", "a key for X25519", one(set(der, 11, 0x6e)))
	m.add("damaged", "trailing", "a byte after the DER", one(append(bytes.Clone(der), 0)))
	m.add("damaged", "der-truncated", "last byte of the DER is missing", one(der[:47]))
	m.add("damaged", "zero-seed", "the seed is all zero", one(append(bytes.Clone(der[:16]), make([]byte, 32)...)))
}

func vectorsKeySet(list *[]vector) {
	entry := func(kind, vault byte, version uint64, key byte) []byte {
		b := append([]byte{kind}, bytes.Repeat([]byte{vault}, 16)...)
		return append(binary.BigEndian.AppendUint64(b, version), run(key, 32)...)
	}
	user, seed := bytes.Repeat([]byte{0x22}, 16), bytes.Repeat([]byte{0x33}, 32)
	a, b := entry(2, 0x11, 1, 0x40), entry(1, 0x12, 0, 0x41)
	set1 := func(n byte, entries ...[]byte) []byte {
		return slices.Concat([]byte{1}, user, seed, []byte{0, 3}, []byte("RSA"), []byte{0, n}, slices.Concat(entries...))
	}
	good := set1(2, a, b)
	m := maker{"keyset1", map[string]string{"text": hex.EncodeToString(user)}, list}
	m.add("ok", "two-vaults", "a bound and a compatible vault", good)
	m.add("ok", "no-vaults", "no vault and no RSA key", slices.Concat([]byte{1}, user, seed, make([]byte, 4)))
	m.lengths(good)
	m.add("unsupported", "version-0", "version byte 0", set(good, 0, 0))
	m.add("unsupported", "version-2", "version byte 2", set(good, 0, 2))
	m.add("damaged", "no-identity", "the seed is all zero", slices.Concat([]byte{1}, user, make([]byte, 32), make([]byte, 4)))
	m.add("damaged", "rsa-too-long", "the length of the RSA key is beyond the end", set(good, 49, 0xff))
	m.add("damaged", "count-too-large", "one vault more than there is", set1(3, a, b))
	m.add("damaged", "count-too-small", "one vault less than there is", set1(1, a, b))
	m.add("damaged", "not-sorted", "the vaults are not in order", set1(2, b, a))
	m.add("damaged", "twice", "the same vault twice", set1(2, a, a))
	m.add("damaged", "kind-0", "a vault of kind 0", set1(1, entry(0, 0x11, 0, 0x40)))
	m.add("damaged", "kind-3", "a vault of kind 3", set1(1, entry(3, 0x11, 1, 0x40)))
	m.add("damaged", "bound-version-0", "a bound vault with key version 0", set1(1, entry(2, 0x11, 0, 0x40)))
	m.add("damaged", "compatible-version-1", "a compatible vault with key version 1", set1(1, entry(1, 0x11, 1, 0x40)))
	m.add("damaged", "zero-key", "a vault key that is all zero", set1(1, append(a[:25:25], make([]byte, 32)...)))
}
