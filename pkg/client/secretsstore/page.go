package secretsstore

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"

	"github.com/keyhold/keyhold/pkg/client"
)

// A Page is a part of a list.
type Page[T any] struct {
	Items []T
	Info  Info
}

// Info is what a service says of a list beside its items. What it does not say
// is 0.
type Info struct {
	Count      int `json:"count"` // items on this page
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	TotalCount int `json:"total_count"` // without filters
	TotalPages int `json:"total_pages"`
}

// ListOptions say which part of a list, and in which order. Zero values leave
// the choice to the service: the first page, 20 on it, the newest first.
type ListOptions struct {
	Page      int    // from 1
	PerPage   int    // at most MaxPerPage
	Order     string // name, created or modified; of secrets also comment or status
	Direction string // asc or desc
}

func (o ListOptions) query() url.Values {
	q := url.Values{}
	for name, n := range map[string]int{"page": o.Page, "per_page": o.PerPage} {
		if n > 0 {
			q.Set(name, strconv.Itoa(n))
		}
	}
	for name, s := range map[string]string{"order": o.Order, "direction": o.Direction} {
		if s != "" {
			q.Set(name, s)
		}
	}
	return q
}

// whole returns o for reading a list to its end: big pages, and an order in
// which what is made meanwhile does not move what is still to come.
func (o ListOptions) whole() ListOptions {
	if o.PerPage <= 0 {
		o.PerPage = MaxPerPage
	}
	if o.Order == "" && o.Direction == "" {
		o.Order, o.Direction = "created", "asc"
	}
	return o
}

// list returns one page.
func list[T checked](ctx context.Context, c *client.Client, r client.Request) (*Page[T], error) {
	items, info, err := do[[]T](ctx, c, r)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		if err := it.check(); err != nil {
			return nil, err
		}
	}
	p := &Page[T]{Items: items}
	if info != nil {
		p.Info = *info
	}
	return p, nil
}

// checked is what a list has: it has an id, and can say what it lacks.
type checked interface {
	id() string
	check() error
}

// all yields the items of all pages from the first one asked for. It ends with
// the page that is the last by its Info, or with an empty one. An item that
// moved to a page of its own while the list was read comes once; a page with
// nothing new on it is an error, since its service would go on for ever.
func all[T checked](ctx context.Context, first int, fetch func(ctx context.Context, page int) (*Page[T], error)) iter.Seq2[T, error] {
	seen := map[string]bool{}
	start := max(first, 1)
	return client.All(ctx, func(ctx context.Context, cursor string) (*client.Page[T], error) {
		n, err := strconv.Atoi(cursor)
		if err != nil { // it is "": the first page
			n = start
			clear(seen)
		}
		p, err := fetch(ctx, n)
		if err != nil {
			return nil, err
		}
		out := &client.Page[T]{}
		for _, it := range p.Items {
			if !seen[it.id()] {
				seen[it.id()] = true
				out.Items = append(out.Items, it)
			}
		}
		switch {
		case len(p.Items) == 0, p.Info.TotalPages > 0 && n >= p.Info.TotalPages, p.Info.TotalCount > 0 && len(seen) >= p.Info.TotalCount:
			return out, nil
		case len(out.Items) == 0:
			return nil, fmt.Errorf("list: %w: page %d has nothing that the ones before it do not have", client.ErrBadAnswer, n)
		}
		out.Next = strconv.Itoa(n + 1)
		return out, nil
	})
}
