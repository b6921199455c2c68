package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// seeds adds the bodies of the vectors of those folders.
func seeds(f *testing.F, dirs ...string) {
	f.Helper()
	for _, dir := range dirs {
		for _, path := range must(filepath.Glob(filepath.Join(vectorDir, dir, "*.txt")))(f) {
			f.Add(must(parseVector(path, string(must(os.ReadFile(path))(f))))(f).body)
		}
	}
}

// opened reports whether err is nil, and fails the test if it is one that no
// parser may return.
func opened(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrUnsupported) {
		t.Errorf("error = %v, want ErrDamaged or ErrUnsupported", err)
	}
	return err == nil
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", sampleVault, strings.ToUpper(sampleUser), sampleVault[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := seal.ParseID(s); opened(t, err) && id.String() != strings.ToLower(s) {
			t.Errorf("ParseID(%q) = %v", s, id)
		}
	})
}

func FuzzParseWrap(f *testing.F) {
	seeds(f, "wrap2", "wrap1", "wraprsa2")
	k, private := stretchedKey(f), must(seal.ParseRSAKey(keyDER(f, "rsa2048")))(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := seal.ParseWrap(b)
		if !opened(t, err) {
			return
		}
		equal(t, "marshalled again", w.Marshal(), b)
		_, err = w.Open(k, w.Header)
		opened(t, err)
		_, err = w.OpenRSA(private, w.Header)
		opened(t, err)
	})
}

func FuzzUnwrapRSAV1(f *testing.F) {
	seeds(f, "wraprsa1", "wrap1")
	k := must(seal.ParseRSAKey(keyDER(f, "rsa2048")))(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := k.UnwrapV1(b); opened(t, err) && key.Len() != seal.KeySize {
			t.Errorf("a key of %d bytes", key.Len())
		}
	})
}

func FuzzParseRSAKey(f *testing.F) {
	f.Add(keyDER(f, "rsa2048"))
	f.Add(keyDER(f, "ec256"))
	seeds(f, "rsaprivate1")
	k := stretchedKey(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := seal.ParseRSAKey(bytes.Clone(b)); opened(t, err) {
			p := must(key.Public())(t)
			equal(t, "public key parsed again", must(seal.ParseRSAPublicKey(p.SPKI()))(t).SPKI(), p.SPKI())
		}
		_, err := k.OpenRSA(b)
		opened(t, err)
	})
}

func FuzzParseRSAPublicKey(f *testing.F) {
	seeds(f, "rsapublic")
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := seal.ParseRSAPublicKey(b)
		if !opened(t, err) {
			return
		}
		if again := must(seal.ParseRSAPublicKey(p.SPKI()))(t); again != p || p.Bits() < 2048 || p.Bits() > 8192 {
			t.Errorf("a key of %d bits that is another one when parsed again", p.Bits())
		}
	})
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add(must(identity(f).Public())(f).Fingerprint())
	f.Add(" 1\t2")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := seal.ParseFingerprint(s); opened(t, err) && len(p) != 71 {
			t.Errorf("ParseFingerprint = %q", p)
		}
	})
}

func FuzzUnwrapV1(f *testing.F) {
	seeds(f, "wrap1", "wrap2")
	k := must(seal.NewStretchedKey(unhex(f, encText)))(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := k.UnwrapV1(b); opened(t, err) && key.Len() != seal.KeySize {
			t.Errorf("a key of %d bytes", key.Len())
		}
	})
}

// fuzzBlob opens b as it is, and sealed: the padding is behind the cipher.
func fuzzBlob(t *testing.T, v seal.Vault, k seal.Kind, b []byte) {
	name, err := v.OpenName(itemID, b)
	if opened(t, err) {
		again := must(v.SealName(bytes.NewReader(b[2:14]), itemID, name))(t)
		equal(t, "sealed again", again, b)
	}
	_, err = v.OpenData(itemID, b)
	opened(t, err)
	blob1 := gcm(aesGCM(run(0x40, 32)), 1, b, nil)
	if k == seal.KindBound {
		blob1 = gcm(aesGCM(derive(run(0x40, 32), "keyhold/item/2")), 2, b, aad2(1, 0x11, 1, 0x33))
	}
	if name, err := v.OpenName(itemID, blob1); opened(t, err) {
		equal(t, "sealed again", must(v.SealName(nonce(), itemID, name))(t), blob1)
	}
}

func FuzzOpenBlobV1(f *testing.F) {
	seeds(f, "name1", "data1", "name2")
	f.Add(filled7("GitHub", 32))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzBlob(t, compatibleVault(t), seal.KindCompatible, b) })
}

func FuzzOpenBlobV2(f *testing.F) {
	seeds(f, "name2", "data2", "name1")
	f.Add(filled("GitHub", 32))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzBlob(t, boundVault(t), seal.KindBound, b) })
}

func FuzzParseIdentity(f *testing.F) {
	f.Add(must(identity(f).PKCS8())(f).Reveal())
	seeds(f, "identity1")
	k := stretchedKey(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, err := seal.ParseIdentity(b); opened(t, err) {
			again := must(seal.ParseIdentity(must(id.PKCS8())(t).Reveal()))(t)
			equal(t, "parsed again", again.Reveal(), id.Reveal())
		}
		_, err := k.OpenIdentity(b)
		opened(t, err)
	})
}

func FuzzParseKeySet(f *testing.F) {
	seeds(f, "keyset1")
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := seal.ParseKeySet(b); opened(t, err) {
			equal(t, "marshalled again", must(s.Marshal())(t).Reveal(), b)
		}
	})
}

func FuzzVerifyV1(f *testing.F) {
	pub := must(identity(f).Public())(f)
	f.Add(unbase64(f, wrap1Text), unbase64(f, sign1Plain))
	f.Add(unbase64(f, wrap2Text), unbase64(f, sign2Text))
	f.Fuzz(func(t *testing.T, envelope, sig []byte) {
		_, err := pub.VerifyV1(envelope, sig, vaultID, userID)
		opened(t, err)
	})
}

func genID() *rapid.Generator[seal.ID] {
	return rapid.Custom(func(t *rapid.T) seal.ID {
		return seal.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
}

func genKey(t *rapid.T) []byte {
	b := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
	b[0] |= 1 // all zero is no key
	return b
}

func check[T any](t *rapid.T, v T, err error) T {
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := genKey(t)
		key, err := seal.NewVaultKey(raw)
		check(t, key, err)
		vault, item, other := genID().Draw(t, "vault"), genID().Draw(t, "item"), genID().Draw(t, "other")
		version := rapid.Uint64Min(1).Draw(t, "version")
		name := rapid.String().Filter(func(s string) bool { return !strings.Contains(s, "\ufffd") }).Draw(t, "name")
		data := rapid.SliceOfN(rapid.Byte(), 1, 600).Draw(t, "data")
		rand := bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 48, 48).Draw(t, "rand"))

		bound, err := seal.Bound(vault, version, key)
		check(t, bound, err)
		compatible, err := seal.Compatible(key)
		check(t, compatible, err)
		for _, v := range []seal.Vault{bound, compatible} {
			b, err := v.SealName(rand, item, name)
			check(t, b, err)
			if got, err := v.OpenName(item, b); err != nil || got != name {
				t.Fatalf("name %q came back as %q, %v", name, got, err)
			}
			if _, err := v.OpenName(other, b); v == bound && other != item && !errors.Is(err, seal.ErrDamaged) {
				t.Fatalf("name of another item: %v", err)
			}
			b, err = v.SealData(rand, item, secret.Of(slices.Clone(data)))
			check(t, b, err)
			if got, err := v.OpenData(item, b); err != nil || !bytes.Equal(got.Reveal(), data) {
				t.Fatalf("data came back otherwise: %v", err)
			}
			i := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
			b[i/8] ^= 1 << (i % 8)
			if _, err := v.OpenData(item, b); err == nil {
				t.Fatalf("bit %d is flipped and the data opens", i)
			}
		}
	})
}

func TestWrapRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, err := seal.NewVaultKey(genKey(t))
		check(t, key, err)
		k, err := seal.NewStretchedKey(genKey(t))
		check(t, k, err)
		h := seal.Header{
			KeyVersion: rapid.Uint64Min(1).Draw(t, "version"),
			Vault:      genID().Draw(t, "vault"), Recipient: genID().Draw(t, "recipient"), Sender: genID().Draw(t, "sender"),
		}
		made, err := k.Wrap(h, key)
		w, err2 := seal.ParseWrap(check(t, made, err).Marshal())
		got, err := check(t, w, err2).Open(k, h)
		if !check(t, got, err).Equal(key.Bytes) {
			t.Fatal("another key came back")
		}
		old, err := k.WrapV1(key)
		got, err2 = k.UnwrapV1(check(t, old, err))
		if !check(t, got, err2).Equal(key.Bytes) {
			t.Fatal("another key came back from version 1")
		}
	})
}

func TestKeySetRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id, err := seal.NewIdentity(genKey(t))
		set := seal.KeySet{User: genID().Draw(t, "user"), Identity: check(t, id, err)}
		set.RSA = seal.RSAKey{Bytes: secret.Of(rapid.SliceOf(rapid.Byte()).Draw(t, "rsa"))}
		for _, vault := range rapid.SliceOf(genID()).Draw(t, "vaults") {
			e := seal.VaultEntry{Vault: vault, Kind: seal.KindCompatible}
			if rapid.Bool().Draw(t, "bound") {
				e.Kind, e.KeyVersion = seal.KindBound, rapid.Uint64Min(1).Draw(t, "version")
			}
			e.Key, err = seal.NewVaultKey(genKey(t))
			set = set.With(check(t, e, err))
		}
		b, err := set.Marshal()
		again, err2 := seal.ParseKeySet(check(t, b, err).Reveal())
		b2, err := check(t, again, err2).Marshal()
		if !check(t, b2, err).Equal(b) {
			t.Fatal("another set came back")
		}
	})
}
