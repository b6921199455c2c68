package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

func entry(t testing.TB, vault byte, k seal.Kind) seal.VaultEntry {
	t.Helper()
	e := seal.VaultEntry{
		Vault: seal.ID(bytes.Repeat([]byte{vault}, 16)), Kind: k,
		Key: must(seal.NewVaultKey(run(vault, 32)))(t),
	}
	if k == seal.KindBound {
		e.KeyVersion = uint64(vault)
	}
	return e
}

func TestKeySet(t *testing.T) {
	t.Parallel()
	a, b, c := entry(t, 1, seal.KindBound), entry(t, 2, seal.KindCompatible), entry(t, 3, seal.KindBound)
	empty := seal.KeySet{User: userID, Identity: identity(t), RSA: seal.RSAKey{Bytes: secret.Of([]byte("rsa"))}}
	set := empty.With(c, b).With(a)
	if len(empty.Vaults) != 0 || len(set.Vaults) != 3 {
		t.Fatalf("%d and %d vaults", len(empty.Vaults), len(set.Vaults))
	}
	bytes1 := must(set.Marshal())(t).Reveal()
	equal(t, "in another order", must(empty.With(a, b, c).Marshal())(t).Reveal(), bytes1)

	sealed := bytes.Clone(bytes1)
	parsed := must(seal.ParseKeySet(sealed))(t)
	clear(sealed) // the keys are copies
	equal(t, "marshalled again", must(parsed.Marshal())(t).Reveal(), bytes1)
	if parsed.User != userID || !parsed.Identity.Equal(empty.Identity.Bytes) || !parsed.RSA.Equal(empty.RSA.Bytes) {
		t.Error("user, identity or RSA key differ")
	}
	got, ok := parsed.Vault(b.Vault)
	if !ok || got.Kind != b.Kind || got.KeyVersion != 0 || !got.Key.Equal(b.Key.Bytes) {
		t.Errorf("Vault = %+v, %t", got, ok)
	}
	if _, ok := parsed.Vault(userID); ok {
		t.Error("found a vault that is not there")
	}

	newer := a
	newer.KeyVersion = 9
	if got, _ := set.With(newer).Vault(a.Vault); got.KeyVersion != 9 {
		t.Errorf("With kept the old entry: %+v", got)
	}
	if got, _ := set.Vault(a.Vault); got.KeyVersion != 1 {
		t.Errorf("With changed the set it was called on: %+v", got)
	}
	less := set.Without(b.Vault).Without(userID)
	if _, ok := less.Vault(b.Vault); ok || len(less.Vaults) != 2 || len(set.Vaults) != 3 {
		t.Errorf("Without left %d of %d vaults", len(less.Vaults), len(set.Vaults))
	}
	set.Wipe()
	if _, err := set.Marshal(); err == nil {
		t.Error("a wiped set is marshalled")
	}
}

func TestKeySetRefuses(t *testing.T) {
	t.Parallel()
	ok := entry(t, 1, seal.KindBound)
	good := seal.KeySet{User: userID, Identity: identity(t), Vaults: []seal.VaultEntry{ok}}
	for name, change := range map[string]func(*seal.KeySet){
		"vault twice":        func(s *seal.KeySet) { s.Vaults = []seal.VaultEntry{ok, ok} },
		"no vault key":       func(s *seal.KeySet) { s.Vaults = []seal.VaultEntry{{Kind: seal.KindCompatible}} },
		"no kind":            func(s *seal.KeySet) { s.Vaults = []seal.VaultEntry{{Vault: vaultID, Key: ok.Key}} },
		"bound, version 0":   func(s *seal.KeySet) { s.Vaults = []seal.VaultEntry{{Kind: seal.KindBound, Key: ok.Key}} },
		"large RSA key":      func(s *seal.KeySet) { s.RSA = seal.RSAKey{Bytes: secret.Of(make([]byte, 1<<16))} },
		"too many vaults":    func(s *seal.KeySet) { s.Vaults = make([]seal.VaultEntry, 1<<16) },
		"identity is absent": func(s *seal.KeySet) { s.Identity = seal.Identity{} },
	} {
		s := good
		change(&s)
		if _, err := s.Marshal(); err == nil {
			t.Errorf("%s: marshalled", name)
		}
	}
	if _, err := (seal.VaultEntry{Key: ok.Key}).Open(); err == nil {
		t.Error("an entry without a kind opens")
	}
}

func TestEntryOpens(t *testing.T) {
	t.Parallel()
	for _, k := range []seal.Kind{seal.KindCompatible, seal.KindBound} {
		v := must(entry(t, 7, k).Open())(t)
		blob := must(v.SealName(nonce(), itemID, "GitHub"))(t)
		if got := must(seal.KindOf(blob))(t); got != k {
			t.Errorf("a %v vault seals as %v", k, got)
		}
	}
	if s := seal.KindBound.String() + seal.KindCompatible.String() + seal.Kind(0).String(); s != "boundcompatibleunknown" {
		t.Errorf("names of kinds: %s", s)
	}
	if _, err := seal.KindOf(nil); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("KindOf: %v", err)
	}
}
