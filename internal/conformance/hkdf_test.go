package conformance

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
)

type hkdfGroup struct{ Tests []hkdfCase }

type hkdfCase struct {
	vector

	IKM, Salt, Info, OKM hexBytes
	Size                 int
}

func TestHKDF(t *testing.T) {
	t.Parallel()
	const file = "hkdf_sha256_test.json"
	var n tally
	asSeal, keys := 0, map[string]bool{}
	for _, g := range load(t, file, func(g hkdfGroup) int { return len(g.Tests) }) {
		for _, c := range g.Tests {
			n.fit(t, c.vector)
			c.standard(t)
			if len(c.Salt) == 0 && c.Size >= seal.KeySize {
				asSeal++
				c.asSeal(t)
			}
			if len(c.IKM) == seal.KeySize && !zero(c.IKM) && !keys[string(c.IKM)] {
				keys[string(c.IKM)] = true
				c.derived(t)
			}
		}
	}
	t.Logf("HKDF-SHA-256: %d cases as seal calls it, %d keys given to seal", asSeal, len(keys))
	if asSeal != 17 || len(keys) != 27 {
		t.Error("other numbers than expected")
	}
	n.check(t, "HKDF-SHA-256", file, tally{Valid: 83, Invalid: 3})
}

// standard runs the case through the function that seal uses.
func (c hkdfCase) standard(t *testing.T) {
	got, err := hkdf.Key(sha256.New, c.IKM, c.Salt, string(c.Info), c.Size)
	if c.Result == valid {
		made(t, c.vector, "Key", got, err, c.OKM)
	} else if err == nil {
		t.Errorf("%v: Key makes %d bytes", c, len(got))
	}
}

// asSeal repeats a case without salt with exactly the arguments of seal: no
// salt, 32 bytes. Shorter output of HKDF is the beginning of longer output.
func (c hkdfCase) asSeal(t *testing.T) {
	got, err := hkdf.Key(sha256.New, c.IKM, nil, string(c.Info), seal.KeySize)
	made(t, c.vector, "Key as in seal", got, err, c.OKM[:seal.KeySize])
}

// derived ties what seal derives to the function that standard checks. Its
// infos are its own, so that no vector can reach it; with the key of this case
// it has to derive what that function derives.
func (c hkdfCase) derived(t *testing.T) {
	want := func(info string) []byte {
		return must(hkdf.Key(sha256.New, c.IKM, nil, info, seal.KeySize))(t)
	}
	auth, enc, err := must(seal.NewMasterKey(bytes.Clone(c.IKM)))(t).Split()
	made(t, c.vector, "Split, auth hash", auth.Reveal(), err, want("auth"))
	made(t, c.vector, "Split, stretched key", enc.Reveal(), err, want("enc"))

	vault, version := seal.ID{1, 2, 3}, uint64(7)
	check, err := must(seal.NewVaultKey(bytes.Clone(c.IKM)))(t).Check(vault, version)
	info := join([]byte("keyhold/check/2"), vault[:], binary.BigEndian.AppendUint64(nil, version))
	made(t, c.vector, "Check", check[:], err, want(string(info)))
}
