package seal_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

func TestDerive(t *testing.T) { // the only full-cost derivation of the vectors
	t.Parallel()
	s := must(seal.SuiteOf(3, 65536, 4))(t)
	if s != seal.Default() || s.Name() != "argon2id-64m" {
		t.Errorf("suite = %q", s.Name())
	}
	master := must(s.Derive(secret.TextOf("correct horse battery staple"), run(0x10, 16)))(t)
	equal(t, "master key", master.Reveal(), unhex(t, "1cd84e588c72f1d0bb3041fdd8a32de5ec738487c23ac9c5d84f119e05858bf8"))
	auth, enc, err := master.Split()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "auth hash", auth.Reveal(), unbase64(t, "8dYG8Wga8YuebkJrFQpvvoryu5XSVg653MAvcaLAZKs="))
	equal(t, "stretched key", enc.Reveal(), unhex(t, "dbc0b10f83683f18f763e8861152721453852534cf0861c89153097f4ce33216"))
}

func TestSuites(t *testing.T) {
	t.Parallel()
	big := must(seal.SuiteNamed("argon2id-256m"))(t)
	small := must(seal.SuiteNamed("argon2id-64m"))(t)
	if !small.Weaker(big) || big.Weaker(small) || small.Weaker(small) {
		t.Error("Weaker does not order the suites by strength")
	}
	var none seal.Suite
	if !none.Weaker(small) || small.Weaker(none) {
		t.Error("the zero Suite is not the weakest")
	}
	if _, err := seal.SuiteNamed(""); !errors.Is(err, seal.ErrSuite) {
		t.Errorf("SuiteNamed: %v", err)
	}
	for _, n := range [][3]int{{}, {3, 65536, 1}, {2, 65536, 4}, {3, 65537, 4}, {1, 8, 1}, {-3, -65536, -4}, {3, 65536, 260}, {3, 1 << 30, 4}} {
		if _, err := seal.SuiteOf(n[0], n[1], n[2]); !errors.Is(err, seal.ErrSuite) {
			t.Errorf("SuiteOf(%v): %v", n, err)
		}
	}
	for _, n := range []int{0, 8, 15, 65, 1000} {
		if _, err := small.Derive(secret.TextOf("x"), make([]byte, n)); !errors.Is(err, seal.ErrSuite) {
			t.Errorf("salt of %d bytes: %v", n, err)
		}
	}
	if _, err := none.Derive(secret.TextOf("x"), make([]byte, 16)); !errors.Is(err, seal.ErrSuite) {
		t.Errorf("zero Suite: %v", err)
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	const text = "660e8400-e29b-41d4-a716-446655440000"
	for _, s := range []string{text, strings.ToUpper(text)} {
		if id := must(seal.ParseID(s))(t); id.String() != text || id.IsZero() {
			t.Errorf("ParseID(%q) = %v", s, id)
		}
	}
	for _, s := range []string{
		"", text[1:], text + "0", "{" + text + "}", strings.ReplaceAll(text, "-", ""), strings.Replace(text, "-", "_", 1),
		"660e8400e-29b-41d4-a716-446655440000", "g" + text[1:], "-" + text[1:], "é" + text[2:],
	} {
		id := seal.ID{9}
		if err := id.UnmarshalText([]byte(s)); !errors.Is(err, seal.ErrDamaged) || id != (seal.ID{9}) {
			t.Errorf("UnmarshalText(%q): %v, id %v", s, err, id)
		}
	}
	var in struct{ ID seal.ID }
	if err := json.Unmarshal([]byte(`{"ID":"`+text+`"}`), &in); err != nil {
		t.Fatal(err)
	}
	if out := must(json.Marshal(in))(t); string(out) != `{"ID":"`+text+`"}` {
		t.Errorf("as JSON: %s", out)
	}
	made := must(seal.MakeID(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16))))(t).String()
	if made != "ffffffff-ffff-4fff-bfff-ffffffffffff" {
		t.Errorf("MakeID = %s", made)
	}
	if !(seal.ID{}).IsZero() {
		t.Error("the zero ID is not zero")
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	id := identity(t)
	pub := must(id.Public())(t)
	der := must(id.PKCS8())(t)
	parsed := must(x509.ParsePKCS8PrivateKey(der.Reveal()))(t)
	equal(t, "DER", must(x509.MarshalPKCS8PrivateKey(parsed))(t), der.Reveal())
	blob := must(stretchedKey(t).SealIdentity(nonce(), id))(t)
	again := must(stretchedKey(t).OpenIdentity(blob))(t)
	equal(t, "seed", again.Reveal(), id.Reveal())

	const want = "08433 40719 32121 96642 41440 60717 74751 65747 11358 54283 34660 91503"
	if got := pub.Fingerprint(); got != want {
		t.Errorf("Fingerprint = %q, want %q", got, want)
	}
	if _, err := seal.ParsePublicKey(pub[:31]); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("ParsePublicKey: %v", err)
	}
}

// TestWiped makes sure that nothing is ever sealed under the zeros that Wipe
// leaves, nor under no key at all.
func TestWiped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		stretched seal.StretchedKey
		vault     seal.VaultKey
		id        seal.Identity
		master    seal.MasterKey
	}{
		{name: "zero values"},
		{"wiped", stretchedKey(t), vaultKey(t), identity(t), must(seal.NewMasterKey(run(0, 32)))(t)},
	} {
		tt.stretched.Wipe()
		tt.vault.Wipe()
		tt.id.Wipe()
		tt.master.Wipe()
		good := stretchedKey(t)
		w := must(good.Wrap(header, vaultKey(t)))(t)
		for what, f := range map[string]func() error{
			"Split":        func() error { _, _, err := tt.master.Split(); return err },
			"Seal":         func() error { _, err := tt.stretched.Seal(nonce(), secret.TextOf("x").Bytes()); return err },
			"Open":         func() error { _, err := tt.stretched.Open(unbase64(t, name1Text)); return err },
			"WrapV1":       func() error { _, err := tt.stretched.WrapV1(vaultKey(t)); return err },
			"WrapV1 of":    func() error { _, err := good.WrapV1(tt.vault); return err },
			"UnwrapV1":     func() error { _, err := tt.stretched.UnwrapV1(unbase64(t, wrap1Text)); return err },
			"Wrap":         func() error { _, err := tt.stretched.Wrap(header, vaultKey(t)); return err },
			"Wrap of":      func() error { _, err := good.Wrap(header, tt.vault); return err },
			"Wrap.Open":    func() error { _, err := w.Open(tt.stretched, header); return err },
			"Check":        func() error { _, err := tt.vault.Check(vaultID, 1); return err },
			"Bound":        func() error { _, err := seal.Bound(vaultID, 1, tt.vault); return err },
			"Compatible":   func() error { _, err := seal.Compatible(tt.vault); return err },
			"Public":       func() error { _, err := tt.id.Public(); return err },
			"Sign":         func() error { _, err := tt.id.Sign(nil); return err },
			"PKCS8":        func() error { _, err := tt.id.PKCS8(); return err },
			"SealIdentity": func() error { _, err := good.SealIdentity(nonce(), tt.id); return err },
			"OpenIdentity": func() error { _, err := tt.stretched.OpenIdentity(nil); return err },
			"Marshal":      func() error { _, err := seal.KeySet{Identity: tt.id}.Marshal(); return err },
		} {
			if f() == nil {
				t.Errorf("%s: %s succeeds", tt.name, what)
			}
		}
	}
}

func TestRefuseToSeal(t *testing.T) {
	t.Parallel()
	broken := iotest.ErrReader(errors.New("no entropy"))
	zeros := bytes.NewReader(make([]byte, 64))
	id := identity(t)
	for _, v := range []seal.Vault{boundVault(t), compatibleVault(t)} {
		for what, f := range map[string]func() error{
			"name not UTF-8":      func() error { _, err := v.SealName(nonce(), itemID, "\xff"); return err },
			"no data":             func() error { _, err := v.SealData(nonce(), itemID, secret.Bytes{}); return err },
			"name, no randomness": func() error { _, err := v.SealName(broken, itemID, "x"); return err },
			"data, no randomness": func() error { _, err := v.SealData(broken, itemID, secret.Of([]byte("x"))); return err },
			"short randomness":    func() error { _, err := v.SealName(bytes.NewReader(run(0, 11)), itemID, "x"); return err },
			"no plaintext":        func() error { _, err := stretchedKey(t).Seal(nonce(), secret.Bytes{}); return err },
			"identity":            func() error { _, err := stretchedKey(t).SealIdentity(broken, id); return err },
			"make id":             func() error { _, err := seal.MakeID(broken); return err },
			"make salt":           func() error { _, err := seal.MakeSalt(broken); return err },
			"make vault key":      func() error { _, err := seal.MakeVaultKey(broken); return err },
			"zero vault key":      func() error { _, err := seal.MakeVaultKey(zeros); return err },
			"make identity":       func() error { _, err := seal.MakeIdentity(broken); return err },
			"key version 0":       func() error { _, err := seal.Bound(vaultID, 0, vaultKey(t)); return err },
			"wrap key version 0":  func() error { _, err := stretchedKey(t).Wrap(seal.Header{}, vaultKey(t)); return err },
		} {
			if f() == nil {
				t.Errorf("%s: sealed all the same", what)
			}
		}
	}
	if salt := must(seal.MakeSalt(bytes.NewReader(run(1, 99))))(t); !bytes.Equal(salt, run(1, seal.SaltSize)) {
		t.Errorf("MakeSalt = %x", salt)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	id, key, stretched := identity(t), vaultKey(t), stretchedKey(t)
	set := seal.KeySet{User: userID, Identity: id, RSA: seal.RSAKey{Bytes: secret.TextOf("rsa-canary").Bytes()}}.
		With(seal.VaultEntry{Vault: vaultID, Kind: seal.KindBound, KeyVersion: 1, Key: key})
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb+"\n", id, key, stretched, set)
	}
	out.Write(must(json.Marshal(set))(t))
	noneOf(t, errors.New(out.String()), id.Reveal(), key.Reveal(), stretched.Reveal(), []byte("rsa-canary"))
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("printed nothing at all")
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const canary = "canary-plaintext"
	key := vaultKey(t)
	for _, v := range []seal.Vault{boundVault(t), compatibleVault(t)} {
		name := must(v.SealName(nonce(), itemID, canary))(t)
		data := must(v.SealData(nonce(), itemID, secret.TextOf(canary).Bytes()))(t)
		for i := range name {
			_, err := v.OpenName(itemID, flip(name, i))
			noneOf(t, err, []byte(canary), key.Reveal())
		}
		_, err := v.OpenData(itemID, flip(data, len(data)-1))
		noneOf(t, err, []byte(canary), key.Reveal())
		_, err = v.SealName(nonce(), itemID, canary+"\xff")
		noneOf(t, err, []byte(canary))
	}
	_, err := seal.SuiteNamed(canary)
	noneOf(t, err, []byte(canary))
	_, err = seal.ParseID(canary)
	noneOf(t, err, []byte(canary))
	_, err = seal.ParseIdentity([]byte(canary))
	noneOf(t, err, []byte(canary))
	_, err = seal.NewVaultKey([]byte(canary))
	noneOf(t, err, []byte(canary))
}
