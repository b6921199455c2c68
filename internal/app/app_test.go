package app_test

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/apptest"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/secret"
)

// again returns another process of the same home.
func again(t *testing.T, w *apptest.World, env map[string]string) *apptest.World {
	t.Helper()
	next := apptest.New(t)
	next.Env["KEYHOLD_HOME"] = w.Env["KEYHOLD_HOME"]
	for k, v := range env {
		next.Env[k] = v
	}
	if err := errors.Join(next.Load(nil)); err != nil {
		t.Fatal(err)
	}
	return next
}

// After a reboot the device key is gone from the kernel; unlock brings it back,
// and the tokens can be read again.
func TestUnlock_restoresDeviceKey(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	env := map[string]string{"KEYHOLD_KEYRING": "file", "KEYHOLD_PASSWORD": apptest.Password}
	w := again(t, apptest.NewOpen(t), env)
	home, err := w.Home()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := w.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	account, err := w.Account(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wrap, err := account.(backend.DeviceWrapper).DeviceWrapKey()
	if err != nil {
		t.Fatal(err)
	}
	key := device.NewDeviceKey(home, ring, w.Rand)
	if err := key.Wrap(ctx, wrap); err != nil {
		t.Fatal(err)
	}
	token := device.Token{Origin: "https://api.example.com", Secret: secret.Of([]byte("token-4711"))}
	if err := device.NewTokens(home, nil, key, w.Rand).Set(ctx, "default", "store", token); err != nil {
		t.Fatal(err)
	}
	id, err := home.ID()
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Delete(ctx, id+"/device"); err != nil { // the reboot
		t.Fatal(err)
	}
	get := func() (device.Token, error) {
		return device.NewTokens(home, nil, device.NewDeviceKey(home, ring, w.Rand), w.Rand).Get(ctx, "default", "store", token.Origin)
	}
	if _, err := get(); !errors.Is(err, device.ErrNoDeviceKey) {
		t.Fatalf("before the unlock: %v, want no device key", err)
	}
	if _, err := again(t, w, env).Unlock(ctx, device.Limits{}, false); err != nil {
		t.Fatal(err)
	}
	got, err := get()
	if err != nil || !got.Secret.Equal(token.Secret) {
		t.Errorf("after the unlock: %v", err)
	}
}

// A vault made while two processes have the session open is in both.
func TestKeep_meetsAnotherProcess(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first := apptest.NewOpen(t)
	env := map[string]string{"KEYHOLD_SESSION": first.Env["KEYHOLD_SESSION"], "KEYHOLD_PASSWORD": apptest.Password}
	a, b := again(t, first, env), again(t, first, env)
	for _, w := range []*apptest.World{a, b} { // both read the session before either changes it
		if _, err := w.Account(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for name, w := range map[string]*apptest.World{"one": a, "two": b} {
		if _, err := w.CreateVault(ctx, backend.NewVault{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	account, err := again(t, first, env).Account(ctx)
	if err != nil {
		t.Fatal(err)
	}
	infos, err := account.Vaults(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != 3 {
		t.Fatalf("%d vaults, want 3", len(infos))
	}
	for _, i := range infos {
		if !i.Open {
			t.Errorf("the session lacks the key of %s", i.Name)
		}
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answers []string
		yes     bool
		want    error
	}{
		{"yes", []string{"y"}, false, nil},
		{"no", []string{"n"}, false, app.ErrDeclined},
		{"nobody", nil, false, app.ErrNoAnswer},
		{"--yes", nil, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := apptest.New(t)
			w.Settings.Yes, w.Person.Answers = tt.yes, tt.answers
			if err := w.Confirm(t.Context(), "Really?"); !errors.Is(err, tt.want) {
				t.Errorf("Confirm = %v, want %v", err, tt.want)
			}
			name := apptest.New(t)
			name.Settings.Yes = tt.yes
			for _, a := range tt.answers {
				name.Person.Answers = []string{map[string]string{"y": "work", "n": "home"}[a]}
			}
			if err := name.ConfirmName(t.Context(), "It goes.", "work"); !errors.Is(err, tt.want) {
				t.Errorf("ConfirmName = %v, want %v", err, tt.want)
			}
		})
	}
}
