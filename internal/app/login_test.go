package app_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/apptest"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// Where a login stands whatever the password is, a person who mistyped it does
// not have to log in in the browser once more.
func TestLogin_wrongPasswordWhereTheLoginStands(t *testing.T) {
	t.Parallel()
	for _, stands := range []bool{true, false} {
		var did []string
		end := errors.New("enough")
		w := apptest.New(t)
		w.Person.Answers = []string{"first", "second"}
		w.Backends = backend.NewRegistry(backend.Driver{
			Name: "pwm", LoginStands: stands,
			Login: func(_ context.Context, _ backend.Deps, pw secret.String) (secret.Bytes, error) {
				did = append(did, "login with "+pw.Reveal())
				if pw.Reveal() == "first" {
					return secret.Bytes{}, vault.ErrWrongPassword
				}
				return secret.Bytes{}, end
			},
			Unlock: func(_ context.Context, _ backend.Deps, pw secret.String) (secret.Bytes, error) {
				did = append(did, "unlock with "+pw.Reveal())
				return secret.Bytes{}, end
			},
		})
		if err := errors.Join(w.Load(nil)); err != nil {
			t.Fatal(err)
		}
		_, err := w.Login(t.Context(), app.Place{Backend: "pwm", URL: "http://127.0.0.1:1/pwm", Email: "ann@example.com"})
		want := []string{"login with first", "login with second"}
		if stands {
			want[1] = "unlock with second"
		}
		if !errors.Is(err, end) || !slices.Equal(did, want) {
			t.Errorf("with LoginStands %v it did %q, %v; want %q", stands, did, err, want)
		}
	}
}

// What was seen of a blob is remembered when the blob is forgotten: an older one
// would be believed.
func TestLogout_forgetsBlobs(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := apptest.New(t)
	w.Env["KEYHOLD_PROFILE"] = "work"
	var account *device.Account
	w.Backends = backend.NewRegistry(backend.Driver{
		Name:   "pwm",
		Logout: func(_ context.Context, d backend.Deps) error { account = d.Device; return nil },
	})
	if err := errors.Join(w.Load(nil)); err != nil {
		t.Fatal(err)
	}
	home, err := w.Home()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := home.Make(w.Rand); err != nil {
		t.Fatal(err)
	}
	file, err := w.Config()
	if err != nil {
		t.Fatal(err)
	}
	err = file.Update(func(e *config.Edit) error {
		return e.AddProfile("work", config.Profile{Backend: "pwm", URL: "http://127.0.0.1:1/pwm", Email: "ann@example.com"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Logout(ctx, false); err != nil {
		t.Fatal(err)
	}
	at, id := device.PlaceOf(seal.PublicKey{1}), seal.ID{2}
	old, now := device.Blob{Version: 1, IV: []byte("iv 1"), Data: []byte("old")}, device.Blob{Version: 2, IV: []byte("iv 2"), Data: []byte("now")}
	err = account.State().Update(ctx, func(tx kv.Tx) error {
		return errors.Join(account.PutLogin(tx, device.Login{Identity: seal.PublicKey{1}}), at.PutPin(tx, id, device.Pin{KeyVersion: 1}),
			at.PutBlob(tx, id, old), at.PutBlob(tx, id, now))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Logout(ctx, true); err != nil {
		t.Fatal(err)
	}
	err = account.State().View(ctx, func(tx kv.Tx) error {
		if _, there := at.Blob(tx, id); there {
			t.Error("the blob is still there")
		}
		if !at.Replayed(tx, id, device.Blob{Version: 3, IV: old.IV, Data: old.Data}) {
			t.Error("an older blob would be believed")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
