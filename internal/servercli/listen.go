package servercli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// How long a client may take. A rekey has 64 MiB, which a slow line carries in
// some minutes.
const (
	headerTime = 10 * time.Second
	bodyTime   = 5 * time.Minute
	idleTime   = 2 * time.Minute
	stopTime   = 10 * time.Second
	maxHeader  = 64 << 10
)

// paired are a listener and what answers there.
type paired struct {
	net.Listener
	http.Handler
}

// serveBoth serves until ctx ends, or one of them fails; then it lets the
// requests at hand come to their end.
func serveBoth(ctx context.Context, log *slog.Logger, all ...paired) error {
	failed := make(chan error, len(all))
	servers := make([]*http.Server, len(all))
	for i, p := range all {
		servers[i] = &http.Server{
			Handler: p.Handler, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: 2 * bodyTime, IdleTimeout: idleTime,
			MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		go func() { failed <- servers[i].Serve(p.Listener) }()
	}
	running := len(all)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		running--
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	for _, s := range servers {
		if e := s.Shutdown(stop); e != nil {
			_ = s.Close() // who is still at it has had time enough
		}
	}
	for range running { // each closes its listener once more, which must not be another server's by then
		err = cmp.Or(notClosed(err), notClosed(<-failed))
	}
	return err
}

// notClosed returns err unless it is what a server says that was shut down.
func notClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
