package term

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// A device is a console.
type device struct{ in, out string }

var controlling = device{"CONIN$", "CONOUT$"}

const maxLine = 4095

// A terminal is the console of the process.
type terminal struct {
	in, out *os.File
	saved   uint32
	reading bool // a read that was given up still uses in
}

func openTerminal(d device) (*terminal, error) {
	in, err := os.OpenFile(d.in, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(d.out, os.O_RDWR, 0)
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	t := &terminal{in: in, out: out}
	if err := windows.GetConsoleMode(windows.Handle(in.Fd()), &t.saved); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *terminal) close() {
	if !t.reading {
		_ = t.in.Close()
	}
	_ = t.out.Close()
}

// ask shows prompt and reads a line. The console cannot be told to give up a
// read: when ctx ends first, the read is left to itself, for the process is
// about to end too.
func (t *terminal) ask(ctx context.Context, prompt string, echo bool) ([]byte, error) {
	mode := t.saved | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_ECHO_INPUT
	if !echo {
		mode &^= windows.ENABLE_ECHO_INPUT
	}
	if err := windows.SetConsoleMode(windows.Handle(t.in.Fd()), mode); err != nil {
		return nil, err
	}
	defer func() { _ = windows.SetConsoleMode(windows.Handle(t.in.Fd()), t.saved) }()
	if _, err := t.out.WriteString(prompt); err != nil {
		return nil, err
	}
	type result struct {
		line []byte
		err  error
	}
	answer := make(chan result, 1)
	go func() {
		line, err := readLine(t.in)
		answer <- result{line, err}
	}()
	var r result
	select {
	case r = <-answer:
	case <-ctx.Done():
		t.reading = true
		r.err = context.Cause(ctx)
	}
	if r.err != nil || !echo {
		_, _ = t.out.WriteString("\r\n")
	}
	return r.line, r.err
}

func readLine(in io.Reader) ([]byte, error) {
	var l lineBuffer
	var buf [4096]byte
	defer clear(buf[:])
	for {
		n, err := in.Read(buf[:])
		if err != nil && !errors.Is(err, io.EOF) {
			clear(l.line)
			return nil, err
		}
		if complete, err := l.add(buf[:n]); complete {
			if end := len(l.line); end > 0 && l.line[end-1] == '\r' {
				l.line = l.line[:end-1]
			}
			return l.line, err
		}
	}
}
