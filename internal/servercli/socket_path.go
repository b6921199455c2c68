//go:build !linux

package servercli

// socketPath returns the path of the admin socket. One that is too long is an
// error of whoever uses it.
func socketPath(d dataDir) (path string, done func(), err error) {
	return d.socket(), func() {}, nil
}
