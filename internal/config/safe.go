package config

import (
	"fmt"
	"io/fs"
	"strings"
)

// checkMode refuses a file that somebody else than uid, the user, or root could
// have written. The system's own is uid 0.
func checkMode(path string, mode fs.FileMode, owner, uid int) error {
	if owner != uid && owner != 0 {
		return &UnsafeError{
			path,
			fmt.Sprintf("it belongs to user %d, not to you (user %d) or root", owner, uid),
			fmt.Sprintf("sudo chown %d %s", uid, shellQuote(path)),
		}
	}
	perm := mode.Perm()
	if perm&0o022 == 0 {
		return nil
	}
	who := "others"
	switch {
	case perm&0o022 == 0o022:
		who = "its group and others"
	case perm&0o020 != 0:
		who = "its group"
	}
	return &UnsafeError{path, fmt.Sprintf("%s can write it (mode %04o)", who, perm), "chmod go-w " + shellQuote(path)}
}

// checkDirMode refuses a directory in which others could put another file in
// the place of ours.
func checkDirMode(dir string, mode fs.FileMode) error {
	if mode.Perm()&0o002 == 0 || mode&fs.ModeSticky != 0 {
		return nil
	}
	return &UnsafeError{
		dir,
		fmt.Sprintf("others can write the directory of the configuration (mode %04o)", mode.Perm()),
		"chmod o-w " + shellQuote(dir),
	}
}

func shellQuote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
