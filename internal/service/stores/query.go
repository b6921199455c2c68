package stores

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Query says which secrets, in which order. Stores have neither comment nor
// status to order them by.
type Query struct {
	Search string   // a part of the name or the comment, in any case
	Scopes []string // any of them will do; none: all secrets
	Order  string   // name, comment, created, modified or status; else created
	Asc    bool     // the greatest first otherwise
}

// Secrets returns those of all that q asks for, in its order, as it is at
// that time.
func (q Query) Secrets(all []Secret, now time.Time) []Secret {
	search := strings.ToLower(q.Search)
	var out []Secret
	for _, s := range all {
		found := strings.Contains(strings.ToLower(s.Name), search) || strings.Contains(strings.ToLower(s.Comment), search)
		wanted := len(q.Scopes) == 0 || slices.ContainsFunc(s.Scopes, func(scope string) bool { return slices.Contains(q.Scopes, scope) })
		if found && wanted {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, q.direct(func(a, b Secret) int {
		switch q.Order {
		case "name":
			return cmp.Compare(a.Name, b.Name)
		case "comment":
			return cmp.Compare(a.Comment, b.Comment)
		case "modified":
			return a.Modified.Compare(b.Modified)
		case "status":
			return cmp.Compare(a.StatusAt(now), b.StatusAt(now))
		}
		return a.Created.Compare(b.Created)
	}, func(a, b Secret) int { return cmp.Compare(a.Name, b.Name) }))
	return out
}

// Stores returns all in the order of q.
func (q Query) Stores(all []Store) []Store {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b Store) int {
		var c int
		switch q.Order {
		case "name":
			c = cmp.Compare(a.Name, b.Name)
		case "modified":
			c = a.Modified.Compare(b.Modified)
		default:
			c = a.Created.Compare(b.Created)
		}
		if q.Asc {
			return c
		}
		return -c
	})
	return out
}

// direct returns order, turned around unless q is ascending, and where it says
// nothing then, so that pages do not overlap.
func (q Query) direct(order, then func(a, b Secret) int) func(a, b Secret) int {
	return func(a, b Secret) int {
		c := order(a, b)
		if !q.Asc {
			c = -c
		}
		return cmp.Or(c, then(a, b))
	}
}
