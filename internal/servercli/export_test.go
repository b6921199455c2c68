package servercli

import (
	"context"
	"net"
)

// WriteNew makes a file.
var WriteNew = writeNew

// ListenAs makes the admin socket in dir for the user with this id.
func ListenAs(ctx context.Context, dir string, uid int) (net.Listener, error) {
	l, err := dataDir(dir).listen(ctx)
	if own, ok := l.(*ownListener); ok {
		own.uid = uid
	}
	return l, err
}
