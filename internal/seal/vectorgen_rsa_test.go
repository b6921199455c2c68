package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// keyDER returns a private key of testdata/keys as PKCS#8. They are for tests
// alone: everybody has them.
func keyDER(t testing.TB, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(must(os.ReadFile(filepath.Join("testdata", "keys", name+".pem")))(t))
	return block.Bytes
}

func rsaPrivate(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	return must(x509.ParsePKCS8PrivateKey(keyDER(t, name)))(t).(*rsa.PrivateKey)
}

func spki(t testing.TB, name string) []byte {
	t.Helper()
	return must(x509.MarshalPKIXPublicKey(&rsaPrivate(t, name).PublicKey))(t)
}

// mgf1 is the mask generation function of RFC 8017 with SHA-256.
func mgf1(seed []byte, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(bytes.Clone(seed), i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func xor(a, b []byte) []byte {
	out := bytes.Clone(a)
	for i := range out {
		out[i] ^= b[i]
	}
	return out
}

// oaep is RSAES-OAEP of RFC 8017 with SHA-256 and a seed of c0..df.
func oaep(public *rsa.PublicKey, plain, label []byte) []byte {
	k, seed, lhash := public.Size(), run(0xc0, 32), sha256.Sum256(label)
	db := slices.Concat(lhash[:], make([]byte, k-len(plain)-2*32-2), []byte{1}, plain)
	masked := xor(db, mgf1(seed, len(db)))
	em := slices.Concat([]byte{0}, xor(seed, mgf1(masked, 32)), masked)
	c := new(big.Int).Exp(new(big.Int).SetBytes(em), big.NewInt(int64(public.E)), public.N)
	return c.FillBytes(make([]byte, k))
}

// A wrapRSA says how a version 2 wrap for a vault with members is made.
type wrapRSA struct {
	vault, recipient, sender byte
	version                  uint64
	key                      []byte
	check, label             []byte // in place of the right ones
}

func (w wrapRSA) make(public *rsa.PublicKey) []byte {
	vault, ver := bytes.Repeat([]byte{w.vault}, 16), binary.BigEndian.AppendUint64(nil, w.version)
	if w.check == nil {
		w.check = derive(w.key, "keyhold/check/2"+string(vault)+string(ver))
	}
	head := slices.Concat([]byte{2, 2, 2}, ver, vault, bytes.Repeat([]byte{w.recipient}, 16), bytes.Repeat([]byte{w.sender}, 16), w.check)
	if w.label == nil {
		sum := sha256.Sum256(head)
		w.label = sum[:]
	}
	return append(head, oaep(public, w.key, w.label)...)
}

func sharedWrap() wrapRSA {
	return wrapRSA{vault: 0x11, recipient: 0x22, sender: 0x44, version: 1, key: run(0x40, 32)}
}

func vectorsRSA(t *testing.T, list *[]vector) {
	t.Helper()
	aead := aesGCM(run(0x80, 32))
	one := func(plain []byte) []byte { return gcm(aead, 1, plain, nil) }
	der, public := keyDER(t, "rsa2048"), spki(t, "rsa2048")
	m := maker{"rsaprivate1", map[string]string{"key": hex.EncodeToString(run(0x80, 32)), "text": hex.EncodeToString(public)}, list}
	good := one(der)
	m.add("ok", "2048", "a key of 2048 bits", good)
	m.add("ok", "4096", "a key of 4096 bits", one(keyDER(t, "rsa4096")), "text", hex.EncodeToString(spki(t, "rsa4096")))
	m.blobs(good)
	m.add("damaged", "1024", "a key of 1024 bits", one(keyDER(t, "rsa1024")))
	m.add("damaged", "pkcs1", "PKCS#1", one(x509.MarshalPKCS1PrivateKey(rsaPrivate(t, "rsa2048"))))
	m.add("damaged", "ec", "a key for ECDSA", one(keyDER(t, "ec256")))
	m.add("damaged", "trailing", "a byte after the DER", one(append(bytes.Clone(der), 0)))
	m.add("damaged", "der-truncated", "last byte of the DER is missing", one(der[:len(der)-1]))
	m.add("damaged", "modulus-flipped", "the modulus is not the product of the primes", one(flip(der, 60)))

	m = maker{"rsapublic", map[string]string{"text": hex.EncodeToString(public)}, list}
	pkcs1 := x509.MarshalPKCS1PublicKey(&rsaPrivate(t, "rsa2048").PublicKey)
	m.add("ok", "spki", "SubjectPublicKeyInfo", public)
	m.add("ok", "spki-4096", "a key of 4096 bits", spki(t, "rsa4096"), "text", hex.EncodeToString(spki(t, "rsa4096")))
	m.add("ok", "pkcs1", "PKCS#1 is read as well", pkcs1)
	m.lengths(public)
	m.add("damaged", "pkcs1-longer", "PKCS#1 with a byte after it", append(bytes.Clone(pkcs1), 0))
	m.add("damaged", "1024", "a key of 1024 bits", spki(t, "rsa1024"))
	m.add("damaged", "ec", "a key for ECDSA", must(x509.MarshalPKIXPublicKey(&must(x509.ParsePKCS8PrivateKey(keyDER(t, "ec256")))(t).(*ecdsa.PrivateKey).PublicKey))(t))
	n := rsaPrivate(t, "rsa2048").N
	of := func(n *big.Int, e int) []byte { return x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: e}) }
	m.add("damaged", "even", "the modulus is even", of(new(big.Int).Sub(n, big.NewInt(1)), 65537))
	m.add("damaged", "exponent-1", "the exponent is 1", of(n, 1))
	m.add("damaged", "exponent-even", "the exponent is even", of(n, 65536))
	m.add("damaged", "exponent-large", "the exponent has more than 31 bits", of(n, 1<<31+1))
	m.add("damaged", "8200", "a modulus of 8200 bits", of(new(big.Int).SetBytes(bytes.Repeat([]byte{0xff}, 1025)), 65537))

	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x33}, 32))
	sign := func(b []byte) string { return hex.EncodeToString(ed25519.Sign(private, b)) }
	m = maker{"rsasignature", map[string]string{
		"public": hex.EncodeToString(private[32:]), "signature": sign(public), "text": hex.EncodeToString(public),
	}, list}
	m.add("ok", "spki", "over the SPKI", public)
	m.add("ok", "pkcs1", "the key is sent as PKCS#1, the SPKI is signed", pkcs1)
	m.add("damaged", "over-pkcs1", "over the PKCS#1", pkcs1, "signature", sign(pkcs1))
	m.add("damaged", "other-key", "another RSA key", spki(t, "rsa2048b"))
	m.add("damaged", "other-signer", "another user's public key", public, "public", id(0x44)+id(0x44))
	m.add("damaged", "none", "no signature", public, "signature", "")
}

func vectorsWrapRSA(t *testing.T, list *[]vector) {
	t.Helper()
	public := &rsaPrivate(t, "rsa2048").PublicKey
	m := maker{"wraprsa1", map[string]string{"rsa": "rsa2048", "text": hex.EncodeToString(run(0x40, 32))}, list}
	one := append([]byte{1, 2}, oaep(public, run(0x40, 32), nil)...)
	m.add("ok", "2048", "a key of 2048 bits", one)
	m.add("ok", "4096", "a key of 4096 bits", append([]byte{1, 2}, oaep(&rsaPrivate(t, "rsa4096").PublicKey, run(0x40, 32), nil)...), "rsa", "rsa4096")
	m.lengths(one)
	m.heads(one, 3)
	m.add("damaged", "body-flipped", "a bit of the body is flipped", flip(one, 20))
	m.add("damaged", "label", "with a label", append([]byte{1, 2}, oaep(public, run(0x40, 32), []byte("x"))...))
	m.add("damaged", "other-key", "another RSA key of that length", one, "rsa", "rsa2048b")
	m.add("damaged", "other-length", "an RSA key of another length", one, "rsa", "rsa4096")
	m.add("damaged", "zero-key", "the wrapped key is all zero", append([]byte{1, 2}, oaep(public, make([]byte, 32), nil)...))
	m.add("damaged", "short-key", "the wrapped key has 31 bytes", append([]byte{1, 2}, oaep(public, run(0x40, 31), nil)...))

	m = maker{"wraprsa2", map[string]string{
		"rsa": "rsa2048", "vault": id(0x11), "version": "0000000000000001", "recipient": id(0x22), "sender": id(0x44),
		"text": hex.EncodeToString(run(0x40, 32)),
	}, list}
	good := sharedWrap().make(public)
	with := func(change func(*wrapRSA)) []byte {
		w := sharedWrap()
		change(&w)
		return w.make(public)
	}
	m.add("ok", "shared", "a vault with members", good)
	m.add("ok", "4096", "a key of 4096 bits", sharedWrap().make(&rsaPrivate(t, "rsa4096").PublicKey), "rsa", "rsa4096")
	m.add("ok", "rekeyed", "key version 2", with(func(w *wrapRSA) { w.version = 2 }), "version", "0000000000000002")
	m.lengths(good)
	m.heads(good, 1)
	m.add("damaged", "alg-kw", "AES-KW as algorithm of a vault with members", set(good, 1, 3))
	m.add("damaged", "type-1", "RSA as algorithm of a personal vault", set(good, 2, 1))
	m.add("unsupported", "type-3", "unknown type byte", set(good, 2, 3))
	m.add("damaged", "wrong-label", "the label is of another head", with(func(w *wrapRSA) { w.label = run(0, 32) }))
	m.add("damaged", "no-label", "an empty label, as in version 1", with(func(w *wrapRSA) { w.label = []byte{} }))
	m.add("damaged", "wrong-recipient", "made for another user, and asked for so", good, "recipient", id(0x23))
	m.add("damaged", "moved-recipient", "passed off as another user's: the label is for the first", set(good, 27, 0x23), "recipient", "23"+id(0x22)[2:])
	m.add("damaged", "moved-sender", "passed off as another sender's: the label is for the first", set(good, 43, 0x45), "sender", "45"+id(0x44)[2:])
	m.add("damaged", "wrong-vault", "made for another vault", good, "vault", id(0x12))
	m.add("damaged", "moved-vault", "passed off as another vault's", set(good, 11, 0x12), "vault", "12"+id(0x11)[2:])
	m.add("damaged", "wrong-key-version", "it was made for key version 1, not 2", good, "version", "0000000000000002")
	m.add("damaged", "moved-key-version", "passed off as key version 2", set(good, 10, 2), "version", "0000000000000002")
	m.add("damaged", "key-version-0", "key version 0, asked for", with(func(w *wrapRSA) { w.version = 0 }), "version", "0000000000000000")
	m.add("damaged", "wrong-check", "the check value is of another key, the label right", with(func(w *wrapRSA) { w.check = run(0, 32) }))
	m.add("damaged", "check-flipped", "a bit of the check value is flipped", flip(good, 59))
	m.add("damaged", "body-flipped", "a bit of the body is flipped", flip(good, 100))
	m.add("damaged", "other-key", "another RSA key of that length", good, "rsa", "rsa2048b")
	m.add("damaged", "other-length", "an RSA key of another length", good, "rsa", "rsa4096")
	m.add("damaged", "zero-key", "the wrapped key is all zero", with(func(w *wrapRSA) { w.key = make([]byte, 32) }))
	m.add("damaged", "personal", "the wrap of a personal vault", wrap2(run(0x80, 32), run(0x40, 32), 0x11, 1), "sender", id(0x22))

	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x33}, 32))
	sign := func(b []byte) string { return hex.EncodeToString(ed25519.Sign(private, b)) }
	m = maker{"signature1", map[string]string{
		"public": hex.EncodeToString(private[32:]), "vault": id(0x11), "recipient": id(0x22), "signature": sign(one), "text": "01",
	}, list}
	bound := sign(append([]byte(vaultID.String()+userID.String()), one...))
	m.add("ok", "rsa-plain", "over an RSA wrap", one)
	m.add("ok", "rsa-bound", "over vault, recipient and an RSA wrap", one, "signature", bound, "text", "02")
	m.add("damaged", "rsa-elsewhere", "the bound form, shown for another vault", one, "signature", bound, "vault", id(0x12))
	m = maker{"signature2", map[string]string{"public": hex.EncodeToString(private[32:]), "signature": sign(good), "text": "02"}, list}
	m.add("ok", "rsa", "over all bytes of an RSA wrap", good)
	m.add("damaged", "rsa-flipped", "a bit of the last byte of an RSA wrap is flipped", flip(good, len(good)-1))
}
