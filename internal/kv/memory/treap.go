package memory

import (
	"bytes"
	"hash/fnv"
)

// A node is one pair in a treap: a search tree by key that is also a heap by
// weight, which keeps it flat. Nodes never change once they are reachable; a
// write copies the path from the root to what it changes.
type node struct {
	key, value  []byte
	weight      uint64
	left, right *node
}

// leaf returns a node with copies of key and value.
func leaf(key, value []byte) *node {
	h := fnv.New64a()
	_, _ = h.Write(key)
	w := h.Sum64()
	w ^= w >> 31 // FNV leaves keys with one ending near each other
	w *= 0x9e3779b97f4a7c15
	w ^= w >> 29
	return &node{key: bytes.Clone(key), value: append([]byte{}, value...), weight: w}
}

func put(n, add *node) *node {
	if n == nil {
		return add
	}
	c := *n
	switch d := bytes.Compare(add.key, n.key); {
	case d == 0:
		c.value = add.value
	case d < 0:
		if c.left = put(n.left, add); c.left.weight > c.weight {
			up := *c.left
			c.left, up.right = up.right, &c
			return &up
		}
	default:
		if c.right = put(n.right, add); c.right.weight > c.weight {
			up := *c.right
			c.right, up.left = up.left, &c
			return &up
		}
	}
	return &c
}

func remove(n *node, key []byte) *node {
	if n == nil {
		return nil
	}
	c := *n
	switch d := bytes.Compare(key, n.key); {
	case d == 0:
		return join(n.left, n.right)
	case d < 0:
		c.left = remove(n.left, key)
	default:
		c.right = remove(n.right, key)
	}
	return &c
}

// join merges two treaps, of which a holds only smaller keys than b.
func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.weight > b.weight:
		c := *a
		c.right = join(a.right, b)
		return &c
	default:
		c := *b
		c.left = join(a, b.left)
		return &c
	}
}

// scan yields the keys with this prefix in order until yield says no.
func scan(n *node, prefix []byte, yield func([]byte, []byte) bool) bool {
	if n == nil {
		return true
	}
	in := bytes.HasPrefix(n.key, prefix)
	after := in || bytes.Compare(n.key, prefix) > 0
	if after && !scan(n.left, prefix, yield) {
		return false
	}
	if in && !yield(n.key, n.value) {
		return false
	}
	if in || !after {
		return scan(n.right, prefix, yield)
	}
	return true
}
