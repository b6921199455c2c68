package app

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
)

// Sent is what this machine remembers of the values that it sent to a store:
// fingerprints, under a key that the keyring has, or the file that its device
// key seals. Where it has no key, it remembers nothing.
type Sent struct {
	db   kv.DB
	key  secret.Bytes
	path []string
}

// sentService and sentOrigin are how the key of the fingerprints is called among the tokens.
const (
	sentService = "sent"
	sentOrigin  = "fingerprints"
)

// Sent returns what is remembered of a store. Where nothing can be kept it is
// empty, and keeps nothing.
func (a *App) Sent(ctx context.Context, s *StoreAccount, store string) (*Sent, error) {
	kind := "account"
	if s.System {
		kind = "system"
	}
	sent := &Sent{path: []string{s.URL, kind, s.ID, store}}
	if _, isFile := a.files[a.Settings.Profile]; isFile {
		return sent, nil
	}
	home, err := a.Home()
	if err != nil {
		return sent, nil //nolint:nilerr // without a home nothing is kept
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return sent, err
	}
	if sent.db, err = a.state(); err != nil {
		return sent, err
	}
	t, err := tokens.Get(ctx, a.Settings.Profile, sentService, sentOrigin)
	if errors.Is(err, device.ErrNoToken) {
		t = device.Token{Origin: sentOrigin}
		key := make([]byte, device.SentKeySize)
		if _, err := io.ReadFull(a.Rand, key); err != nil {
			return sent, err
		}
		t.Secret = secret.Of(key)
		err = tokens.Set(ctx, a.Settings.Profile, sentService, t)
	}
	if errors.Is(err, device.ErrNoDeviceKey) || errors.Is(err, keyring.ErrUnavailable) {
		a.Verbose("no keyring: what was sent is not remembered")
		return sent, nil
	}
	sent.key = t.Secret
	return sent, err
}

func (s *Sent) at(id string) device.SentPlace {
	return device.SentPlaceOf(append(append([]string{}, s.path...), id)...)
}

// Compare reports whether it is known what a secret that was changed at that
// time holds, and whether it is this value.
func (s *Sent) Compare(ctx context.Context, id string, modified time.Time, value secret.Bytes) (known, same bool, err error) {
	if s.key.Len() == 0 {
		return false, false, nil
	}
	at := s.at(id)
	err = s.db.View(ctx, func(tx kv.Tx) error {
		before, ok := device.SentAt(tx, at)
		known = ok && before.Modified.Equal(modified.Truncate(time.Microsecond))
		same = known && before.Fingerprint == device.FingerprintSent(s.key, at, value)
		return nil
	})
	return known, same, err
}

// A SentValue is a value that a service took, and when it says that was. Without a
// Value only the time moved on.
type SentValue struct {
	ID       string
	Was, Now time.Time // without a Value: when it was changed before
	Value    secret.Bytes
}

// Keep remembers what was sent.
func (s *Sent) Keep(ctx context.Context, values ...SentValue) error {
	if s.key.Len() == 0 || len(values) == 0 {
		return nil
	}
	return s.db.Update(ctx, func(tx kv.Tx) error {
		for _, v := range values {
			at := s.at(v.ID)
			now := device.Sent{Modified: v.Now}
			if v.Value.Len() == 0 {
				before, ok := device.SentAt(tx, at)
				if !ok || !before.Modified.Equal(v.Was.Truncate(time.Microsecond)) {
					continue
				}
				now.Fingerprint = before.Fingerprint
			} else {
				now.Fingerprint = device.FingerprintSent(s.key, at, v.Value)
			}
			if err := device.PutSent(tx, at, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget forgets what was sent of secrets that are gone.
func (s *Sent) Forget(ctx context.Context, ids ...string) error {
	if s.key.Len() == 0 {
		return nil
	}
	return s.db.Update(ctx, func(tx kv.Tx) error {
		for _, id := range ids {
			if err := device.DropSent(tx, s.at(id)); err != nil {
				return err
			}
		}
		return nil
	})
}
