package vaults

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
)

var (
	fuzzVault  = seal.ID{1}
	fuzzUser   = seal.ID{2}
	wholeVault = Vault{
		ID: fuzzVault, Name: "home", Type: Shared, KeyVersion: 3, Revision: 1 << 40, Created: time.UnixMilli(1).UTC(),
	}
	wholeMember = Membership{Role: Admin, Wrap: []byte("wrap"), Sender: fuzzUser, Signature: []byte("signature"), Added: time.UnixMilli(1).UTC()}
)

// stored returns the record that write puts under k.
func stored(t testing.TB, k []byte, write func(kv.Tx) error) (b []byte) {
	t.Helper()
	err := memory.New().Update(t.Context(), func(tx kv.Tx) error {
		err := write(tx)
		b = append(b, tx.Get(k)...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vaultRecord(t testing.TB, v Vault) []byte {
	return stored(t, vaultKey(v.ID), func(tx kv.Tx) error { return putVault(tx, v) })
}

func memberRecord(t testing.TB, m Membership) []byte {
	return stored(t, memberKey(fuzzVault, fuzzUser), func(tx kv.Tx) error { return putMember(tx, fuzzVault, fuzzUser, m) })
}

func TestRecords(t *testing.T) {
	t.Parallel()
	if got, err := parseVault(fuzzVault, vaultRecord(t, wholeVault)); err != nil || !cmp.Equal(got, wholeVault) {
		t.Errorf("parseVault = %+v, %v", got, err)
	}
	if got, err := parseMember(fuzzVault, memberRecord(t, wholeMember)); err != nil || !cmp.Equal(got, wholeMember) {
		t.Errorf("parseMember = %+v, %v", got, err)
	}
	rekey := wholeVault
	rekey.RekeyRequired = true
	if got, err := parseVault(fuzzVault, vaultRecord(t, rekey)); err != nil || !cmp.Equal(got, rekey) {
		t.Errorf("parseVault = %+v, %v", got, err)
	}
	spoilt := map[string]func(*Vault){
		"type":        func(v *Vault) { v.Type = "public" },
		"key version": func(v *Vault) { v.KeyVersion = 0 },
		"revision":    func(v *Vault) { v.Revision = 0 },
	}
	for name, spoil := range spoilt {
		v := wholeVault
		spoil(&v)
		if _, err := parseVault(fuzzVault, vaultRecord(t, v)); !errors.Is(err, ErrDamaged) {
			t.Errorf("a vault with a wrong %s: %v, want ErrDamaged", name, err)
		}
	}
	m := wholeMember
	m.Role = "guest"
	if _, err := parseMember(fuzzVault, memberRecord(t, m)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a member with a wrong role: %v, want ErrDamaged", err)
	}
}

func FuzzParseVault(f *testing.F) {
	f.Add(vaultRecord(f, wholeVault))
	rekey := wholeVault
	rekey.RekeyRequired = true
	f.Add(vaultRecord(f, rekey))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseVault(fuzzVault, b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, want ErrDamaged", err)
			}
			return
		}
		if again := vaultRecord(t, v); string(again) != string(b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}

func FuzzParseMember(f *testing.F) {
	f.Add(memberRecord(f, wholeMember))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMember(fuzzVault, b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, want ErrDamaged", err)
			}
			return
		}
		if again := memberRecord(t, m); string(again) != string(b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}
