package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
)

func TestAll(t *testing.T) {
	t.Parallel()
	failure := errors.New("page is gone")
	tests := []struct {
		name  string
		pages map[string]*client.Page[int]
		want  []int
		err   error
	}{
		{"three pages", map[string]*client.Page[int]{"": {[]int{1, 2}, "b"}, "b": {nil, "c"}, "c": {[]int{3}, ""}}, []int{1, 2, 3}, nil},
		{"empty", map[string]*client.Page[int]{"": {}}, nil, nil},
		{"the same cursor", map[string]*client.Page[int]{"": {[]int{1}, "b"}, "b": {[]int{2}, "b"}}, []int{1, 2}, client.ErrBadAnswer},
		{"a circle", map[string]*client.Page[int]{"": {[]int{1}, "b"}, "b": {nil, "c"}, "c": {nil, "b"}}, []int{1}, client.ErrBadAnswer},
		{"a page fails", map[string]*client.Page[int]{"": {[]int{1}, "b"}}, []int{1}, failure},
	}
	for _, tt := range tests {
		var got []int
		var last error
		for n, err := range client.All(t.Context(), func(_ context.Context, cursor string) (*client.Page[int], error) {
			if p := tt.pages[cursor]; p != nil {
				return p, nil
			}
			return nil, failure
		}) {
			if last = err; err == nil {
				got = append(got, n)
			}
		}
		if !slices.Equal(got, tt.want) || !errors.Is(last, tt.err) {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, got, last, tt.want, tt.err)
		}
	}
}

func TestAllStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fetched := 0
	fetch := func(_ context.Context, cursor string) (*client.Page[int], error) {
		fetched++
		return &client.Page[int]{Items: []int{1, 2}, Next: cursor + "x"}, nil
	}
	for range client.All(ctx, fetch) {
		break
	}
	if fetched != 1 {
		t.Errorf("fetched %d pages for one item", fetched)
	}
	var last error
	for _, err := range client.All(ctx, fetch) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) || fetched != 2 {
		t.Errorf("fetched %d pages, error %v; want 2, context.Canceled", fetched, last)
	}
}
