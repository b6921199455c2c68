package keyring

import "golang.org/x/sys/unix"

// boot returns what differs from one start of the system to the next, or "".
func boot() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
