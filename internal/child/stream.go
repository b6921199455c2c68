package child

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/keyhold/keyhold/internal/mask"
)

// A stream copies what a program prints, masked.
type stream struct {
	from *os.File
	done chan struct{} // closed when nothing more is copied

	mu     sync.Mutex
	to     *mask.Writer
	timer  *time.Timer // to flush what is held
	copied uint64      // bytes so far

	finish func() // closes done, once
}

// newStream starts to copy. If to takes no more and closing is true, from is
// closed, as the program would find to closed; else the rest is thrown away.
func newStream(from *os.File, to *mask.Writer, closing bool) *stream {
	s := &stream{from: from, to: to, done: make(chan struct{})}
	s.finish = sync.OnceFunc(func() { close(s.done) })
	s.timer = time.AfterFunc(time.Hour, s.flush)
	s.timer.Stop()
	go s.copy(closing)
	return s
}

func (s *stream) copy(closing bool) {
	defer s.finish()
	buf := make([]byte, 64<<10)
	for {
		n, err := s.from.Read(buf)
		if s.write(buf[:n]) != nil && closing {
			_ = s.from.Close()
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			drain(s.from, buf, s.write)
		}
		if err != nil {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	_ = s.to.Close()
}

func (s *stream) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.copied += uint64(len(p))
	_, err := s.to.Write(p)
	if s.to.Held() {
		s.timer.Reset(quiet)
	}
	return err
}

func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.to.Flush()
}

// end returns when everything is copied that was printed up to now. The program
// is gone; others may hold the stream for ever.
func (s *stream) end() {
	stop := time.AfterFunc(grace, func() {
		if s.from.SetReadDeadline(time.Unix(1, 0)) != nil {
			s.mu.Lock() // but what is being written is written
			defer s.mu.Unlock()
			s.finish()
		}
	})
	<-s.done
	stop.Stop()
	_ = s.from.Close()
}
