package seal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
)

// tagsVector are the tags "work" and "büro" of the item 33…33, the vault key
// 40..5f and the nonce b0..bb.
const tagsVector = "0201b0b1b2b3b4b5b6b7b8b9babb188d5a05085f3b0aab01e110150669cf20bbf447d30246e4c8f3497b5462f0d8b0200a2f73148ad3faa6ca92387dfdf8"

func tagVaults(t *testing.T) map[string]seal.Vault {
	t.Helper()
	raw := make([]byte, seal.KeySize)
	for i := range raw {
		raw[i] = 0x40 + byte(i)
	}
	key, err := seal.NewVaultKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := seal.Bound(seal.ID(bytes.Repeat([]byte{0x11}, 16)), 1, key)
	if err != nil {
		t.Fatal(err)
	}
	compatible, err := seal.Compatible(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]seal.Vault{"bound": bound, "compatible": compatible}
}

func TestTags(t *testing.T) {
	t.Parallel()
	nonce := []byte{0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb}
	id := seal.ID(bytes.Repeat([]byte{0x33}, 16))
	for name, v := range tagVaults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blob, err := v.SealTags(bytes.NewReader(nonce), id, []string{"work", "büro"})
			if err != nil || hex.EncodeToString(blob) != tagsVector {
				t.Errorf("SealTags = %x, %v", blob, err)
			}
			if got, err := v.OpenTags(id, blob); err != nil || !slices.Equal(got, []string{"work", "büro"}) {
				t.Errorf("OpenTags = %q, %v", got, err)
			}
			long := []string{strings.Repeat("x", 300), ""}
			blob, err = v.SealTags(bytes.NewReader(nonce), id, long)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.OpenTags(id, blob); err != nil || !slices.Equal(got, long) {
				t.Errorf("OpenTags = %q, %v", got, err)
			}
			if _, err := v.OpenTags(seal.ID{1}, blob); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("under another id: %v", err)
			}
			for i := range blob {
				bad := bytes.Clone(blob)
				bad[i] ^= 1
				if _, err := v.OpenTags(id, bad); err == nil {
					t.Fatalf("byte %d is not looked at", i)
				}
			}
			if _, err := v.SealTags(bytes.NewReader(nonce), id, nil); err == nil {
				t.Error("no tags are sealed")
			}
			if _, err := v.SealTags(bytes.NewReader(nil), id, long); err == nil {
				t.Error("sealed without randomness")
			}
		})
	}
}

func FuzzOpenTags(f *testing.F) {
	blob, err := hex.DecodeString(tagsVector)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob)
	f.Add([]byte{2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, v := range tagVaults(t) {
			tags, err := v.OpenTags(seal.ID(bytes.Repeat([]byte{0x33}, 16)), b)
			if err == nil && len(tags) == 0 || err != nil && !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrUnsupported) {
				t.Errorf("%s: %q, %v", name, tags, err)
			}
		}
	})
}
