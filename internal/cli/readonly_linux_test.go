package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What a home that cannot be written to is still good for, and what not.
func wantReadOnly(t *testing.T, h home, why string) {
	t.Helper()
	for _, args := range []string{
		"get mail", "ls", "ls -l", "show mail", "find mail", "history mail", "trash", "vault list", "vault show", "vault check",
		"status", "doctor", "config list", "profile list",
	} {
		if _, errs := h.want(0, "", strings.Fields(args)...); errs != "" {
			t.Errorf("keyhold %s says %q", args, errs)
		}
	}
	for _, args := range []string{
		"put new -", "put mail -", "rm mail", "mv mail post", "restore mail", "vault rename personal mine", "vault default personal",
		"config set color never",
	} {
		_, errs := h.want(1, "value", strings.Fields(args)...)
		if !strings.Contains(errs, why) || !strings.Contains(errs, h.dir()) || strings.Count(errs, "\n") != 1 {
			t.Errorf("keyhold %s says %q", args, errs)
		}
	}
	if got, _ := h.want(0, "", "get", "mail"); got != "new\n" {
		t.Errorf("mail is %q", got)
	}
}

// stocked puts an item with a history into h and returns it in a session.
func (h home) stocked() home {
	h.t.Helper()
	h.want(0, "old", "put", "mail", "-", "--password-file", passwordFile(h.t))
	h = h.session()
	h.want(0, "new", "put", "mail", "-")
	return h
}

// A file system that is mounted read-only.
func TestReadOnly_mounted(t *testing.T) {
	t.Parallel()
	v := newVolume(t, "1m")
	h := v.home("KEYHOLD_KEYRING=off").stocked()
	remount := func(mode string) {
		v.run("mount -o remount," + mode + " tmpfs " + v.dir[strings.Index(v.dir, "/root")+len("/root"):])
	}
	remount("ro")
	wantReadOnly(t, h, "read-only file system")
	remount("rw")
	// A mark that cannot be taken away.
	if err := os.WriteFile(filepath.Join(h.dir(), "local.db.damaged"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.want(10, "value", "put", "new", "-")
	remount("ro")
	wantReadOnly(t, h, "read-only file system")
	remount("rw")
	h.want(0, "", "vault", "check")
	h.want(0, "value", "put", "new", "-")
}

// Files and directories that may only be read. Root may write everywhere, and
// is somebody else for that.
func TestReadOnly_permissions(t *testing.T) {
	t.Parallel()
	h := newHome(t, "KEYHOLD_KEYRING=off").stocked()
	const nobody = 65534
	if os.Geteuid() == 0 {
		// The way there, and to the program.
		for _, dir := range []string{filepath.Dir(keyhold), filepath.Dir(filepath.Dir(h.dir()))} {
			if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // it holds only this test's
				t.Fatal(err)
			}
		}
		h.as = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	var dirs []string
	err := filepath.WalkDir(h.dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if h.as != nil {
			if err := os.Chown(path, nobody, nobody); err != nil {
				return err
			}
		}
		if d.IsDir() {
			dirs = append(dirs, path)
			return os.Chmod(path, 0o500) //nolint:gosec // a directory
		}
		return os.Chmod(path, 0o400)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, dir := range dirs {
			_ = os.Chmod(dir, 0o700) //nolint:gosec // a directory
		}
	})
	wantReadOnly(t, h, "permission denied")
}
