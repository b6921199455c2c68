package servercli_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/keyhold/keyhold/internal/servercli"
)

// The socket is closed to other users, whatever its permissions.
func TestSocket_peer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("the system does not say who the peer is")
	}
	for _, stranger := range []bool{false, true} {
		dir := t.TempDir()
		uid := os.Geteuid()
		if stranger {
			uid++
		}
		l, err := servercli.ListenAs(t.Context(), dir, uid)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				_, _ = io.WriteString(c, "hello")
				_ = c.Close()
			}
		}()
		c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, "admin.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(c); (string(b) == "hello") == stranger {
			t.Errorf("stranger %v reads %q", stranger, b)
		}
		if err := errors.Join(c.Close(), l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A file that appears meanwhile is not written over, and a failure leaves none.
func TestWriteNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	err := servercli.WriteNew(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "ours")
		return errors.Join(err, os.WriteFile(path, []byte("theirs"), 0o600))
	})
	if b, _ := os.ReadFile(path); !errors.Is(err, fs.ErrExist) || string(b) != "theirs" {
		t.Errorf("%v, %q", err, b)
	}
	no := errors.New("no")
	if err := servercli.WriteNew(path+"2", func(io.Writer) error { return no }); !errors.Is(err, no) {
		t.Errorf("WriteNew = %v", err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}
