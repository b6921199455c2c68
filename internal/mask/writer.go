package mask

import (
	"io"
	"slices"
)

// A Writer passes on what is written to it, with the values of its Set hidden.
// It is not safe for concurrent use.
type Writer struct {
	w    io.Writer
	scan scanner
	held []byte // what is not passed on yet; its marks are the scanner's
	out  []byte
	hid  bool // the last byte that was passed on was a hidden one
	err  error
}

// Writer returns a Writer that passes on to w. Every Write, Flush and Close
// becomes at most one Write of w.
func (s *Set) Writer(w io.Writer) *Writer {
	return &Writer{w: w, scan: scanner{set: s}}
}

// Write passes on p but for its end, if that may be the beginning of a value. The
// first error of the Writer behind it is the error of every later call.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	data, from := p, len(w.held)
	if from > 0 {
		w.held = append(w.held, p...)
		data = w.held
	}
	w.scan.run(data, from)
	w.pass(data, w.scan.undecided(len(data)))
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Held reports whether bytes are held back, so that Flush could do something.
func (w *Writer) Held() bool { return len(w.held) > 0 }

// Flush is to be called when nothing was written for a short time. It passes on
// what is decided, and up to three characters of what may be the beginning of a
// value; if they turn out to be one, the rest of it is still hidden.
func (w *Writer) Flush() error {
	n := len(w.held)
	if w.scan.longest() > released {
		n = w.scan.decided(n)
	}
	w.pass(w.held, n)
	return w.err
}

// Close passes on everything that is held back: no value was completed. It does
// not close the Writer behind it.
func (w *Writer) Close() error {
	w.pass(w.held, len(w.held))
	return w.err
}

// pass passes on the first n bytes of data and holds the rest.
func (w *Writer) pass(data []byte, n int) {
	if n > 0 && w.err == nil {
		if out := w.masked(data[:n]); len(out) > 0 {
			_, w.err = w.w.Write(out)
		}
	}
	// data may be the memory of w.held
	w.held = append(w.held[:0], data[n:]...)
	w.scan.drop(n, len(data))
}

// masked returns data, the next bytes to be passed on, with Hidden in place of what is to be
// hidden.
func (w *Writer) masked(data []byte) []byte {
	if !w.scan.any {
		last := len(data) - 1
		for last >= 0 && w.scan.marks[last]&escaped != 0 {
			last--
		}
		w.hid = w.hid && last < 0
		return data
	}
	w.out = slices.Grow(w.out[:0], len(data)+len(Hidden))
	for i, c := range data {
		switch m := w.scan.marks[i]; {
		case m&hidden == 0:
			w.out = append(w.out, c)
			w.hid = w.hid && m&escaped != 0
		case m&joined == 0 || !w.hid:
			w.out = append(w.out, Hidden...)
			w.hid = true
		}
	}
	return w.out
}
