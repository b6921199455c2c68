package child

import (
	"context"
	"os"
	"time"

	"github.com/keyhold/keyhold/internal/mask"
)

// pipes are the streams of a program that are no terminals.
type pipes struct {
	theirs  []*os.File // to be closed when the program has them
	streams []*stream
}

// add returns the end of a new pipe for the program; what it prints goes to out.
func (p *pipes) add(out *os.File, set *mask.Set) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.theirs = append(p.theirs, w)
	p.streams = append(p.streams, newStream(r, set.Writer(out), true))
	return w, nil
}

// started is to be called when the program has its ends, or never will.
func (p *pipes) started() {
	for _, f := range p.theirs {
		_ = f.Close()
	}
}

// end returns when everything is copied.
func (p *pipes) end() {
	for _, s := range p.streams {
		s.end()
	}
}

// runOnPipes runs a program that shares the terminal, if there is one, with
// keyhold, as the parts of a pipeline share it.
func runOnPipes(ctx context.Context, c Command, path string) (status int, err error) {
	var p pipes
	defer p.end()
	defer p.started()
	stdout, err := p.add(c.Stdout, c.Mask)
	if err != nil {
		return 0, err
	}
	stderr := stdout
	if !sameFile(c.Stdout, c.Stderr) { // else the order of what is printed would be lost
		if stderr, err = p.add(c.Stderr, c.Mask); err != nil {
			return 0, err
		}
	}
	signals := catch()
	defer signals.stop()
	proc, err := start(path, c.Args, &os.ProcAttr{Env: c.Env, Files: []*os.File{c.Stdin, stdout, stderr}})
	if err != nil {
		return 0, startError(err)
	}
	p.started()
	return wait(ctx, proc, signals)
}

// wait returns the status of proc, which gets the signals meanwhile.
func wait(ctx context.Context, proc *os.Process, signals *signals) (status int, err error) {
	ended, key := make(chan struct{}), make(chan struct{}, 1)
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals.c:
				if !fromTerminal(s) {
					_ = proc.Signal(s)
				} else if s == os.Interrupt {
					select {
					case key <- struct{}{}:
					default:
					}
				}
			case <-ctx.Done():
				_ = proc.Kill()
				return
			case <-ended:
				return
			}
		}
	}()
	state, err := proc.Wait()
	if err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if statusOf(state) == interruptedStatus && signaled(state) {
		select {
		case <-key:
			return interruptedStatus, ErrInterrupted
		case <-time.After(quiet): // the program may have got it first
		}
	}
	return statusOf(state), nil
}

func sameFile(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}
