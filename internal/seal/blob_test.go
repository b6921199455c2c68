package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

func TestBlobSeals(t *testing.T) {
	t.Parallel()
	kek, err := seal.DeriveBlobKEK(secret.TextOf("correct horse battery staple"), run(0x10, 16))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "KEK", kek.Reveal(), unhex(t, kekText))
	iv, wrap, err := kek.Wrap(bytes.NewReader(run(0xa0, 12)), vaultKey(t))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "iv of the wrap", iv, run(0xa0, 12))
	equal(t, "wrap", wrap, unbase64(t, blobWrapText))
	iv, blob, err := vaultKey(t).SealBlob(nonce(), secret.Of([]byte(emptyBlob)))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "iv of the blob", iv, run(0xb0, 12))
	equal(t, "blob", blob, unbase64(t, blobText))
}

func TestBlobRefuses(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 15, 17, 64} {
		if _, err := seal.DeriveBlobKEK(secret.TextOf("a"), make([]byte, n)); !errors.Is(err, seal.ErrSuite) {
			t.Errorf("salt of %d bytes: %v", n, err)
		}
	}
	if _, err := seal.NewBlobKEK(make([]byte, 32)); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("a key of zeros: %v", err)
	}
	kek := must(seal.NewBlobKEK(run(0x80, 32)))(t)
	if _, _, err := kek.Wrap(nonce(), seal.VaultKey{}); err == nil {
		t.Error("wrapped no key")
	}
	if _, _, err := (seal.BlobKEK{}).Wrap(nonce(), vaultKey(t)); err == nil {
		t.Error("wrapped under no key")
	}
	if _, _, err := kek.Wrap(bytes.NewReader(nil), vaultKey(t)); err == nil {
		t.Error("wrapped without randomness")
	}
	if _, _, err := vaultKey(t).SealBlob(nonce(), secret.Bytes{}); err == nil {
		t.Error("sealed nothing")
	}
	wiped := vaultKey(t)
	wiped.Wipe()
	if _, _, err := wiped.SealBlob(nonce(), secret.TextOf("a").Bytes()); err == nil {
		t.Error("sealed under a wiped key")
	}
	if _, err := wiped.OpenBlob(run(0xb0, 12), unbase64(t, blobText)); err == nil {
		t.Error("opened under a wiped key")
	}
}

func TestBlobRoundTrip(t *testing.T) {
	t.Parallel()
	k := vaultKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(rt, "plain")
		iv, blob, err := k.SealBlob(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(rt, "iv")), secret.Of(bytes.Clone(plain)))
		if err != nil {
			rt.Fatal(err)
		}
		got, err := k.OpenBlob(iv, blob)
		if err != nil || !bytes.Equal(got.Reveal(), plain) {
			rt.Fatalf("opened %d of %d bytes, %v", got.Len(), len(plain), err)
		}
	})
}

func FuzzOpenBlob(f *testing.F) {
	seeds(f, "blob", "blobwrap")
	k, kek := vaultKey(f), must(seal.NewBlobKEK(unhex(f, kekText)))(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, iv := range [][]byte{run(0xb0, 12), run(0xa0, 12), b} {
			_, err := k.OpenBlob(iv, b)
			opened(t, err)
			_, err = kek.Unwrap(iv, b)
			opened(t, err)
		}
	})
}

// The keys that are derived are part of the format of state.db.
func TestBlobDerived(t *testing.T) {
	t.Parallel()
	mirror, err := vaultKey(t).MirrorKey()
	if err != nil {
		t.Fatal(err)
	}
	check, err := vaultKey(t).BlobCheck()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "mirror key", mirror.Reveal(), unhex(t, "abc22572ae7b7f9b647ea3458f49946a6d5140f6432aa3f7b30daadcd1435763"))
	equal(t, "check", check[:], unhex(t, "03d69a12f3179c687776e4e48d97715f8e513d156f120ca8888b8187f076d891"))
}
