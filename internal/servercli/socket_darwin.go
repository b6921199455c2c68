package servercli

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkPeer returns nil if the other end of c is this user.
func checkPeer(c net.Conn) error {
	u, ok := c.(syscall.Conn)
	if !ok {
		return errStranger
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Xucred
	ctl := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	})
	if ctl != nil {
		return ctl
	}
	if err != nil {
		return err
	}
	if int(cred.Uid) != os.Geteuid() {
		return errStranger
	}
	return nil
}
