package vault

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
)

// A Past is a value that an item had before a change. The entries of one
// change have the same time and make one revision.
//
// One of the kind Opaque is only kept: without Field, Value is an entry of
// another program as JSON; else it is what the member Field of the plaintext
// was, as JSON, before keyhold had to write that member.
type Past struct {
	At     time.Time
	Field  string // empty for ItemName and ItemTags
	Kind   Kind
	Value  secret.Bytes              // tags: joined by newlines
	Absent bool                      // the field was not there; Value is empty
	Extra  map[string]jsontext.Value // members we do not know
}

// The limits of a history: how many revisions, and how many bytes beyond the
// newest one.
const (
	maxRevisions    = 20
	maxHistoryBytes = 64 << 10
)

// Revisions groups the history by change, oldest first.
func (it Item) Revisions() [][]Past {
	var revs [][]Past
	for i, p := range it.History {
		if i > 0 && p.At.Equal(it.History[i-1].At) {
			revs[len(revs)-1] = append(revs[len(revs)-1], p)
		} else {
			revs = append(revs, []Past{p})
		}
	}
	return revs
}

// trim drops the oldest revisions beyond the limits.
func trim(h []Past) []Past {
	revs := Item{History: h}.Revisions()
	kept, size, entries := 0, 0, 0
	for i := len(revs) - 1; i >= 0 && kept < maxRevisions; i-- {
		if kept > 0 { // the newest is kept whatever its size
			for _, p := range revs[i] {
				size += p.size()
			}
			if size > maxHistoryBytes {
				break
			}
		}
		kept++
		entries += len(revs[i])
	}
	return h[len(h)-entries:]
}

// size is what p counts against maxHistoryBytes.
func (p Past) size() int {
	n := len(p.Field) + p.Value.Len()
	for name, v := range p.Extra {
		n += len(name) + len(v)
	}
	return n
}

// mergePasts merges two histories that began as was. An entry that was there
// and is not in one of them any more was dropped for its age.
func mergePasts(was, old, now []Past) []Past {
	left := leftOf(countOf(was, Past.stamped), countOf(old, Past.stamped), countOf(now, Past.stamped))
	take := func(list []Past) (taken []Past) {
		for _, p := range slices.Backward(list) { // the newest are the last to go
			if key := p.stamped(); left[key] > 0 {
				left[key]--
				taken = append(taken, p)
			}
		}
		slices.Reverse(taken)
		return taken
	}
	out := take(now)
	return interleave(take(old), out)
}

// interleave puts the entries of a between those of b, where they are not later.
func interleave(a, b []Past) []Past {
	out := make([]Past, 0, len(a)+len(b))
	for _, p := range b {
		for len(a) > 0 && !a[0].At.After(p.At) {
			out, a = append(out, a[0]), a[1:]
		}
		out = append(out, p)
	}
	return append(out, a...)
}
