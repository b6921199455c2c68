package servercli

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSocketPath is how long the path of a socket may be.
const maxSocketPath = 107

// socketPath returns a path of the admin socket that is short enough, for as
// long as done is not called.
func socketPath(d dataDir) (path string, done func(), err error) {
	if len(d.socket()) <= maxSocketPath {
		return d.socket(), func() {}, nil
	}
	f, err := os.Open(string(d))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/admin.sock", f.Fd()), func() { _ = f.Close() }, nil
}

// checkPeer returns nil if the other end of c is the user with this id.
func checkPeer(c net.Conn, uid int) error {
	u, ok := c.(syscall.Conn)
	if !ok {
		return errStranger
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	ctl := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) //nolint:gosec // a file descriptor is small
	})
	if ctl != nil {
		return ctl
	}
	if err != nil {
		return err
	}
	if int(cred.Uid) != uid {
		return errStranger
	}
	return nil
}
