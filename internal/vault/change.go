package vault

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Find returns the item that a user calls name: the one with this id, else the
// only one with this name. It returns ErrNotFound or an *AmbiguousError.
func Find(ctx context.Context, v Vault, name string) (Item, error) {
	e, err := FindEntry(ctx, v, name)
	if err != nil {
		return Item{}, err
	}
	return v.Item(ctx, e.ID)
}

// FindEntry is Find for who does not need the data of the item: it also finds
// one whose data is damaged.
func FindEntry(ctx context.Context, v Vault, name string) (Entry, error) {
	if IsID(name) {
		it, err := v.Item(ctx, name)
		var damaged *DamagedError
		switch {
		case err == nil && it.Deleted.IsZero():
			return it.Entry(), nil
		case errors.As(err, &damaged):
			return listed(ctx, v, name, err)
		case err != nil && !errors.Is(err, ErrNotFound):
			return Entry{}, err
		}
	}
	found, err := v.Lookup(ctx, name)
	switch {
	case err != nil:
		return Entry{}, err
	case len(found) == 0:
		return Entry{}, ErrNotFound
	case len(found) > 1:
		return Entry{}, &AmbiguousError{Name: name, Entries: found}
	}
	return found[0], nil
}

// listed returns the entry with this id, or err if no list has it.
func listed(ctx context.Context, v Vault, id string, err error) (Entry, error) {
	for e, lerr := range v.Entries(ctx) {
		var one *DamagedError
		switch {
		case lerr != nil && !errors.As(lerr, &one):
			return Entry{}, lerr
		case e.ID == id:
			return e, nil
		}
	}
	return Entry{}, err
}

// IsID reports whether s is written like the id of an item or a vault: a UUID
// in lower case.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// Snapshot calls fn with v as it is at one moment, if v can do that, else with
// v itself.
func Snapshot(ctx context.Context, v Vault, fn func(Vault) error) error {
	if s, ok := v.(Snapshotter); ok {
		return s.Snapshot(ctx, fn)
	}
	return fn(v)
}

// A Retry says how often and how long a change is tried again after a conflict.
type Retry struct {
	Attempts int
	Within   time.Duration
	Now      func() time.Time
	// Wait waits for a random time between 0 and d, or until ctx is done.
	Wait func(ctx context.Context, d time.Duration) error
}

// The waits between two tries grow from firstWait to longestWait.
const (
	firstWait   = 10 * time.Millisecond
	longestWait = time.Second
)

// Apply commits the change that plan makes. After a conflict it has plan read
// again and make the change anew, until it fits or r is used up; then the last
// *ConflictError is returned and nothing was written. plan must read the vault
// each time it is called. A change of nothing is not committed.
//
// It is for changes that can be made anew from what the vault has by then, such
// as to set one field. Where an item was made from a copy that a person looked
// at, and more time than a moment has passed, ApplyMerged is the right one.
func Apply(ctx context.Context, v Vault, r Retry, plan func(context.Context) (Change, error)) (Revision, []Item, error) {
	return apply(ctx, v, r, plan, func(_ Change, err error) bool { return isConflict(err) })
}

func isConflict(err error) bool {
	var conflict *ConflictError
	return errors.As(err, &conflict)
}

// apply is Apply for who says after which errors a change is made anew.
func apply(
	ctx context.Context, v Vault, r Retry, plan func(context.Context) (Change, error), again func(Change, error) bool,
) (Revision, []Item, error) {
	end := r.Now().Add(r.Within)
	wait := firstWait
	for attempt := 1; ; attempt++ {
		c, err := plan(ctx)
		if err != nil {
			return 0, nil, err
		}
		if len(c.Put)+len(c.Delete)+len(c.Restore) == 0 {
			return c.Base, nil, nil
		}
		rev, items, err := v.Commit(ctx, c)
		if err == nil || !again(c, err) || attempt >= r.Attempts {
			return rev, items, err
		}
		left := end.Sub(r.Now())
		if left <= 0 {
			return rev, items, err
		}
		if q, ok := v.(Queuer); ok && attempt == 1 {
			leave, ok := queue(ctx, q, left)
			if !ok {
				return rev, items, cmp.Or(ctx.Err(), err)
			}
			defer leave()
			continue
		}
		if err := r.Wait(ctx, min(wait, left)); err != nil {
			return 0, nil, err
		}
		wait = min(2*wait, longestWait)
	}
}

// queue waits for a turn for some time at most.
func queue(ctx context.Context, q Queuer, limit time.Duration) (leave func(), ok bool) {
	short, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	leave, err := q.Queue(short)
	return leave, err == nil
}

// ApplyMerged commits items that were made from copies, as edit does. After a
// conflict it reads each of them again, puts together what both sides did
// (Merge) and commits that, until it fits or r is used up; then the last
// *ConflictError is returned and nothing of puts was written. It returns the
// items that were written and what was in conflict in them: to be told, since
// a person should know that a value went to the history.
//
// An item that was deleted meanwhile comes back: out of the trash, by a change
// of its own before this one, or as a new one with the same id. An item to
// which nothing is left to be added is not written. Before each try check is
// asked, with the items that are to be written; its error ends it. It may be
// nil.
func ApplyMerged(ctx context.Context, v Vault, r Retry, puts []Put, check func(context.Context, []Put) error) (Revision, []Item, []Conflict, error) {
	c, conflicts := Change{Put: puts}, map[string][]Conflict{}
	first := true
	plan := func(ctx context.Context) (Change, error) {
		if !first {
			var err error
			if c, err = rebase(ctx, v, puts, conflicts); err != nil {
				return Change{}, err
			}
		}
		first = false
		if check == nil || len(c.Put) == 0 {
			return c, nil
		}
		return c, check(ctx, c.Put)
	}
	for {
		rev, items, err := apply(ctx, v, r, plan, isOutdated)
		r.Attempts--
		if err == nil && len(c.Restore) > 0 && r.Attempts > 0 {
			continue // they are out of the trash: now the change itself
		}
		return rev, items, allOf(puts, conflicts), err
	}
}

// isOutdated reports whether the items of a change are not any more what they
// were made from: changed, or gone for good. That the vault is gone is told by
// the next try, in which no item was made from one.
func isOutdated(c Change, err error) bool {
	made := slices.ContainsFunc(c.Put, func(p Put) bool { return p.Was != nil })
	return isConflict(err) || made && errors.Is(err, ErrNotFound)
}

// rebase returns puts made from what the vault has by now; or, if some of the
// items are in the trash and should not be, the change that takes them out.
func rebase(ctx context.Context, v Vault, puts []Put, conflicts map[string][]Conflict) (Change, error) {
	var c Change
	for _, p := range puts {
		if p.Was == nil {
			c.Put = append(c.Put, p)
			continue
		}
		theirs, err := v.Item(ctx, p.Item.ID)
		if errors.Is(err, ErrNotFound) {
			conflicts[p.Item.ID] = []Conflict{{ID: p.Item.ID, Item: p.Item.Name, What: Undeleted}}
			c.Put = append(c.Put, Put{Item: p.Item, Unique: p.Unique})
			continue
		}
		if err != nil {
			return Change{}, err
		}
		merged, found := Merge(*p.Was, p.Item, theirs)
		if !theirs.Deleted.IsZero() && merged.Deleted.IsZero() {
			conflicts[p.Item.ID] = found
			c.Restore = append(c.Restore, Ref{ID: theirs.ID, Revision: theirs.Revision})
			continue
		}
		conflicts[p.Item.ID] = append(undeleted(conflicts[p.Item.ID]), found...)
		if merged.digest() != theirs.digest() {
			c.Put = append(c.Put, Put{Item: merged, Was: &theirs, Unique: p.Unique})
		}
	}
	if len(c.Restore) > 0 {
		c.Put = nil
	}
	return c, nil
}

// undeleted returns those of list that say that a whole item came back.
func undeleted(list []Conflict) []Conflict {
	return slices.DeleteFunc(slices.Clone(list), func(c Conflict) bool { return c.What != Undeleted || c.Field != "" || c.Kind != "" })
}

func allOf(puts []Put, conflicts map[string][]Conflict) (all []Conflict) {
	for _, p := range puts {
		all = append(all, conflicts[p.Item.ID]...)
	}
	return all
}
