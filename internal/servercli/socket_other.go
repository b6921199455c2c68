//go:build !linux && !darwin

package servercli

import "net"

// checkPeer leaves it to the permissions of the socket where the system does
// not say who the other end is.
func checkPeer(net.Conn, int) error { return nil }
