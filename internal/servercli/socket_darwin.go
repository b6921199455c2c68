package servercli

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

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
	if int(cred.Uid) != uid {
		return errStranger
	}
	return nil
}
