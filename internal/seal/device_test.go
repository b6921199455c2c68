package seal_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
)

// The vector is from Python's hmac and hashlib, by RFC 5869.
func TestDeviceWrapKey(t *testing.T) {
	t.Parallel()
	id, err := seal.NewIdentity(bytes.Repeat([]byte{0x33}, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := id.DeviceWrapKey()
	if err != nil {
		t.Fatal(err)
	}
	const want = "74342b2a9127a74970add8e68d4c27055078a174443c7daad2917ca030d48f7a"
	if got := hex.EncodeToString(key.Reveal()); got != want {
		t.Errorf("key = %s, want %s", got, want)
	}
	if _, err := (seal.Identity{}).DeviceWrapKey(); err == nil {
		t.Error("an empty identity has a key")
	}
}
