package app

import (
	"fmt"
	"io"

	"github.com/keyhold/keyhold/internal/output"
)

// A Progress shows on standard error how far long work is, if that is a
// terminal and nobody asked for quiet. The first step shows nothing: short work
// is done before anybody could read it.
type Progress struct {
	w       io.Writer // nil: shows nothing
	lines   bool      // whole lines, no cursor movement
	what    string
	percent int
	shown   bool
}

// Progress returns a Progress of what is being done.
func (a *App) Progress(what string) *Progress {
	p := &Progress{what: output.Safe(what), lines: a.Settings.Accessible}
	if a.ErrTerminal && !a.Settings.Quiet && a.Settings.Format != output.JSON {
		p.w = a.Err
	}
	return p
}

// Each tells how much is to be done before another line is worth it: a tenth
// where lines stay, a hundredth where the line is written over.
func (p *Progress) each() int {
	if p.lines {
		return 10
	}
	return 1
}

// Step tells that done of total are done.
func (p *Progress) Step(done, total int) {
	if p.w == nil || total < manySteps {
		return
	}
	percent := done * 100 / total
	if p.shown && percent < p.percent+p.each() && done < total {
		return
	}
	p.shown, p.percent = true, percent
	if p.lines {
		_, _ = fmt.Fprintf(p.w, "%s: %d of %d\n", p.what, done, total)
		return
	}
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s: %d of %d", p.what, done, total)
}

// manySteps is how many steps work has that is worth being shown.
const manySteps = 500

// Done takes away what was shown. It returns nil, so that it joins errors well.
func (p *Progress) Done() error {
	if p.shown && !p.lines {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
	}
	p.shown = false
	return nil
}
