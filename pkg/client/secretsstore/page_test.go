package secretsstore_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

func gather[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for it, e := range seq {
		if e != nil {
			return all, e
		}
		all = append(all, it)
	}
	return all, nil
}

func rawURL(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// some is a list of secrets with these numbers.
func some(numbers ...int) string {
	var all []string
	for _, n := range numbers {
		all = append(all, fmt.Sprintf(`{"id":"x%d","name":"N%d"}`, n, n))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func TestPages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		replies []reply
		want    []int // numbers of the secrets
		asked   int
		err     error
	}{
		{"none", []reply{ok("[]")}, nil, 1, nil},
		{"none, by null", []reply{ok("null")}, nil, 1, nil},
		{"all on one page", []reply{paged(some(1, 2), `{"count":2,"page":1,"per_page":100,"total_count":2,"total_pages":1}`)}, []int{1, 2}, 1, nil},
		{"no pages said", []reply{paged(some(1, 2), `{"count":2,"page":1,"per_page":100,"total_count":2}`)}, []int{1, 2}, 1, nil},
		{"to the last page", []reply{paged(some(1), `{"total_pages":2}`), paged(some(2), `{"total_pages":2}`)}, []int{1, 2}, 2, nil},
		{"to the empty page", []reply{ok(some(1)), ok(some(2)), ok("[]")}, []int{1, 2}, 3, nil},
		{"total without the filter", []reply{paged(some(1), `{"total_count":50}`), paged("[]", `{"total_count":50}`)}, []int{1}, 2, nil},
		{"empty before the last", []reply{paged(some(1), `{"total_pages":9}`), paged("[]", `{"total_pages":9}`)}, []int{1}, 2, nil},
		{"numbers of nothing", []reply{paged(some(1), `{"count":0,"total_count":0,"total_pages":0}`), ok("[]")}, []int{1}, 2, nil},
		{"one moved on", []reply{ok(some(1, 2)), ok(some(2, 3)), ok("[]")}, []int{1, 2, 3}, 3, nil},
		{"a page again", []reply{ok(some(1, 2)), ok(some(1, 2))}, []int{1, 2}, 2, client.ErrBadAnswer},
		{"an old page again", []reply{ok(some(1)), ok(some(2)), ok(some(1))}, []int{1, 2}, 3, client.ErrBadAnswer},
		{"an error", []reply{ok(some(1)), refusal(404, "1001", "store_not_found")}, []int{1}, 2, client.ErrNotFound},
		{"one without an id", []reply{ok(`[{"name":"a"}]`)}, nil, 1, client.ErrBadAnswer},
		{"one without a name", []reply{ok(`[{"id":"a"}]`)}, nil, 1, client.ErrBadAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, tt.replies...)
			seq := c.Account("a1").Secrets.All(t.Context(), "s1", secretsstore.ListSecretsOptions{})
			got, err := gather(seq)
			var numbers []int
			for _, it := range got {
				n, _ := strconv.Atoi(it.ID[1:])
				numbers = append(numbers, n)
			}
			if !slices.Equal(numbers, tt.want) || !errors.Is(err, tt.err) || len(s.asked) != tt.asked {
				t.Errorf("%v, %v after %d requests, want %v, %v after %d", numbers, err, len(s.asked), tt.want, tt.err, tt.asked)
			}
			for i, asked := range s.asked {
				want := fmt.Sprintf("GET /client/v4/accounts/a1/secrets_store/stores/s1/secrets?direction=asc&order=created&page=%d&per_page=100", i+1)
				if asked != want {
					t.Errorf("asked %s, want %s", asked, want)
				}
			}
		})
	}
}

// TestPagesAgain reads a list twice, from a page in the middle, in an order of
// its own.
func TestPagesAgain(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, paged("["+storeJSON+"]", `{"total_pages":3}`), paged("[]", `{"total_pages":3}`), paged("["+storeJSON+"]", `{"total_pages":3}`))
	seq := c.System("a1").Stores.All(t.Context(), secretsstore.ListOptions{Page: 2, PerPage: 5, Order: "name"})
	if got, err := gather(seq); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	for it, err := range seq {
		if err != nil || it.ID != "s1" {
			t.Errorf("%v, %v", it, err)
		}
		break
	}
	want := []string{
		"GET /client/v4/system/accounts/a1/stores?order=name&page=2&per_page=5",
		"GET /client/v4/system/accounts/a1/stores?order=name&page=3&per_page=5",
		"GET /client/v4/system/accounts/a1/stores?order=name&page=2&per_page=5",
	}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked %q", s.asked)
	}
}
