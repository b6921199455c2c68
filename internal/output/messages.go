package output

import (
	"io"
	"sync"

	"github.com/keyhold/keyhold/internal/exit"
)

// MessageOptions say how messages look and which appear.
type MessageOptions struct {
	JSON     bool   // each message is one JSON object on a line
	Terminal bool   // a person sees them
	Quiet    bool   // neither notices nor hints
	Program  string // stands before each message; "keyhold" by default
}

// Messages writes warnings, notices and the final error, each in one write and
// on one line, with its text made safe. It is safe for concurrent use. A
// message that cannot be written is lost: there is nowhere left to say so.
type Messages struct {
	mu sync.Mutex
	w  io.Writer
	o  MessageOptions
}

// NewMessages returns Messages that writes to w.
func NewMessages(w io.Writer, o MessageOptions) *Messages {
	if o.Program == "" {
		o.Program = "keyhold"
	}
	return &Messages{w: w, o: o}
}

// Warn writes a warning, always. A script that reads JSON knows it by code.
func (m *Messages) Warn(code, text string) {
	if m.o.JSON {
		m.object("warning", Object{{"code", code}, {"message", text}})
		return
	}
	m.text(m.o.Program + ": warning: " + Safe(text) + "\n")
}

// Notice writes what is good to know: only on a terminal, and not if quiet.
func (m *Messages) Notice(text string) {
	switch {
	case m.o.Quiet || !m.o.Terminal:
	case m.o.JSON:
		m.object("notice", Object{{"message", text}})
	default:
		m.text(m.o.Program + ": " + Safe(text) + "\n")
	}
}

// Detail writes what is being done, for who asked to see it.
func (m *Messages) Detail(text string) {
	if m.o.JSON {
		m.object("detail", Object{{"message", text}})
		return
	}
	m.text(m.o.Program + ": " + Safe(text) + "\n")
}

// Fail writes the error that ends the command, and below it the hint, if there
// is one; as text the hint is left out if quiet. The code is one of status.
// With retryable the same command may work a little later.
func (m *Messages) Fail(code string, status exit.Status, message, hint string, retryable bool) {
	if m.o.JSON {
		o := Object{{"code", code}, {"exit", int(status)}, {"message", message}}
		if hint != "" {
			o = append(o, Member{"hint", hint})
		}
		m.object("error", append(o, Member{"retryable", retryable}))
		return
	}
	text := m.o.Program + ": " + Safe(message) + "\n"
	if hint != "" && !m.o.Quiet {
		text += "hint: " + Safe(hint) + "\n"
	}
	m.text(text)
}

func (m *Messages) object(kind string, o Object) {
	// These values can always be encoded.
	line, _ := appendJSON(nil, Object{{kind, o}}, compact)
	m.text(string(line))
}

func (m *Messages) text(s string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = io.WriteString(m.w, s)
}
