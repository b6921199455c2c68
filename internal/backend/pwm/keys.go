package pwm

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// Keys are what a session keeps of an account: the keys of its vaults.
type keys struct {
	user seal.ID
	of   map[seal.ID]seal.VaultKey
}

const (
	keysVersion = 1
	keysHead    = 1 + len(seal.ID{})
	keysEntry   = len(seal.ID{}) + seal.KeySize
)

// marshal returns the keys in the clear: version, user and, for each vault, id and key.
func (k keys) marshal() secret.Bytes {
	b := append([]byte{keysVersion}, k.user[:]...)
	for id, key := range k.of {
		b = append(append(b, id[:]...), key.Reveal()...)
	}
	return secret.Of(b)
}

func parseKeys(b []byte) (keys, error) {
	if len(b) < keysHead || b[0] != keysVersion || (len(b)-keysHead)%keysEntry != 0 {
		return keys{}, fmt.Errorf("session: %w", vault.ErrDamaged)
	}
	k := keys{user: seal.ID(b[1:keysHead]), of: map[seal.ID]seal.VaultKey{}}
	for b = b[keysHead:]; len(b) > 0; b = b[keysEntry:] {
		key, err := seal.NewVaultKey(bytes.Clone(b[len(seal.ID{}):keysEntry]))
		if err != nil {
			return keys{}, fmt.Errorf("session: %w: %w", vault.ErrDamaged, err)
		}
		k.of[seal.ID(b)] = key
	}
	return k, nil
}

// with returns the keys with that of one more vault.
func (k keys) with(id seal.ID, key seal.VaultKey) keys {
	out := k.without(id)
	out.of[id] = key
	return out
}

func (k keys) without(id seal.ID) keys {
	out := keys{user: k.user, of: map[seal.ID]seal.VaultKey{}}
	for i, key := range k.of {
		if i != id {
			out.of[i] = key
		}
	}
	return out
}

// A wrapped is the key of a vault as the service keeps it.
type wrapped struct{ wrap, iv, salt []byte }

func (w wrapped) check() error {
	switch {
	case len(w.wrap) != seal.BlobWrapSize:
		return fmt.Errorf("the vault is %w: its wrapped key has %d bytes, not %d", vault.ErrDamaged, len(w.wrap), seal.BlobWrapSize)
	case len(w.iv) != seal.BlobIVSize:
		return fmt.Errorf("the vault is %w: the iv of its key has %d bytes, not %d", vault.ErrDamaged, len(w.iv), seal.BlobIVSize)
	case len(w.salt) != seal.SaltSize:
		return fmt.Errorf("the vault is %w: its salt has %d bytes, not %d", vault.ErrDamaged, len(w.salt), seal.SaltSize)
	}
	return nil
}

// bytes are those that are kept on this machine.
func (w wrapped) bytes() []byte { return bytes.Join([][]byte{w.wrap, w.iv, w.salt}, nil) }

func parseWrapped(b []byte) (wrapped, bool) {
	if len(b) != seal.BlobWrapSize+seal.BlobIVSize+seal.SaltSize {
		return wrapped{}, false
	}
	rest := b[seal.BlobWrapSize:]
	return wrapped{b[:seal.BlobWrapSize], rest[:seal.BlobIVSize], rest[seal.BlobIVSize:]}, true
}

// shellWord quotes a word for a shell where it has to be.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
