package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
)

// chatty says everything twice, once with what led to it.
var chatty = client.Dialect{Explain: func(e *client.Error, _ http.Header, body []byte) {
	d := client.ErrorDetail{Code: "1", Message: "no\n" + string(body), Pointer: "/a", DocumentationURL: "https://x/" + string(body)}
	first := d
	first.Chain = []client.ErrorDetail{d, {Code: "2"}}
	e.Code, e.Message, e.Field, e.Details = d.Code, d.Message, d.Pointer, []client.ErrorDetail{first, d}
}}

func TestDetails(t *testing.T) {
	t.Parallel()
	c := at(t, answer(400, "application/json", canary), client.WithDialect(chatty), client.WithCredentials(client.Token(client.NewSecret(canary))))
	err := c.Do(t.Context(), getX, nil)
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatal(err)
	}
	d := client.ErrorDetail{Code: "1", Message: "no?[redacted]", Pointer: "/a", DocumentationURL: "https://x/[redacted]"}
	first := d
	first.Chain = []client.ErrorDetail{d, {Code: "2"}}
	if diff := cmp.Diff([]client.ErrorDetail{first, d}, e.Details); diff != "" {
		t.Errorf("Details (-want +got):\n%s", diff)
	}
	const want = "GET /x: status 400: 1: no?[redacted] (field /a) > 1: no?[redacted] (/a) > 2; 1: no?[redacted] (/a)"
	if got := err.Error(); got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

// TestManyDetails has more of them than are kept, side by side and in a chain.
func TestManyDetails(t *testing.T) {
	t.Parallel()
	chain := client.ErrorDetail{Code: "0"}
	for range 200 {
		chain = client.ErrorDetail{Code: "1", Message: strings.Repeat("x", 1000), Chain: []client.ErrorDetail{chain}}
	}
	many := make([]client.ErrorDetail, 200)
	for _, details := range [][]client.ErrorDetail{{chain}, many, {many[0], chain}} {
		dialect := client.Dialect{Explain: func(e *client.Error, _ http.Header, _ []byte) { e.Details = details }}
		c := at(t, answer(400, "application/json", ""), client.WithDialect(dialect))
		err := c.Do(t.Context(), getX, nil)
		e, ok := errors.AsType[*client.Error](err)
		if n := count(e.Details); !ok || n != 20 || len(err.Error()) > 20*400 {
			t.Errorf("%d details in %d bytes, want 20", n, len(err.Error()))
		}
	}
}

func count(details []client.ErrorDetail) int {
	n := len(details)
	for _, d := range details {
		n += count(d.Chain)
	}
	return n
}
