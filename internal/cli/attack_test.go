package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/internal/hostile"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/secret"
	door "github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/server/vaultctl/releasedtest"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// A stage is a hostile server and two cast with homes who share vaults there.
// Each script has its own, a copy of one that is set up once: making accounts
// takes seconds. All are below one address, since a home believes no other.
type stage struct {
	script string // its working directory
	path   string // below the address
	store  kv.DB
	server *hostile.Server

	handler http.Handler // that, or another

	mu   sync.Mutex
	sent int // requests that came elsewhere

	preflights []string // what was sent as master password to be looked at

	homes, stored map[string]string // as they were when the lie began
}

// web serves all stages.
var web = sync.OnceValue(func() *httptest.Server { return httptest.NewServer(http.HandlerFunc(serveStages)) })

// theStage has what all stages share.
var theStage struct {
	once sync.Once
	err  error

	first  *stage // of which the others are copies
	mu     sync.Mutex
	stages []*stage
	dir    string // the homes at the beginning
	store  map[string]string
}

// cast are who has a home on a stage.
var cast = []string{"ann", "bob"}

// newStage puts a server behind the next path.
func newStage(script string, records map[string]string, isOld bool) (*stage, error) {
	s := &stage{script: script, store: memory.New()}
	err := s.store.Update(context.Background(), func(tx kv.Tx) error {
		for k, v := range records {
			if err := tx.Put([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent++
	}))
	deps, err := serverOver(s.store, time.Now)
	if err != nil {
		return nil, err
	}
	if s.server, err = hostile.New(door.New(deps), elsewhere.URL); err != nil {
		return nil, err
	}
	s.handler = s.server
	if isOld {
		s.handler = s.listen(releasedtest.New(deps, releasedtest.Options{}))
	}
	addStage(s)
	return s, nil
}

// addStage puts a stage behind the next path.
func addStage(s *stage) {
	theStage.mu.Lock()
	defer theStage.mu.Unlock()
	s.path = fmt.Sprintf("/stage%d", len(theStage.stages))
	theStage.stages = append(theStage.stages, s)
}

// serverOver is what the server over a store is made of.
func serverOver(db kv.DB, now func() time.Time) (door.Deps, error) {
	keys, err := accounts.NewKeys(secret.Of(bytes.Repeat([]byte{'k'}, 32)))
	return door.Deps{
		Store: db, Keys: keys, Now: now, Rand: rand.Reader, Mode: accounts.Open, Log: slog.New(slog.DiscardHandler),
		Limits: door.Limits{Credentials: 1 << 20, StepUp: 1 << 20, Users: 1 << 20},
	}, err
}

// setHandler puts another server behind a stage.
func (s *stage) setHandler(h http.Handler) {
	theStage.mu.Lock()
	defer theStage.mu.Unlock()
	s.handler = h
}

// serveStages answers for all stages.
func serveStages(w http.ResponseWriter, r *http.Request) {
	var h http.Handler
	theStage.mu.Lock()
	for _, s := range theStage.stages {
		if rest, ok := strings.CutPrefix(r.URL.Path, s.path+"/"); ok {
			r.URL.Path, h = "/"+rest, s.handler
			break
		}
	}
	theStage.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// setUp sets up the stage that all others are copies of.
func setUp() error {
	theStage.once.Do(func() {
		theStage.dir = filepath.Join(filepath.Dir(keyhold), "stage")
		theStage.err = rehearse()
	})
	return theStage.err
}

// rehearse makes two accounts and a vault that they share, with what has been
// seen of it on both machines, and a second one.
func rehearse() error {
	s, err := newStage("", nil, false)
	if err != nil {
		return err
	}
	run := func(who, stdin string, args ...string) (string, error) {
		cmd := exec.Command(keyhold, args...)
		cmd.Env = append(os.Environ(), "KEYHOLD_HOME="+filepath.Join(theStage.dir, who), "KEYHOLD_KEYRING=file", "KEYHOLD_PASSWORD="+password)
		cmd.Stdin = strings.NewReader(stdin)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("keyhold %s: %w: %s", strings.Join(args, " "), err, errs.String())
		}
		return string(out), err
	}
	prints := map[string]string{}
	for _, who := range cast {
		if _, err := run(who, "", "signup", "--url", web().URL+s.path+"/api/v1", "--email", who+"@example.com"); err != nil {
			return err
		}
		if prints[who], err = run(who, "", "vault", "fingerprint"); err != nil {
			return err
		}
	}
	for _, step := range []struct{ who, stdin, args string }{
		{"ann", "", "vault create team --shared"},
		{"ann", "", "vault create ops --shared"},
		{"ann", "hunter2", "put db - --vault team"},
		{"ann", "letmein", "put mail - --vault team"},
		{"ann", "", "vault share team bob@example.com --fingerprint bob"},
		{"ann", "", "vault share ops bob@example.com"},
		{"bob", "", "vault accept team --fingerprint ann"},
		{"bob", "", "vault accept ops"},
		{"bob", "", "get db --vault team"},
		{"bob", "", "ls --vault ops"},
		{"ann", "", "sync"},
		{"bob", "", "sync"},
		{"ann", password, "unlock --password-stdin"},
		{"bob", password, "unlock --password-stdin"},
	} {
		args := strings.Fields(step.args)
		for i, a := range args {
			if prints[a] != "" {
				args[i] = strings.TrimSpace(prints[a])
			}
		}
		if _, err := run(step.who, step.stdin, args...); err != nil {
			return err
		}
	}
	theStage.first = s
	theStage.store, err = dump(s.store, "")
	return err
}

// dump returns the records of a store, but for those with the prefix.
func dump(db kv.DB, but string) (map[string]string, error) {
	all := map[string]string{}
	err := db.View(context.Background(), func(tx kv.Tx) error {
		clear(all)
		for k, v := range tx.Scan(nil) {
			if but == "" || !bytes.HasPrefix(k, []byte(but)) {
				all[string(k)] = string(v)
			}
		}
		return nil
	})
	return all, err
}

// attack sets the stage: ann and bob, who share the vaults team and ops, each
// with an open session, at a server that can lie.
func attack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: attack")
	}
	ts.Check(setUp())
	s, err := newStage(ts.MkAbs("."), theStage.store, false)
	ts.Check(err)
	for _, who := range cast {
		ts.Check(copyHomeOf(who, ts.MkAbs(who), s.path))
	}
	ts.Setenv("KEYHOLD_KEYRING", "file")
	ts.Setenv("URL", web().URL+s.path+"/api/v1")
}

// copyHomeOf copies the home that somebody has on the first stage, for another one.
func copyHomeOf(who, dir, path string) error {
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(theStage.dir, who))); err != nil {
		return err
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(path, info.Mode()&0o700)
	})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "config.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, bytes.ReplaceAll(text, []byte(theStage.first.path+"/"), []byte(path+"/")), 0o600)
}

// stageOf returns the stage of a script.
func stageOf(ts *testscript.TestScript) *stage {
	theStage.mu.Lock()
	defer theStage.mu.Unlock()
	for _, s := range theStage.stages {
		if s.script == ts.MkAbs(".") && s.script != "" {
			return s
		}
	}
	ts.Fatalf("there was no attack before")
	return nil
}

// tell LIE has the server tell a lie; tell truth ends it. What machines and the
// server have by then is remembered for unharmed.
func tell(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tell LIE|truth")
	}
	s := stageOf(ts)
	var err error
	s.stored, err = dump(s.store, "as/")
	ts.Check(err)
	s.homes, err = s.pins()
	ts.Check(err)
	ts.Check(s.server.Tell(strings.TrimPrefix(args[0], "truth")))
}

// pins returns what the machines remember, but for when they asked last.
func (s *stage) pins() (map[string]string, error) {
	all := map[string]string{}
	for _, who := range cast {
		records, err := dump(bolt.New(filepath.Join(s.script, who, "state.db")), "m/")
		if err != nil {
			return nil, err
		}
		for k, v := range records {
			all[who+" "+k] = v
		}
	}
	return all, nil
}

// unharmed [copies] fails if since the lie began anything but GETs was sent, if
// anything came elsewhere, or if a machine or the server has not the same as
// before. With copies a machine may have copied what the server showed: the list
// and sealed items, but no pin.
func unharmed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 && args[0] != "copies" {
		ts.Fatalf("usage: unharmed [copies]")
	}
	s := stageOf(ts)
	asked := s.server.Asked()
	if len(asked) == 0 {
		ts.Fatalf("nothing was asked: the lie was not told")
	}
	for _, a := range asked {
		if !strings.HasPrefix(a, "GET ") {
			ts.Fatalf("after the lie %s was sent", a)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent > 0 {
		ts.Fatalf("%d requests followed to another server", s.sent)
	}
	pins, err := s.pins()
	ts.Check(err)
	if len(args) > 0 {
		for _, all := range []map[string]string{s.homes, pins} {
			maps.DeleteFunc(all, func(k, _ string) bool {
				_, k, _ = strings.Cut(k, " ")
				return slices.Contains([]string{"w/", "f/", "in", "id", "ix", "it"}, k[:2])
			})
		}
	}
	stored, err := dump(s.store, "as/")
	ts.Check(err)
	for what, both := range map[string][2]map[string]string{"a machine": {s.homes, pins}, "the server": {s.stored, stored}} {
		if !maps.Equal(both[0], both[1]) {
			ts.Fatalf("%s has changed:%s", what, difference(both[0], both[1]))
		}
	}
}

// difference names the records that are not the same.
func difference(a, b map[string]string) string {
	var keys []string
	for k := range a {
		if v, ok := b[k]; !ok || v != a[k] {
			keys = append(keys, fmt.Sprintf("%q", k))
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, fmt.Sprintf("new %q", k))
		}
	}
	slices.Sort(keys)
	return " " + strings.Join(keys, ", ")
}
