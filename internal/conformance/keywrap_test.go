package conformance

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/keyhold/keyhold/internal/seal"
)

type keyWrapGroup struct {
	KeySize int
	Tests   []keyWrapCase
}

type keyWrapCase struct {
	vector

	Key, Msg, CT hexBytes
}

func TestKeyWrap(t *testing.T) {
	t.Parallel()
	const file = "aes_wrap_test.json"
	var n tally
	for _, g := range load(t, file, func(g keyWrapGroup) int { return len(g.Tests) }) {
		for _, c := range g.Tests {
			switch {
			case g.KeySize != 256:
				n.leave("AES-128 or AES-192")
			case zero(c.Key):
				n.leave("all-zero key")
			default:
				n.fit(t, c.vector)
				c.jose(t)
				c.version1(t)
				if c.vaultKey() {
					n.Seal++
					c.version2(t)
				}
			}
		}
	}
	n.check(t, "AES-256 key wrap", file, tally{
		Valid: 13, Acceptable: 1, Invalid: 54, Seal: 16,
		Left: map[string]int{"AES-128 or AES-192": 97},
	})
}

// vaultKey reports whether what is wrapped can be a vault key.
func (c keyWrapCase) vaultKey() bool {
	return len(c.Msg) == seal.KeySize && len(c.CT) == seal.KeySize+8 && !zero(c.Msg)
}

// joseTakes are invalid cases that go-jose takes, because it wraps and unwraps
// any number of blocks by the rule that RFC 3394 has for two and more. Seal
// gives it 32 bytes to wrap and 40 to unwrap, never others.
var joseTakes = map[int]struct{ wrap, unwrap bool }{
	108: {wrap: true},               // no block at all: the constant check value
	110: {wrap: true, unwrap: true}, // one block, which RFC 3394 enciphers once
}

// jose runs the case, of whatever size, through the functions that seal uses.
func (c keyWrapCase) jose(t *testing.T) {
	block := must(aes.NewCipher(c.Key))(t)
	wrapped, wrapErr := josecipher.KeyWrap(block, c.Msg)
	text, err := josecipher.KeyUnwrap(block, c.CT)
	if c.Result == valid {
		made(t, c.vector, "KeyWrap", wrapped, wrapErr, c.CT)
		made(t, c.vector, "KeyUnwrap", text, err, c.Msg)
		return
	}
	// Some invalid cases are about unwrapping alone; those about wrapping have
	// a message of an impossible length or the result of a wrong method.
	wraps := wrapErr == nil && (len(c.Msg)%8 != 0 || bytes.Equal(wrapped, c.CT))
	if want := joseTakes[c.ID].wrap; wraps != want {
		t.Errorf("%v: KeyWrap takes it: %t, want %t", c, wraps, want)
	}
	if want := joseTakes[c.ID].unwrap; (err == nil) != want {
		t.Errorf("%v: KeyUnwrap takes it: %t, want %t", c, err == nil, want)
	}
}

// version1 runs the case through version 1 wraps, in both orders of their
// parts. What is no vault key has to be refused, however well it is wrapped.
func (c keyWrapCase) version1(t *testing.T) {
	k := must(seal.NewStretchedKey(bytes.Clone(c.Key)))(t)
	var want []byte
	if c.Result == valid && c.vaultKey() {
		want = c.Msg
	}
	if len(c.Msg) != seal.KeySize {
		key, err := seal.NewVaultKey(bytes.Clone(c.Msg))
		opened(t, c.vector, "NewVaultKey", key.Reveal(), err, nil)
	}
	key, err := k.UnwrapV1(join([]byte{1, 3}, c.CT))
	opened(t, c.vector, "UnwrapV1, order of the RFC", key.Reveal(), err, want)
	if len(c.CT) < 8 {
		return
	}
	envelope := join([]byte{1, 3}, c.CT[8:], c.CT[:8])
	key, err = k.UnwrapV1(envelope)
	opened(t, c.vector, "UnwrapV1, check value last", key.Reveal(), err, want)
	if want != nil {
		got, err := k.WrapV1(must(seal.NewVaultKey(bytes.Clone(c.Msg)))(t))
		made(t, c.vector, "WrapV1", got, err, envelope)
	}
}

// version2 puts a wrapped vault key into a version 2 wrap whose check value is
// right, so that nothing but the key wrap itself can find fault with it.
func (c keyWrapCase) version2(t *testing.T) {
	k := must(seal.NewStretchedKey(bytes.Clone(c.Key)))(t)
	vaultKey := must(seal.NewVaultKey(bytes.Clone(c.Msg)))(t)
	h := seal.Header{KeyVersion: 7, Vault: seal.ID{1}, Recipient: seal.ID{2}, Sender: seal.ID{3}}
	check := must(vaultKey.Check(h.Vault, h.KeyVersion))(t)
	envelope := join([]byte{2, 3, 1}, binary.BigEndian.AppendUint64(nil, h.KeyVersion),
		h.Vault[:], h.Recipient[:], h.Sender[:], check[:], c.CT)

	key, err := must(seal.ParseWrap(envelope))(t).Open(k, h)
	if c.Result != valid {
		opened(t, c.vector, "Wrap.Open", key.Reveal(), err, nil)
		return
	}
	opened(t, c.vector, "Wrap.Open", key.Reveal(), err, c.Msg)
	w, err := k.Wrap(h, vaultKey)
	made(t, c.vector, "StretchedKey.Wrap", w.Marshal(), err, envelope)
}
