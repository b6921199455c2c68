package pwm_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"maps"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/backend/pwm"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

const password = "pässword 🔑"

// A sealed vault, as the API has it.
type sealed struct {
	WrappedVaultKey []byte `json:"wrappedVaultKey"`
	VaultKeyIV      []byte `json:"vaultKeyIv"`
	VaultKeySalt    []byte `json:"vaultKeySalt"`
	IV              []byte `json:"iv"`
	EncryptedData   []byte `json:"encryptedData"`
}

// node runs the script, which does with WebCrypto what a browser does.
func node(t *testing.T, in, out any) {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine, which has the other implementation")
	}
	request, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "testdata/webcrypto.mjs")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		t.Fatal(err)
	}
}

// TestWebCrypto opens a vault that WebCrypto sealed, changes it, and has
// WebCrypto open the result: what is not ours is there byte for byte.
func TestWebCrypto(t *testing.T) {
	t.Parallel()
	const unknown = `"x-f\u0075ture":{ "n" : 1.50, "\u0061": [ "\u00e9", 1e400 ] }`
	const other = `{"id":"other","title":"not ours","secret" : "s"}`
	var v sealed
	node(t, map[string]string{
		"op": "seal", "password": password,
		"plaintext": `{"schema": 2.0, "entries": [{"id":"e1","name":"mail","password":"one",` + unknown + `},` + other + `]}`,
	}, &v)

	kek, err := seal.DeriveBlobKEK(secret.TextOf(password), v.VaultKeySalt)
	if err != nil {
		t.Fatal(err)
	}
	key, err := kek.Unwrap(v.VaultKeyIV, v.WrappedVaultKey)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pwm.OpenBlob(key, v.IV, v.EncryptedData)
	if err != nil {
		t.Fatal(err)
	}
	if it := item(t, b, "e1"); it.Name != "mail" || valueOf(it, "password") != "one" {
		t.Errorf("opened %+v", it)
	}
	edit(t, b, "e1", set("password", vault.Secret, "two"))

	salt, err := seal.MakeSalt(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if kek, err = seal.DeriveBlobKEK(secret.TextOf(password), salt); err != nil {
		t.Fatal(err)
	}
	next := sealed{VaultKeySalt: salt}
	if next.VaultKeyIV, next.WrappedVaultKey, err = kek.Wrap(rand.Reader, key); err != nil {
		t.Fatal(err)
	}
	if next.IV, next.EncryptedData, err = b.Seal(rand.Reader, key); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Plaintext string           `json:"plaintext"`
		Entries   []map[string]any `json:"entries"`
	}
	node(t, request(t, "open", next), &got)
	for _, part := range []string{`{"schema": 2.0, "entries": [`, unknown, `,` + other + `]}`} {
		if !strings.Contains(got.Plaintext, part) {
			t.Errorf("%s\nis not in\n%s", part, got.Plaintext)
		}
	}
	if len(got.Entries) != 2 || got.Entries[0]["password"] != "two" || got.Entries[0]["name"] != "mail" {
		t.Errorf("entries: %v", got.Entries)
	}
}

// request adds what to do to a sealed vault.
func request(t *testing.T, op string, v sealed) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"op": op, "password": password}
	maps.Copy(all, members)
	return all
}
