package vaultctl_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
)

// ci is a machine that keeps nothing: its profile is a file with the pins of h.
func (h *home) ci(t *testing.T, n int) *home {
	t.Helper()
	c := &home{TB: t, w: h.w, driver: h.driver, state: memory.New(), password: h.password}
	c.deps = h.deps
	c.deps.Device = device.NewTransientAccount(c.state, "./ci.yaml")
	c.deps.Service.Device = fmt.Sprint("ci ", n)
	c.deps.Keep = c.keep
	all := dump(t, h.state)
	err := c.state.Update(t.Context(), func(tx kv.Tx) error {
		for k, v := range all {
			if k[:2] == "p/" || k[:2] == "t/" {
				if err := tx.Put([]byte(k), []byte(v)); err != nil {
					return err
				}
			}
		}
		var l device.Login
		err := h.state.View(t.Context(), func(from kv.Tx) (err error) {
			l, err = h.deps.Device.Login(from)
			return err
		})
		l.SealedIdentity, l.SealedRSA, l.Salt = nil, nil, nil
		return errors.Join(err, c.deps.Device.PutLogin(tx, l))
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Several jobs with the same profile file read at once, each by a login of its
// own, and what the service shows has to fit the pins.
func TestProfileFile(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, false)
	tm.bob.want(tm.bob.open(tm.bob.fresh(), "team"), "db", "hunter2")
	var wg sync.WaitGroup
	for n := range 5 {
		c := tm.bob.ci(t, n)
		wg.Go(func() {
			for range 2 {
				if err := c.unlock(); err != nil {
					t.Errorf("Unlock: %v", err)
					return
				}
				v, err := c.account().Vault(t.Context(), tm.id)
				if err != nil {
					t.Errorf("Vault: %v", err)
					return
				}
				c.want(v, "db", "hunter2")
			}
		})
	}
	wg.Wait()
	if _, err := tm.bob.fresh().Vaults(t.Context()); err != nil {
		t.Errorf("the machine that the file is from: %v", err)
	}

	f := newForger(t)
	for name, tt := range map[string]struct {
		path, code string
		lie        func(map[string]any)
	}{
		"another account key": {"/auth/login", backend.ChangedKey, f.user},
		"a weaker derivation": {"/auth/prelogin", backend.WeakKDF, func(m map[string]any) { m["memoryKB"] = 19456 }},
	} {
		tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) { rewrite(w, r, next, tt.path, tt.lie) })
		var alarm *backend.AlarmError
		if err := tm.bob.ci(t, 9).unlock(); !errors.As(err, &alarm) || alarm.Code != tt.code {
			t.Errorf("%s: error %v, want the alarm %s", name, err, tt.code)
		}
	}
	tm.lying(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rewrite(w, r, next, "/vaults", inTeam(tm, func(v map[string]any, _ []any) { v["revision"] = 1 }))
	})
	c := tm.bob.ci(t, 9)
	if err := c.unlock(); err != nil {
		t.Fatalf("Unlock: %v", err)
	}
	a := c.account()
	if i := tm.listed(c, a); !i.Damaged {
		t.Errorf("an older vault is listed as %+v", i)
	}
	v, err := a.Vault(t.Context(), tm.id)
	if err == nil {
		_, err = v.Lookup(t.Context(), "db")
	}
	var alarm *backend.AlarmError
	if !errors.As(err, &alarm) || alarm.Code != backend.Rollback {
		t.Errorf("an older vault: error %v, want the alarm %s", err, backend.Rollback)
	}
}
