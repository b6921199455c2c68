package servercli

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
)

// errStranger reports a peer of the admin socket that is another user.
var errStranger = errors.New("the peer is another user")

// listen makes the admin socket. One that is there is of a server that was
// killed: the store is locked by now.
func (d dataDir) listen(ctx context.Context) (net.Listener, error) {
	if err := os.Remove(d.socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	path, done, err := socketPath(d)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // by this path it may not be found any more
	}
	if err := os.Chmod(d.socket(), 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return &ownListener{Listener: l, path: d.socket(), uid: os.Geteuid()}, nil
}

// An ownListener accepts connections of one user alone.
type ownListener struct {
	net.Listener

	path string
	uid  int
	once sync.Once
}

// Accept implements net.Listener.
func (l *ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := checkPeer(c, l.uid); err == nil {
			return c, nil
		}
		_ = c.Close()
	}
}

// Close removes the socket too, once.
func (l *ownListener) Close() (err error) {
	l.once.Do(func() { err = errors.Join(l.Listener.Close(), os.Remove(l.path)) })
	return err
}
