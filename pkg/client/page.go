package client

import (
	"context"
	"fmt"
	"iter"
)

// A Page is a part of a list.
type Page[T any] struct {
	Items []T
	Next  string // the cursor of the next page; "" on the last one
}

// All yields every item of a list, a page at a time. fetch gets "" for the
// first page and then each page's Next. The sequence ends with the first error;
// a cursor that comes a second time is one, ErrBadAnswer, because following it
// would never end.
func All[T any](ctx context.Context, fetch func(ctx context.Context, cursor string) (*Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		seen := map[string]bool{"": true}
		for cursor := ""; ; {
			if err := ctx.Err(); err != nil {
				yield(zero, err)
				return
			}
			page, err := fetch(ctx, cursor)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if seen[page.Next] {
				yield(zero, fmt.Errorf("list: %w: a cursor came twice", ErrBadAnswer))
				return
			}
			seen[page.Next] = true
			cursor = page.Next
		}
	}
}
