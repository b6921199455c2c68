package conformance

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

type gcmGroup struct {
	KeySize, IVSize, TagSize int
	Tests                    []gcmCase
}

type gcmCase struct {
	vector

	Key, IV, AAD, Msg, CT, Tag hexBytes
}

func TestGCM(t *testing.T) {
	t.Parallel()
	const file = "aes_gcm_test.json"
	var n tally
	for _, g := range load(t, file, func(g gcmGroup) int { return len(g.Tests) }) {
		for _, c := range g.Tests {
			switch {
			case g.KeySize != 256:
				n.leave("AES-128 or AES-192")
			case g.IVSize != 96:
				n.leave("nonce not of 96 bits")
			case g.TagSize != 128:
				n.leave("tag not of 128 bits")
			case zero(c.Key):
				n.leave("all-zero key")
			default:
				n.fit(t, c.vector)
				c.standard(t)
				c.version1(t)
				c.bound(t)
				if c.plain() {
					n.Seal++
				}
			}
		}
	}
	n.check(t, "AES-256-GCM", file, tally{
		Valid: 39, Invalid: 27, Seal: 47,
		Left: map[string]int{"AES-128 or AES-192": 211, "nonce not of 96 bits": 39},
	})
}

// plain reports whether the case is one of a version 1 blob, which has no AAD
// and is never empty.
func (c gcmCase) plain() bool { return len(c.AAD) == 0 && len(c.Msg) > 0 }

func gcm(t *testing.T, key []byte) cipher.AEAD {
	t.Helper()
	return must(cipher.NewGCM(must(aes.NewCipher(key))(t)))(t)
}

// standard runs the case through the AEAD of the standard library, made as
// seal makes it for blobs of both versions.
func (c gcmCase) standard(t *testing.T) {
	aead, sealed := gcm(t, c.Key), join(c.CT, c.Tag)
	text, err := aead.Open(nil, c.IV, sealed, c.AAD)
	if (err == nil) != (c.Result == valid) {
		t.Errorf("%v: Open: error = %v", c, err)
	}
	if c.Result != valid {
		return
	}
	made(t, c.vector, "Open", text, err, c.Msg)
	made(t, c.vector, "Seal", aead.Seal(nil, c.IV, c.Msg, c.AAD), nil, sealed)
}

// version1 runs the case through everything that seals version 1 blobs
// without padding. A case with AAD, or an empty one, has to be refused.
func (c gcmCase) version1(t *testing.T) {
	stretched := must(seal.NewStretchedKey(bytes.Clone(c.Key)))(t)
	vault := must(seal.Compatible(must(seal.NewVaultKey(bytes.Clone(c.Key)))(t)))(t)
	blob := join([]byte{1, 1}, c.IV, c.CT, c.Tag)

	var want []byte
	if c.Result == valid && c.plain() {
		want = c.Msg
	}
	data, err := stretched.Open(blob)
	opened(t, c.vector, "StretchedKey.Open", data.Reveal(), err, want)
	data, err = vault.OpenData(seal.ID{}, blob)
	opened(t, c.vector, "OpenData of a compatible vault", data.Reveal(), err, want)
	if want == nil {
		return
	}
	got, err := stretched.Seal(bytes.NewReader(c.IV), secret.Of(c.Msg))
	made(t, c.vector, "StretchedKey.Seal", got, err, blob)
	got, err = vault.SealData(bytes.NewReader(c.IV), seal.ID{}, secret.Of(c.Msg))
	made(t, c.vector, "SealData of a compatible vault", got, err, blob)
}

// bound ties the bound vault to the AEAD that standard checks. It derives its
// key and chooses its AAD, so that no vector can reach it; with the key, nonce
// and message of this case it has to seal what that AEAD seals.
func (c gcmCase) bound(t *testing.T) {
	if c.Result != valid || len(c.Msg) == 0 {
		return
	}
	const info = "keyhold/item/2"
	vaultID, item, version := seal.ID{1, 2, 3}, seal.ID{4, 5, 6}, uint64(7)
	aad := join([]byte(info), []byte{2}, vaultID[:], binary.BigEndian.AppendUint64(nil, version), item[:])
	text := append(bytes.Clone(c.Msg), 0x80)
	text = append(text, make([]byte, 128-1-len(c.Msg)%128)...)
	aead := gcm(t, must(hkdf.Key(sha256.New, c.Key, nil, info, 32))(t))
	blob := join([]byte{2, 1}, c.IV, aead.Seal(nil, c.IV, text, aad))

	vault := must(seal.Bound(vaultID, version, must(seal.NewVaultKey(bytes.Clone(c.Key)))(t)))(t)
	got, err := vault.SealData(bytes.NewReader(c.IV), item, secret.Of(c.Msg))
	made(t, c.vector, "SealData of a bound vault", got, err, blob)
	data, err := vault.OpenData(item, blob)
	opened(t, c.vector, "OpenData of a bound vault", data.Reveal(), err, c.Msg)
}
