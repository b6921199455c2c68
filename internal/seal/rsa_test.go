package seal_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/keyhold/keyhold/internal/seal"
)

func rsaKey(t testing.TB, name string) seal.RSAKey {
	t.Helper()
	return must(seal.ParseRSAKey(keyDER(t, name)))(t)
}

func rsaPublic(t testing.TB, name string) seal.RSAPublicKey {
	t.Helper()
	return must(rsaKey(t, name).Public())(t)
}

var sharedHeader = seal.Header{KeyVersion: 3, Vault: vaultID, Recipient: userID, Sender: itemID}

func TestRSAWraps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rsa2048", "rsa4096"} {
		public, private := rsaPublic(t, name), rsaKey(t, name)
		old := must(public.WrapV1(rand.Reader, vaultKey(t)))(t)
		if len(old) != 2+public.Bits()/8 {
			t.Errorf("a version 1 wrap has %d bytes", len(old))
		}
		equal(t, "vault key of version 1", must(private.UnwrapV1(old))(t).Reveal(), run(0x40, 32))

		w := must(public.Wrap(rand.Reader, sharedHeader, vaultKey(t)))(t)
		parsed := must(seal.ParseWrap(w.Marshal()))(t)
		if parsed != w || !w.Shared() || len(w.Marshal()) != 91+public.Bits()/8 {
			t.Errorf("ParseWrap = %+v, want %+v", parsed.Header, w.Header)
		}
		equal(t, "vault key", must(parsed.OpenRSA(private, sharedHeader))(t).Reveal(), run(0x40, 32))
		if again := must(public.Wrap(rand.Reader, sharedHeader, vaultKey(t)))(t); again == w {
			t.Error("two wraps of one key are the same")
		}
		if _, err := w.Open(stretchedKey(t), sharedHeader); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("Open of a wrap for RSA: %v", err)
		}
	}
	personal := must(stretchedKey(t).Wrap(header, vaultKey(t)))(t)
	if _, err := personal.OpenRSA(rsaKey(t, "rsa2048"), header); personal.Shared() || !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("OpenRSA of a personal wrap: %v", err)
	}
}

// What a wrap made by a fixed seed is, byte by byte, by a writer of the
// specification; openers of the vectors check the rest.
func TestRSAWrapRandomness(t *testing.T) {
	t.Parallel()
	seed := func() *bytes.Reader { return bytes.NewReader(run(0xc0, 32)) }
	got := must(rsaPublic(t, "rsa2048").WrapV1(seed(), vaultKey(t)))(t)
	equal(t, "version 1", got, append([]byte{1, 2}, oaep(&rsaPrivate(t, "rsa2048").PublicKey, run(0x40, 32), nil)...))
	h := seal.Header{KeyVersion: 1, Vault: vaultID, Recipient: userID, Sender: seal.ID(bytes.Repeat([]byte{0x44}, 16))}
	w := must(rsaPublic(t, "rsa2048").Wrap(seed(), h, vaultKey(t)))(t)
	equal(t, "version 2", w.Marshal(), sharedWrap().make(&rsaPrivate(t, "rsa2048").PublicKey))
}

// A body whose first byte is zero must not open without that byte.
func TestRSALength(t *testing.T) {
	t.Parallel()
	public, private := rsaPublic(t, "rsa2048"), rsaKey(t, "rsa2048")
	for {
		wrap := must(public.WrapV1(rand.Reader, vaultKey(t)))(t)
		if wrap[2] != 0 {
			continue
		}
		must(private.UnwrapV1(wrap))(t)
		if _, err := private.UnwrapV1(slices.Delete(wrap, 2, 3)); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("UnwrapV1 of a shorter number: %v", err)
		}
		return
	}
}

func TestRSARefused(t *testing.T) {
	t.Parallel()
	public, private := rsaPublic(t, "rsa2048"), rsaKey(t, "rsa2048")
	wiped := rsaKey(t, "rsa2048")
	wiped.Wipe()
	wrap := must(public.WrapV1(rand.Reader, vaultKey(t)))(t)
	zero := sharedHeader
	zero.KeyVersion = 0
	for what, call := range map[string]func() error{
		"no key":                 func() error { _, err := public.WrapV1(rand.Reader, seal.VaultKey{}); return err },
		"no key, bound":          func() error { _, err := public.Wrap(rand.Reader, sharedHeader, seal.VaultKey{}); return err },
		"key version 0":          func() error { _, err := public.Wrap(rand.Reader, zero, vaultKey(t)); return err },
		"no public key":          func() error { _, err := seal.RSAPublicKey{}.WrapV1(rand.Reader, vaultKey(t)); return err },
		"no public, bound":       func() error { _, err := seal.RSAPublicKey{}.Wrap(rand.Reader, sharedHeader, vaultKey(t)); return err },
		"no private key":         func() error { _, err := seal.RSAKey{}.UnwrapV1(wrap); return err },
		"wiped":                  func() error { _, err := wiped.UnwrapV1(wrap); return err },
		"public of none":         func() error { _, err := seal.RSAKey{}.Public(); return err },
		"public of wiped":        func() error { _, err := wiped.Public(); return err },
		"no randomness":          func() error { _, err := public.WrapV1(iotest.ErrReader(os.ErrClosed), vaultKey(t)); return err },
		"signature of none":      func() error { _, err := identity(t).SignRSA(seal.RSAPublicKey{}); return err },
		"verification of no key": func() error { return must(identity(t).Public())(t).VerifyRSA(seal.RSAPublicKey{}, nil) },
		"sealing none":           func() error { _, err := stretchedKey(t).SealRSA(rand.Reader, seal.RSAKey{}); return err },
	} {
		if call() == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if bits := (seal.RSAPublicKey{}).Bits(); bits != 0 || len(seal.RSAPublicKey{}.SPKI()) != 0 {
		t.Errorf("no key has %d bits", bits)
	}
	_, err := private.UnwrapV1(flip(wrap, 9))
	noneOf(t, err, private.Reveal(), vaultKey(t).Reveal())
}

func TestRSAPrivate(t *testing.T) {
	t.Parallel()
	key := rsaKey(t, "rsa2048")
	blob := must(stretchedKey(t).SealRSA(rand.Reader, key))(t)
	if !must(stretchedKey(t).OpenRSA(blob))(t).Equal(key.Bytes) {
		t.Error("another key came back")
	}
	public := rsaPublic(t, "rsa2048")
	sig := must(identity(t).SignRSA(public))(t)
	if err := must(identity(t).Public())(t).VerifyRSA(public, sig); err != nil {
		t.Error(err)
	}
	if err := must(identity(t).Public())(t).VerifyRSA(rsaPublic(t, "rsa2048b"), sig); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("VerifyRSA of another key: %v", err)
	}
	set := seal.KeySet{User: userID, Identity: identity(t), RSA: key}
	again := must(seal.ParseKeySet(must(set.Marshal())(t).Reveal()))(t)
	if must(again.RSA.Public())(t) != public {
		t.Error("the RSA key of a key set is another one when it comes back")
	}
}

func TestMakeRSAKey(t *testing.T) { // the only one that is made; it takes a while
	t.Parallel()
	if testing.Short() || raceEnabled {
		t.Skip("slow")
	}
	key := must(seal.MakeRSAKey(rand.Reader))(t)
	public := must(must(seal.ParseRSAKey(slices.Clone(key.Reveal())))(t).Public())(t)
	if public.Bits() != 4096 {
		t.Errorf("a new key has %d bits", public.Bits())
	}
	wrap := must(public.WrapV1(rand.Reader, vaultKey(t)))(t)
	equal(t, "vault key", must(key.UnwrapV1(wrap))(t).Reveal(), run(0x40, 32))
}

func TestParseFingerprint(t *testing.T) {
	t.Parallel()
	want := must(identity(t).Public())(t).Fingerprint()
	for _, s := range []string{want, strings.ReplaceAll(want, " ", ""), " " + strings.ReplaceAll(want, " ", "\t\n ") + "\n"} {
		if got := must(seal.ParseFingerprint(s))(t); got != want {
			t.Errorf("ParseFingerprint(%q) = %q", s, got)
		}
	}
	for _, s := range []string{"", want[1:], want + "1", "x" + want[1:], strings.Replace(want, " ", "-", 1), "٣" + want[1:]} {
		if got, err := seal.ParseFingerprint(s); !errors.Is(err, seal.ErrDamaged) || got != "" {
			t.Errorf("ParseFingerprint(%q) = %q, %v", s, got, err)
		}
	}
}

// TestOpenSSL has another implementation open our wraps and make some for us.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private := filepath.Join("testdata", "keys", "rsa4096.pem")
	public := write("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsaPublic(t, "rsa4096").SPKI()}))
	pkeyutl := func(in, label []byte, args ...string) []byte {
		args = append([]string{"pkeyutl", "-in", write("in", in), "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256",
			"-pkeyopt", "rsa_mgf1_md:sha256"}, args...)
		if len(label) > 0 {
			args = append(args, "-pkeyopt", "rsa_oaep_label:"+hex.EncodeToString(label))
		}
		return must(exec.CommandContext(t.Context(), program, args...).Output())(t)
	}
	one := must(rsaPublic(t, "rsa4096").WrapV1(rand.Reader, vaultKey(t)))(t)
	equal(t, "version 1 by openssl", pkeyutl(one[2:], nil, "-decrypt", "-inkey", private), run(0x40, 32))
	two := must(rsaPublic(t, "rsa4096").Wrap(rand.Reader, sharedHeader, vaultKey(t)))(t).Marshal()
	sum := sha256.Sum256(two[:91])
	label := sum[:]
	equal(t, "version 2 by openssl", pkeyutl(two[91:], label, "-decrypt", "-inkey", private), run(0x40, 32))

	theirs := append([]byte{1, 2}, pkeyutl(run(0x40, 32), nil, "-encrypt", "-pubin", "-inkey", public)...)
	equal(t, "openssl's version 1", must(rsaKey(t, "rsa4096").UnwrapV1(theirs))(t).Reveal(), run(0x40, 32))
	theirs = append(bytes.Clone(two[:91]), pkeyutl(run(0x40, 32), label, "-encrypt", "-pubin", "-inkey", public)...)
	key := must(must(seal.ParseWrap(theirs))(t).OpenRSA(rsaKey(t, "rsa4096"), sharedHeader))(t)
	equal(t, "openssl's version 2", key.Reveal(), run(0x40, 32))
}
