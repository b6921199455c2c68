//go:build !windows

package child

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/mask"
)

// A slowWriter takes a write when it is told to.
type slowWriter struct {
	asked, ready chan struct{}
	strings.Builder
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.asked <- struct{}{}
	<-w.ready
	return w.Builder.Write(p)
}

// TestLateReader has the program gone, its grace over, and its output held by
// another, before what it printed last could be read: nothing is lost.
func TestLateReader(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	to := &slowWriter{asked: make(chan struct{}), ready: make(chan struct{})}
	s := newStream(r, mask.New(nil).Writer(to), true)
	for i, text := range []string{"first ", "last"} {
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-to.asked
		}
	}
	if err := r.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	to.ready <- struct{}{}
	select {
	case <-to.asked:
		to.ready <- struct{}{}
	case <-s.done:
	}
	s.end()
	if got := to.String(); got != "first last" {
		t.Errorf("%q arrived", got)
	}
}
