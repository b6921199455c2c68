package mask

// An escape says where in an escape sequence of a terminal (ECMA-48) a stream
// is.
type escape uint8

const (
	outside   escape = iota
	began            // behind ESC
	between          // behind ESC and what comes before a final byte, as in ESC ( B
	control          // in a control sequence: ESC [ … final byte
	commanded        // in a command: ESC ] … BEL, or up to the next ESC
)

const (
	bel = 0x07
	esc = 0x1b
)

// next returns the state behind c, and whether c belongs to a sequence. A byte
// that no sequence can have ends it and is text.
func (e escape) next(c byte) (after escape, part bool) {
	switch {
	case c == esc:
		return began, true
	case e == outside:
		return outside, false
	case e == commanded:
		if c == '\n' || c == '\r' || c == 0x18 || c == 0x1a {
			return outside, false // never ended; else it would swallow everything
		}
		if c == bel {
			return outside, true
		}
		return commanded, true
	case c < ' ' || c > '~':
		return outside, false
	case e == control:
		if c < '@' {
			return control, true
		}
		return outside, true
	case c < '0':
		return between, true
	case e == began && c == '[':
		return control, true
	case e == began && (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_'):
		return commanded, true
	}
	return outside, true
}
