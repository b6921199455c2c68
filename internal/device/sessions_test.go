package device

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/keyring"
	"github.com/keyhold/keyhold/internal/secret"
)

func TestStart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.open("default", "")
	s, err := b.Start(t.Context(), "default", text("k"), Limits{Idle: 10 * time.Minute, Absolute: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	home, err := b.home.ID()
	if err != nil {
		t.Fatal(err)
	}
	if ttl := b.ring.ttl[home+":default"]; ttl != 10*time.Minute {
		t.Errorf("time-out %v", ttl)
	}
	for _, s := range []*Session{s, b.open("default", "k")} {
		now := b.clock.now()
		if s.Kind() != KindSession || s.Profile() != "default" || s.Idle() != 10*time.Minute ||
			s.Ends() != time.UnixMilli(now.Add(2*time.Hour).UnixMilli()) || s.Left(now) != 10*time.Minute || len(s.ID()) != 32 {
			t.Errorf("%v %s %v %v %v", s.Kind(), s.Profile(), s.Idle(), s.Ends(), s.Left(now))
		}
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]fs.FileMode{b.home.Path("run"): fs.ModeDir | 0o700, b.run.path(s.id): 0o600} {
			if fi, err := os.Stat(path); err != nil || fi.Mode() != want {
				t.Errorf("%s: %v, %v", path, fi.Mode(), err)
			}
		}
	}
	if bytes.Contains(b.file(s), s.key.Reveal()) {
		t.Error("the record holds its key")
	}
	s.Wipe()
	if !bytes.Equal(s.key.Reveal(), make([]byte, 32)) || s.Keys().Reveal()[0] != 0 {
		t.Error("not wiped")
	}
	b.open("default", "k")
}

func TestStartReplaces(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("default", "one")
	b.start("work", "w")
	token, _ := b.export("default", "exported")
	b.start("default", "two")
	b.open("default", "two")
	b.open("work", "w")
	b.openToken("default", token, "exported")
	if n := b.records(); n != 3 {
		t.Errorf("%d records, want 3", n)
	}

	// After a reboot the keyring is empty; the orphan goes too.
	clear(b.ring.values)
	b.clock.move(2 * time.Minute)
	b.start("default", "three")
	if n := b.records(); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("old", "o")
	write := func(name, content string, age time.Duration) string {
		path := filepath.Join(string(b.run), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		at := b.clock.now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b.clock.move(2 * time.Hour)
	gone := []string{
		write(strings.Repeat("a", 32), "\x01damaged", 0),
		write(".new-1", "x", 2*time.Hour),
	}
	stays := []string{
		write(strings.Repeat("b", 32), "\x02newer", 0),
		write(".new-2", "x", time.Minute),
		write("notes", "x", 9*time.Hour),
	}
	token, _ := b.export("default", "k")
	b.openToken("default", token, "k")
	for _, path := range gone {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range stays {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if n := b.records(); n != 2 { // the new one and the newer one
		t.Errorf("%d records, want 2", n)
	}
}

func TestStartRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	for name, l := range map[string]Limits{
		"negative": {Idle: -1}, "negative end": {Absolute: -time.Hour}, "short": {Idle: time.Microsecond},
	} {
		if _, err := b.Start(ctx, "default", text("k"), l); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, profile := range []string{"", strings.Repeat("p", 129), "a\nb", "\xff"} {
		_, start := b.Start(ctx, profile, text("k"), Limits{})
		_, _, export := b.Export(ctx, profile, text("k"), Limits{})
		_, resume := b.Resume(ctx, profile)
		_, token := b.ResumeToken(ctx, profile, secret.String{})
		errs := []error{start, export, resume, token}
		if profile != "" {
			_, end := b.End(ctx, profile)
			errs = append(errs, end)
		}
		for i, err := range errs {
			if err == nil || errors.Is(err, ErrNoSession) || isToken(err) {
				t.Errorf("profile %q, call %d: %v", profile, i, err)
			}
		}
	}
	if _, err := b.Start(ctx, "default", secret.Of(make([]byte, maxPayload+1)), Limits{}); err == nil {
		t.Error("a payload beyond the limit was accepted")
	}
	b.clock.t = time.Time{}
	if _, err := b.Start(ctx, "default", text("k"), Limits{}); err == nil {
		t.Error("a clock before 1970 was accepted")
	}
	if n := b.records(); n != 0 {
		t.Errorf("%d records left behind", n)
	}
}

func TestLargest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	keys := strings.Repeat("k", maxPayload)
	profile := strings.Repeat("p", maxProfile)
	b.start(profile, keys)
	b.open(profile, keys)
}

func TestNoRandomness(t *testing.T) {
	t.Parallel()
	for n := 0; n < 16+16+32+12; n += 5 {
		b := newBench(t)
		b.rand = failAfter(n)
		if _, err := b.Start(t.Context(), "default", text("k"), Limits{}); !errors.Is(err, errRand) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if b.records() != 0 || len(b.ring.values) != 0 {
			t.Errorf("after %d bytes: something is left", n)
		}
	}
}

func TestRingRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, refused := range []error{keyring.ErrUnavailable, broken} {
		b := newBench(t)
		b.start("default", "one")
		b.ring.setErr = refused
		if _, err := b.Start(t.Context(), "default", text("two"), Limits{}); !errors.Is(err, refused) {
			t.Errorf("Start: %v", err)
		}
		b.open("default", "one")
		if n := b.records(); n != 1 {
			t.Errorf("%d records", n)
		}
		b.ring.err = refused
		_, err := b.Resume(t.Context(), "default")
		if !errors.Is(err, refused) || errors.Is(err, ErrNoSession) != (refused == keyring.ErrUnavailable) {
			t.Errorf("Resume: %v", err)
		}
		n, err := b.End(t.Context(), "")
		if n != 1 || (err != nil) != (refused == broken) {
			t.Errorf("End = %d, %v", n, err)
		}
	}

	b := newBench(t)
	b.Sessions = NewSessions(b.home, nil, b.clock.now, b.rand)
	if _, err := b.Start(t.Context(), "default", text("k"), Limits{}); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("Start without: %v", err)
	}
	b.open("default", "")
	token, s := b.export("default", "k")
	b.openToken("default", token, "k")
	if err := s.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := b.End(t.Context(), ""); n != 1 || err != nil {
		t.Errorf("End = %d, %v", n, err)
	}
}

func TestRingDamaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.start("default", "k")
	name := ringName(s.home, "default")
	good := b.ring.values[name]
	for what, v := range map[string][]byte{
		"short":      good[1:],
		"long":       append(bytes.Clone(good), 0),
		"wrong key":  append(bytes.Clone(good[:16]), make([]byte, 32)...),
		"unknown id": append(make([]byte, 16), good[16:]...),
	} {
		b.ring.values[name] = v
		if _, err := b.Resume(t.Context(), "default"); !errors.Is(err, ErrNoSession) || err.Error() == ErrNoSession.Error() {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.ring.values[name] = good[1:]
	b.start("default", "again")
	b.open("default", "again")
}

// A damaged record is as good as none, and says why.
func TestRecordDamaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ring := b.start("default", "k")
	token, exported := b.export("default", "k")
	for name, damage := range map[string]func([]byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"short":   func(d []byte) []byte { return d[:20] },
		"flipped": func(d []byte) []byte { d[len(d)-1] ^= 1; return d },
		"later":   func(d []byte) []byte { d[4]++; return d },
		"kind":    func(d []byte) []byte { d[1] ^= 3; return d },
		"newer":   func(d []byte) []byte { d[0]++; return d },
		"huge":    func(d []byte) []byte { return append(d, make([]byte, maxRecord)...) },
	} {
		for _, s := range []*Session{ring, exported} {
			good := b.file(s)
			b.put(s, damage(bytes.Clone(good)))
			var err error
			if s == ring {
				_, err = b.Resume(t.Context(), "default")
			} else {
				_, err = b.ResumeToken(t.Context(), "default", token)
			}
			if !errors.Is(err, ErrNoSession) && !isToken(err) || errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && !strings.Contains(err.Error(), "its record is ") {
				t.Errorf("%s: no reason in %q", name, err)
			}
			b.put(s, good)
		}
	}
	b.open("default", "k")
	b.openToken("default", token, "k")
}

func TestEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if n, err := b.End(t.Context(), ""); n != 0 || err != nil {
		t.Fatalf("End of nothing = %d, %v", n, err)
	}
	if _, err := os.Stat(b.home.Path("id")); err == nil {
		t.Error("End made an id")
	}
	b.start("default", "d")
	b.start("work", "w")
	d, _ := b.export("default", "de")
	w, _ := b.export("work", "we")
	if n, err := b.End(t.Context(), "work"); n != 2 || err != nil {
		t.Fatalf("End = %d, %v", n, err)
	}
	b.open("work", "")
	b.openToken("work", w, "")
	b.open("default", "d")
	b.openToken("default", d, "de")
	b.start("work", "w2")
	if err := os.WriteFile(filepath.Join(string(b.run), strings.Repeat("e", 32)), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := b.End(t.Context(), ""); n != 3 || err != nil {
		t.Fatalf("End = %d, %v", n, err)
	}
	b.open("work", "")
	b.open("default", "")
	b.openToken("default", d, "")
	if b.records() != 0 || len(b.ring.values) != 0 {
		t.Errorf("%d records, %d keys left", b.records(), len(b.ring.values))
	}

	// A key whose record is lost is made invalid too.
	s := b.start("default", "d")
	if err := os.Remove(b.run.path(s.id)); err != nil {
		t.Fatal(err)
	}
	if n, err := b.End(t.Context(), ""); n != 0 || err != nil || len(b.ring.values) != 0 {
		t.Errorf("End = %d, %v, %d keys left", n, err, len(b.ring.values))
	}

	// One record that cannot be removed does not keep the others.
	b.start("default", "d")
	stuck := filepath.Join(string(b.run), strings.Repeat("f", 32))
	if err := os.MkdirAll(filepath.Join(stuck, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if n, err := b.End(t.Context(), ""); n != 1 || err == nil || len(b.ring.values) != 0 {
		t.Errorf("End = %d, %v, %d keys left", n, err, len(b.ring.values))
	}
}

// A session started between the looks at the keyring and at the record is
// found.
func TestResumeLooksAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("default", "one")
	s := b.open("default", "one")
	stale := bytes.Clone(b.ring.values[ringName(s.home, "default")])
	b.start("default", "two")
	fresh := b.ring.values[ringName(s.home, "default")]
	b.ring.values[ringName(s.home, "default")] = stale
	gets := 0
	b.ring.onGet = func() {
		if gets++; gets == 2 {
			b.ring.values[ringName(s.home, "default")] = fresh
		}
	}
	b.open("default", "two")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.start("default", "k")
	token, _ := b.export("default", "k")
	if err := os.RemoveAll(string(b.run)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(string(b.run), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, resume := b.Resume(t.Context(), "default")
	_, byToken := b.ResumeToken(t.Context(), "default", token)
	_, start := b.Start(t.Context(), "default", text("k"), Limits{})
	_, end := b.End(t.Context(), "")
	for i, err := range []error{resume, byToken, start, end, s.Renew(t.Context()), s.Reseal(text("x"))} {
		if runtime.GOOS != "windows" && (err == nil || errors.Is(err, ErrNoSession) || isToken(err)) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	b.run.sweep(b.clock.now(), nil)
	if _, _, err := readFile(t.TempDir(), 1, 1); err == nil {
		t.Error("read a directory")
	}
	if _, err := writeTemp(filepath.Join(t.TempDir(), "no"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	var r refusal
	if err := noSession(io.EOF); err != io.EOF || errors.As(err, &r) {
		t.Error(err)
	}
}
