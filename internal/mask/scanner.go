package mask

import "bytes"

// A scanner marks what is to be hidden in the bytes that a Writer has.
//
// It follows three texts at once: all bytes; the bytes without escape sequences;
// and those without line breaks too, where only patterns that wrap are looked
// for. Nearly always the last two say no more than the first, since the end of the
// text that matters is all behind the last sequence and the last line break. They
// are followed only as long as theirs is longer: their states are 0 else.
type scanner struct {
	set *Set

	raw, text, wrapped int32  // states of the automaton
	esc                escape // where the bytes are in an escape sequence

	// In the bytes at hand, which can begin behind them:
	escEnd  int // the end of the last escape sequence
	lineEnd int // the end of the last escape sequence or line break

	marks []mark
	any   bool // some byte is marked hidden
}

// A mark says what is known of a byte.
type mark uint8

const (
	escaped mark = 1 << iota // belongs to an escape sequence
	broken                   // is a line break
	hidden                   // belongs to a pattern
	joined                   // and is not the first byte of one
)

func special(c byte) bool { return c == esc || c == '\n' || c == '\r' }

func breaks(c byte) bool { return c == '\n' || c == '\r' }

// run marks data; what is before from is marked already.
func (s *scanner) run(data []byte, from int) {
	if n := len(data) - len(s.marks); n > 0 {
		s.marks = append(s.marks, make([]mark, n)...)
	}
	ahead := lookahead{data: data}
	for i := from; i < len(data); {
		if s.esc == outside && s.text == 0 && s.wrapped == 0 && !special(data[i]) {
			end := ahead.special(i)
			s.span(data, i, end)
			i = end
			continue
		}
		if s.esc != outside {
			if i = s.sequence(data, i); s.esc == outside || i == len(data) {
				continue
			}
		}
		s.byte(data, i)
		i++
	}
}

// A lookahead finds the special bytes of data, in order.
type lookahead struct {
	data []byte
	next [3]int
}

// special returns the place of the next special byte from i on.
func (l *lookahead) special(i int) int {
	first := len(l.data)
	for k, c := range [...]byte{esc, '\n', '\r'} {
		if l.next[k] <= i {
			l.next[k] = len(l.data)
			if n := bytes.IndexByte(l.data[i:], c); n >= 0 {
				l.next[k] = i + n
			}
		}
		first = min(first, l.next[k])
	}
	return first
}

// span goes over data[i:end], where nothing is special and raw says all.
func (s *scanner) span(data []byte, i, end int) {
	for i < end {
		must := i // the least that the automaton has to see itself
		if end-i <= 2*Shortest {
			must = end // not worth it
		}
		if depth := s.shallow(); depth >= 0 && must == i && depth <= min(i, i-s.lineEnd) {
			// As good as from the root, a little earlier.
			start := i - depth
			begin := end - Shortest + 1
			if found := s.set.filter.find(data[start:end]); found >= 0 {
				begin = start + found - stride + 1
				must = start + found + run
			}
			if begin > i {
				s.raw, i = 0, begin
			}
		}
		i = s.follow(data, i, end, must)
	}
}

// shallow returns the depth of raw, -1 where it is more than one.
func (s *scanner) shallow() int {
	switch {
	case s.raw == 0:
		return 0
	case s.raw <= s.set.top:
		return 1
	}
	return -1
}

// follow has the automaton see data[i:end], but beyond must only as long as it
// may be in a pattern. It returns where it stopped.
func (s *scanner) follow(data []byte, i, end, must int) int {
	set, raw := s.set, s.raw
	for i < end {
		if raw <= set.top { // step, for the most frequent states
			raw = set.table[raw*(set.top+1)+int32(set.class[data[i]])]
		} else {
			raw = set.step(raw, data[i])
		}
		i++
		if raw > set.top {
			if found := set.nodes[raw].found; found != 0 {
				s.hide(i, found, 0)
			}
		} else if i >= must {
			break
		}
	}
	s.raw = raw
	return i
}

// sequence goes over the rest of an escape sequence, and returns where it ends.
func (s *scanner) sequence(data []byte, i int) int {
	end := i
	for ; end < len(data) && s.esc != outside; end++ {
		after, part := s.esc.next(data[end])
		if !part {
			break
		}
		s.esc = after
		s.marks[end] |= escaped
	}
	s.follow(data, i, end, end)
	s.escEnd, s.lineEnd = end, end
	return end
}

// byte goes over one byte, whatever it is.
func (s *scanner) byte(data []byte, i int) {
	c, nodes := data[i], s.set.nodes
	before := s.esc
	after, part := before.next(c)
	s.esc = after
	switch {
	case part && before == outside:
		s.text = s.textState(i)
	case !part && breaks(c) && s.wrapped == 0:
		s.wrapped = nodes[s.textState(i)].wrap
	}
	s.raw = s.set.step(s.raw, c)
	if found := nodes[s.raw].found; found != 0 {
		s.hide(i+1, found, 0)
	}
	if part {
		s.marks[i] |= escaped
		s.escEnd, s.lineEnd = i+1, i+1
		return
	}
	if s.text != 0 {
		s.text = s.set.step(s.text, c)
		if found := nodes[s.text].found; found != 0 {
			s.hide(i+1, found, escaped)
		}
		if int(nodes[s.text].depth) <= i+1-s.escEnd {
			s.text = 0
		}
	}
	if breaks(c) {
		s.marks[i] |= broken
		s.lineEnd = i + 1
	} else if s.wrapped != 0 {
		s.wrapped = nodes[s.set.step(s.wrapped, c)].wrap
		if found := nodes[s.wrapped].foundWrap; found != 0 {
			s.hide(i+1, found, escaped|broken)
		}
		if int(nodes[s.wrapped].depth) <= i+1-s.lineEnd {
			s.wrapped = 0
		}
	}
}

// textState returns the state of the text without escape sequences before data[i],
// whether it is followed or not.
func (s *scanner) textState(i int) int32 {
	if s.text != 0 {
		return s.text
	}
	n := s.raw
	for int(s.set.nodes[n].depth) > i-s.escEnd {
		n = s.set.nodes[n].fail
	}
	return n
}

// hide marks the n bytes before end, not counting those marked skip. Some may be
// gone already.
func (s *scanner) hide(end int, n int32, skip mark) {
	s.any = true
	for i := end - 1; i >= 0 && n > 0; i-- {
		if s.marks[i]&skip != 0 {
			continue
		}
		n--
		s.marks[i] |= hidden
		if n > 0 {
			s.marks[i] |= joined
		}
	}
}

// undecided returns where in the n bytes at hand what may be the beginning of a
// pattern begins.
func (s *scanner) undecided(n int) int {
	return min(s.back(n, s.raw, 0), s.back(n, s.text, escaped), s.back(n, s.wrapped, escaped|broken))
}

// back returns where the text of a state begins that ends at end.
func (s *scanner) back(end int, state int32, skip mark) int {
	n := s.set.nodes[state].depth
	i := end
	for ; i > 0 && n > 0; i-- {
		if s.marks[i-1]&skip == 0 {
			n--
		}
	}
	return i
}

// longest returns the length of the longest text that may be the beginning of a
// pattern.
func (s *scanner) longest() int32 {
	nodes := s.set.nodes
	return max(nodes[s.raw].depth, nodes[s.text].depth, nodes[s.wrapped].depth)
}

// decided returns how many of the first n bytes are to be hidden whatever comes,
// with the escape sequences among them.
func (s *scanner) decided(n int) int {
	raw := s.back(n, s.raw, 0)
	for i, m := range s.marks[:n] {
		if m&hidden == 0 && (m&escaped == 0 || i >= raw) {
			return i
		}
	}
	return n
}

// drop forgets the first n of the bytes at hand.
func (s *scanner) drop(n, of int) {
	copy(s.marks, s.marks[n:of])
	clear(s.marks[of-n : of])
	s.escEnd -= n
	s.lineEnd -= n
	s.any = false
	for _, m := range s.marks[:of-n] {
		s.any = s.any || m&hidden != 0
	}
}
