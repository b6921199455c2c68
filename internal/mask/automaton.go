package mask

import (
	"bytes"
	"cmp"
)

// An automaton finds all patterns in one pass (Aho and Corasick). A state is a
// node of the tree of all patterns, by its index: the longest end of the text so
// far that a pattern begins with.
//
// State 0 is the root, the empty end. The states up to top are ends of one byte,
// the class of that byte. Their next states are in a table; deeper in the tree
// most nodes have one child, so that a list of children is as fast as a table and
// much smaller.
type automaton struct {
	class [256]uint16 // of each byte in a pattern, from 1 on; of others 0
	top   int32       // the number of classes
	table []int32     // of each state up to top, its next states by class
	nodes []node
}

// A node is a beginning of a pattern.
type node struct {
	child, sibling int32 // the first child; the next child of the same parent; 0: none
	fail           int32 // the longest proper end of this one that is a node
	wrap           int32 // the longest end, this one included, that begins a pattern that wraps
	depth          int32 // its length
	found          int32 // the length of the longest pattern that ends here, 0: none does
	foundWrap      int32 // the same of those that wrap
	c              byte  // the last byte
}

// A pattern is what an automaton looks for; wraps says that line breaks may be
// in it.
type pattern struct {
	text  []byte
	wraps bool
}

func (p pattern) equal(q pattern) bool { return p.wraps == q.wraps && bytes.Equal(p.text, q.text) }

func (a *automaton) init(patterns []pattern) {
	size := 1 + len(a.class)
	var used [256]bool
	for _, p := range patterns {
		size += len(p.text)
		for _, c := range p.text {
			used[c] = true
		}
	}
	for c, used := range used {
		if used {
			a.top++
			a.class[c] = uint16(a.top) //nolint:gosec // at most 256
		}
	}
	a.nodes = make([]node, a.top+1, size)
	for _, p := range patterns {
		a.add(p)
	}
	a.tabulate()
	a.link()
}

func (a *automaton) add(p pattern) {
	n := int32(a.class[p.text[0]])
	a.nodes[n].depth = 1
	for i, c := range p.text {
		if i > 0 {
			n = a.grow(n, c)
		}
		if p.wraps {
			a.nodes[n].wrap = n
		}
	}
	at := &a.nodes[n]
	at.found = at.depth
	if p.wraps {
		at.foundWrap = at.depth
	}
}

// grow returns the child of n by c, a new one if there is none.
func (a *automaton) grow(n int32, c byte) int32 {
	at := &a.nodes[n]
	for k := at.child; k != 0; k = a.nodes[k].sibling {
		if a.nodes[k].c == c {
			return k
		}
	}
	k := int32(len(a.nodes)) //nolint:gosec // 2^31 nodes would take 70 GB
	a.nodes = append(a.nodes, node{sibling: at.child, depth: at.depth + 1, c: c})
	a.nodes[n].child = k
	return k
}

func (a *automaton) tabulate() {
	width := a.top + 1
	a.table = make([]int32, width*width)
	root := a.table[:width]
	for n := range width {
		if a.nodes[n].depth == 1 {
			root[n] = n
		}
	}
	for n := int32(1); n < width; n++ {
		row := a.table[n*width:][:width]
		copy(row, root)
		for k := a.nodes[n].child; k != 0; k = a.nodes[k].sibling {
			row[a.class[a.nodes[k].c]] = k
		}
	}
}

// link completes the nodes, from the root downwards: what a node fails to is
// nearer to the root, and complete.
func (a *automaton) link() {
	queue := make([]int32, 0, len(a.nodes))
	for n := int32(1); n <= a.top; n++ {
		queue = append(queue, n)
	}
	for i := 0; i < len(queue); i++ {
		n := queue[i]
		fail := a.nodes[n].fail
		for k := a.nodes[n].child; k != 0; k = a.nodes[k].sibling {
			at := &a.nodes[k]
			at.fail = a.step(fail, at.c)
			shorter := &a.nodes[at.fail]
			at.wrap = cmp.Or(at.wrap, shorter.wrap)
			at.found = cmp.Or(at.found, shorter.found)
			at.foundWrap = cmp.Or(at.foundWrap, shorter.foundWrap)
			queue = append(queue, k)
		}
	}
}

// step returns the state after n and c.
func (a *automaton) step(n int32, c byte) int32 {
	for n > a.top {
		at := &a.nodes[n]
		for k := at.child; k != 0; k = a.nodes[k].sibling {
			if a.nodes[k].c == c {
				return k
			}
		}
		n = at.fail
	}
	return a.table[n*(a.top+1)+int32(a.class[c])]
}
