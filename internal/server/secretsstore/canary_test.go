package secretsstore_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/server/secretsstore"
)

// TestCanary sends values in every way, good and bad, to a server with a store
// on disk, and looks for them in answers, in the log and in every file. So it
// does for tokens.
func TestCanary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := bolt.New(filepath.Join(dir, "server.db"))
	w := newWorld(t, func(d *secretsstore.Deps) { d.Store, d.Gone = db, db.Scrub })
	store := w.made()
	a := w.put(store, "A")
	one := `{"name":"B","value":"` + canary + `","scopes":["workers"]}`
	for _, call := range []string{
		"POST " + store + "/secrets [" + one + "]",
		"POST " + store + "/secrets [" + one + "]", // taken by now
		"POST " + store + "/secrets " + one,
		"POST " + store + "/secrets [" + one + `,{"name":"C","value":"` + canary + `","scopes":["no"]}]`,
		"POST " + store + `/secrets [{"name":"D","value":"` + canary + strings.Repeat("x", 65536) + `","scopes":["dex"]}]`,
		"POST " + store + `/secrets [{"name":"D","value":{"` + canary + `":1},"scopes":["dex"]}]`,
		"POST " + store + `/secrets [{"name":"D","value":"` + canary,
		"POST " + store + `/secrets [{"` + canary + `":1,"` + canary + `":2}]`,
		"POST " + ours + "/stores/" + unknown + "/secrets [" + one + "]",
		"PATCH " + a + ` {"value":"` + canary + `2"}`,
		"PATCH " + a + ` {"value":"` + canary + `","scopes":["no"]}`,
		"PATCH " + a + ` {"value":"` + canary + `","value":"` + canary + `"}`,
		"PATCH " + store + "/secrets/" + unknown + ` {"value":"` + canary + `"}`,
		"POST " + a + `/duplicate {"name":"C","scopes":["dex"],"value":"` + canary + `"}`,
		"GET " + store + "/secrets?search=" + canary + " ",
		"GET " + a + " ",
		"DELETE " + a + " ",
	} {
		parts := strings.SplitN(call, " ", 3)
		for _, token := range []string{"bad" + canary, w.readOnly, w.full} {
			w.do(parts[0], parts[1], parts[2], bearer(token))
		}
	}
	if !strings.Contains(w.do("GET", "/client/v4/p-"+account, "", bearer(w.full)).Body.String(), "p-"+account) {
		t.Error("the path is not in the answer")
	}
	if strings.Contains(w.logged(), "p-"+account) {
		t.Error("the path is in the log")
	}
	clear := map[string]string{"the answers": w.answers.String(), "the log": w.logged()}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		clear[path] = string(b)
		return err
	})
	if err != nil || len(clear) < 3 {
		t.Fatal(err, len(clear))
	}
	for where, text := range clear {
		if len(text) < 1000 {
			t.Errorf("%s is short: %q", where, text)
		}
		for _, secret := range []string{canary, w.full, w.readOnly} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", secret, where)
			}
		}
	}
	for _, want := range []string{`"route":"PATCH /client/v4/accounts/{account}/secrets_store/stores/{store}/secrets/{secret}"`, `"error":"secret_value_too_long"`, `"status":401`} {
		if !strings.Contains(clear["the log"], want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// A broken store fails in the way it is told to.
type broken struct {
	kv.DB

	err error
}

func (b *broken) View(ctx context.Context, fn func(kv.Tx) error) error {
	if b.err != nil {
		return b.err
	}
	return b.DB.View(ctx, fn)
}

// TestFaults has a store that fails.
func TestFaults(t *testing.T) {
	t.Parallel()
	var db *broken
	w := newWorld(t, func(d *secretsstore.Deps) {
		db = &broken{DB: d.Store}
		d.Store = db
		d.Gone = func(context.Context) error { return errors.New("cannot scrub") }
	})
	store := w.made()
	a := w.put(store, "A")
	tests := []struct {
		err          error
		status, code int
		message      string
	}{
		{kv.ErrDamaged, 500, 1002, "internal_error"},
		{kv.ErrBusy, 503, 1002, "unavailable"},
		{context.Canceled, 503, 1002, "unavailable"},
	}
	for _, tt := range tests {
		db.err = tt.err
		for _, call := range []string{"GET " + a, "PATCH " + a} {
			method, path, _ := strings.Cut(call, " ")
			rec := w.do(method, path, "{}", bearer(w.full))
			w.refused(w.read(rec), tt.status, tt.code, tt.message)
			if wait := rec.Header().Get("Retry-After"); (wait != "") != (tt.status == 503) {
				t.Errorf("%v: Retry-After: %q", tt.err, wait)
			}
		}
	}
	if !strings.Contains(w.logged(), kv.ErrDamaged.Error()) {
		t.Error("the fault is not in the log")
	}
	db.err = nil
	w.must(w.full, "DELETE", a, "")
	if !strings.Contains(w.logged(), "cannot scrub") {
		t.Error("that it was not scrubbed is not in the log")
	}
}
