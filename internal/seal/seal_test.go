package seal_test

import (
	"bytes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// Values that the published test vectors use.
const (
	wrap1Text = "AQM3N5cbdIaBtnfpp9OXXOS2+B82Rcjg3kpnDh0ON8/zH0pj6Z8Za+4E"
	name1Text = "AQGwsbKztLW2t7i5urtEafTNtCjxgyH0PeL37FbRpBKeMl4PzIXp3Hohk6roipMKQrRBCcuMvjSeB2IABgU="
	wrap2Text = "AgMBAAAAAAAAAAERERERERERERERERERERERIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiKQ/Qxb2pt/9dsIAS2MlBsGPnpGCJ2UKlJ/DGjVSOEGlZsWkwHldKv0y0vYIeh4xXpzuo+aaxxUTDbiKo1awFTn1oWSntVjKjk="
	sign2Text = "A6tpPnVqofg3b44bNndFfEjX3BCL3GRsCnvozZm6GLyGdoD+hchl9ZLKV24fmWtWdeKjZvLReDKFnJenF4tEDQ=="
	name2Text = "AgGwsbKztLW2t7i5urvO+tU1PT+HB19LKdJ2bbEtC7Blq75js40rjzQgnyLV7ASt/skpbk2E1RhwU69H1OY="
	data2Text = "AgGwsbKztLW2t7i5urvysdUEODglPX0nRrUfA5MBKcAE2M0U3P9PrQ4C91e7mHDDgzCbwCrVJ10KYvpDM67RjxFwmmKWgSXieM0vGCNdbjv1CYzEbEmfBN/2I2mMVin9N/nFR7YBeW8J0Gzr5FImb7sIEXvu3IewmhGAKisv3dnmA0QwZMTZiUBi17WWeu58GtxkaxZnj6T/skiDhXA="
	indexText = "bfc43765d08ca6f61c1d77be87ae14c53007aa228345ffbb0123f073a2535ff9"

	encText     = "1d344e2635e95697b24e0bf0722e430fe83bee4504b8203a9d0f09e4bec1dff2"
	sign1Plain  = "05aqiHS7wtX0vSeQIb6vfIDPaVfl2r3KsOD286VhCN4J6fbMKZj+U4DXHivdLuzbCD2Xf+HyudweOE3yP5OVBA=="
	sign1Bound  = "a4h50XqCsUjV3WZsTLFiEEMGFNV/isWFEKrpNeEQL/psrrnCMRLUnt9UY394w202bk2nYHMQdNXNJHftVH0ZAA=="
	sampleVault = "660e8400-e29b-41d4-a716-446655440000"
	sampleUser  = "550e8400-e29b-41d4-a716-446655440000"
	publicText  = "17cb79fb2b4120f2b1ec65e4198d6e08b28e813feb01e4a400839b85e18080ce"
	loginJSON   = `{"type":"login","password":"hunter2"}`
)

var (
	vaultID = seal.ID(bytes.Repeat([]byte{0x11}, 16))
	userID  = seal.ID(bytes.Repeat([]byte{0x22}, 16))
	itemID  = seal.ID(bytes.Repeat([]byte{0x33}, 16))
	header  = seal.Header{KeyVersion: 1, Vault: vaultID, Recipient: userID, Sender: userID}
)

// run returns n bytes that count up from first.
func run(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func nonce() io.Reader { return bytes.NewReader(run(0xb0, 12)) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	return must(hex.DecodeString(s))(t)
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	return must(base64.StdEncoding.DecodeString(s))(t)
}

// must returns a function that yields v, or ends the test if err is not nil.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func vaultKey(t testing.TB) seal.VaultKey {
	t.Helper()
	return must(seal.NewVaultKey(run(0x40, 32)))(t)
}

func stretchedKey(t testing.TB) seal.StretchedKey {
	t.Helper()
	return must(seal.NewStretchedKey(run(0x80, 32)))(t)
}

func identity(t testing.TB) seal.Identity {
	t.Helper()
	return must(seal.NewIdentity(bytes.Repeat([]byte{0x33}, 32)))(t)
}

func boundVault(t testing.TB) seal.Vault {
	t.Helper()
	return must(seal.Bound(vaultID, 1, vaultKey(t)))(t)
}

func compatibleVault(t testing.TB) seal.Vault {
	t.Helper()
	return must(seal.Compatible(vaultKey(t)))(t)
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

func TestPublishedV1(t *testing.T) {
	t.Parallel()
	master := must(seal.NewMasterKey(run(0, 32)))(t)
	auth, enc, err := master.Split()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "auth hash", auth.Reveal(), unhex(t, "d6e2faeb0c03ee07b49c896889f38eb9443a78e8eed161be1a3588526f95cbd8"))
	equal(t, "stretched key", enc.Reveal(), unhex(t, encText))

	wrap := must(enc.WrapV1(vaultKey(t)))(t)
	equal(t, "wrap", wrap, unbase64(t, wrap1Text))
	equal(t, "vault key", must(enc.UnwrapV1(wrap))(t).Reveal(), run(0x40, 32))

	v := compatibleVault(t)
	name := must(v.SealName(nonce(), itemID, "GitHub"))(t)
	equal(t, "name", name, unbase64(t, name1Text))
	if got := must(v.OpenName(itemID, name))(t); got != "GitHub" {
		t.Errorf("OpenName = %q", got)
	}

	vault, user := must(seal.ParseID(sampleVault))(t), must(seal.ParseID(sampleUser))(t)
	pub := must(identity(t).Public())(t)
	equal(t, "public key", pub[:], unhex(t, publicText))
	equal(t, "signature", must(identity(t).Sign(wrap))(t), unbase64(t, sign1Plain))
	for form, sig := range map[seal.Form]string{seal.FormPlain: sign1Plain, seal.FormBound: sign1Bound} {
		if got := must(pub.VerifyV1(wrap, unbase64(t, sig), vault, user))(t); got != form {
			t.Errorf("VerifyV1 = %d, want %d", got, form)
		}
	}
	if _, err := pub.VerifyV1(wrap, unbase64(t, sign1Bound), user, vault); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("VerifyV1 with ids swapped: %v", err)
	}
}

func TestPublishedV2(t *testing.T) {
	t.Parallel()
	wrap := must(stretchedKey(t).Wrap(header, vaultKey(t)))(t)
	equal(t, "wrap", wrap.Marshal(), unbase64(t, wrap2Text))
	sig := must(identity(t).Sign(wrap.Marshal()))(t)
	equal(t, "signature", sig, unbase64(t, sign2Text))
	parsed := must(seal.ParseWrap(unbase64(t, wrap2Text)))(t)
	if parsed != wrap {
		t.Errorf("ParseWrap = %+v, want %+v", parsed, wrap)
	}
	equal(t, "vault key", must(parsed.Open(stretchedKey(t), header))(t).Reveal(), run(0x40, 32))

	v := boundVault(t)
	equal(t, "name", must(v.SealName(nonce(), itemID, "GitHub"))(t), unbase64(t, name2Text))
	data := must(v.SealData(nonce(), itemID, secret.Of([]byte(loginJSON))))(t)
	equal(t, "data", data, unbase64(t, data2Text))
	index := v.NameIndex("GitHub")
	equal(t, "index", index[:], unhex(t, indexText))
	if v.NameIndex("Caf\u00e9") != v.NameIndex("Cafe\u0301") {
		t.Error("names that differ in normalisation only have different indexes")
	}
	if v.NameIndex("GitHub") != compatibleVault(t).NameIndex("GitHub") || v.NameIndex("a") == v.NameIndex("b") {
		t.Error("the index is not one of key and name")
	}
}

func TestKindsDoNotMix(t *testing.T) {
	t.Parallel()
	old, bound := compatibleVault(t), boundVault(t)
	for _, tt := range []struct {
		name     string
		from, to seal.Vault
	}{{"v1 in a bound vault", old, bound}, {"v2 in a compatible vault", bound, old}} {
		name := must(tt.from.SealName(nonce(), itemID, "GitHub"))(t)
		data := must(tt.from.SealData(nonce(), itemID, secret.Of([]byte("x"))))(t)
		if _, err := tt.to.OpenName(itemID, name); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("%s: name: %v", tt.name, err)
		}
		if _, err := tt.to.OpenData(itemID, data); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("%s: data: %v", tt.name, err)
		}
	}
	pub := must(identity(t).Public())(t)
	if _, err := pub.VerifyV1(unbase64(t, wrap2Text), unbase64(t, sign2Text), vaultID, userID); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("VerifyV1 of a version 2 wrap: %v", err)
	}
}

func TestPaddedLengths(t *testing.T) {
	t.Parallel()
	const frame = 2 + 12 + 16
	for _, tt := range []struct{ n, name1, name2, data2 int }{
		{1, 32, 32, 128}, {31, 32, 32, 128}, {32, 64, 64, 128}, {33, 64, 64, 128},
		{127, 128, 128, 128}, {128, 160, 160, 256}, {129, 160, 160, 256},
	} {
		text := bytes.Repeat([]byte("a"), tt.n)
		v1, v2 := compatibleVault(t), boundVault(t)
		for what, l := range map[string][2]int{
			"name1": {len(must(v1.SealName(nonce(), itemID, string(text)))(t)), tt.name1},
			"name2": {len(must(v2.SealName(nonce(), itemID, string(text)))(t)), tt.name2},
			"data1": {len(must(v1.SealData(nonce(), itemID, secret.Of(text)))(t)), tt.n},
			"data2": {len(must(v2.SealData(nonce(), itemID, secret.Of(text)))(t)), tt.data2},
		} {
			if l[0] != l[1]+frame {
				t.Errorf("%s of %d bytes has %d, want %d", what, tt.n, l[0], l[1]+frame)
			}
		}
	}
}

func TestOpenKeepsBlobs(t *testing.T) {
	t.Parallel()
	blob := unbase64(t, name2Text)
	must(boundVault(t).OpenName(itemID, blob))(t)
	equal(t, "blob after opening", blob, unbase64(t, name2Text))
	wrap := unbase64(t, wrap1Text)
	must(must(seal.NewStretchedKey(unhex(t, encText)))(t).UnwrapV1(wrap))(t)
	equal(t, "wrap after opening", wrap, unbase64(t, wrap1Text))
}

func TestOpenNameIsCheap(t *testing.T) { // not parallel: it counts allocations
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget on purpose")
	}
	for _, tt := range []struct {
		v    seal.Vault
		blob string
	}{{boundVault(t), name2Text}, {compatibleVault(t), name1Text}} {
		blob := unbase64(t, tt.blob)
		if n := testing.AllocsPerRun(1000, func() { _, _ = tt.v.OpenName(itemID, blob) }); n > 1 {
			t.Errorf("OpenName makes %v allocations, want the name alone", n)
		}
	}
}

func BenchmarkOpenName(b *testing.B) {
	v, blob := boundVault(b), unbase64(b, name2Text)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.OpenName(itemID, blob); err != nil {
			b.Fatal(err)
		}
	}
}

// gcm seals by the specification, not by the code under test, so that tests
// can make values that the package never would.
func gcm(aead cipher.AEAD, version byte, plain, aad []byte) []byte {
	out := append([]byte{version, 1}, run(0xb0, 12)...)
	return aead.Seal(out, run(0xb0, 12), plain, aad)
}
