package secretsstore

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/internal/service/stores"
)

// A result is what a call returns; info goes with lists.
type result struct {
	body any
	info *info
}

type info struct {
	Count      int `json:"count"`
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	TotalCount int `json:"total_count"` // without filters
	TotalPages int `json:"total_pages"`
}

// envelope returns the answer of a success.
func envelope(r result) ([]byte, error) {
	return json.Marshal(struct {
		Success  bool     `json:"success"`
		Errors   []item   `json:"errors"`
		Messages []string `json:"messages"`
		Result   any      `json:"result"`
		Info     *info    `json:"result_info,omitzero"`
	}{true, nil, nil, r.body, r.info})
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who does not read has gone
}

// readAll reads a body, whatever its content type says it is.
func readAll(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, errInvalidJSON // half a body
	}
	return b, nil
}

// isList reports whether a body is a list. Older clients send lists where
// today's send objects.
func isList(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) }

// isObject reports whether a body is an object.
func isObject(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
}

// decode reads a body: one JSON value without a member twice. Members that are
// not known are left alone. What is wrong is not said: it would quote a value.
func decode(body []byte, into any) error {
	if json.Unmarshal(body, into) != nil {
		return errInvalidJSON
	}
	return nil
}

// decodeObject is decode for a body that has to be an object.
func decodeObject(body []byte, into any) error {
	if !isObject(body) {
		return errInvalidJSON
	}
	return decode(body, into)
}

// stamp is a time as the API writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

type storeBody struct {
	ID        stores.ID `json:"id"`
	AccountID stores.ID `json:"account_id"`
	Name      string    `json:"name"`
	Created   string    `json:"created"`
	Modified  string    `json:"modified"`
}

func storeOf(s stores.Store) storeBody {
	return storeBody{s.ID, s.Owner.Account, s.Name, stamp(s.Created), stamp(s.Modified)}
}

// A secretBody always has a comment and scopes: clients read them unasked.
type secretBody struct {
	ID       stores.ID     `json:"id"`
	StoreID  stores.ID     `json:"store_id"`
	Name     string        `json:"name"`
	Comment  string        `json:"comment"`
	Scopes   []string      `json:"scopes"`
	Status   stores.Status `json:"status"`
	Created  string        `json:"created"`
	Modified string        `json:"modified"`
}

func (c *call) secretOf(s stores.Secret) secretBody {
	return secretBody{s.ID, s.Store, s.Name, s.Comment, s.Scopes, s.StatusAt(c.now), stamp(s.Created), stamp(s.Modified)}
}

// query reads the order of a list. What it does not know it leaves at the
// default, as it leaves unknown keys alone.
func (c *call) query() stores.Query {
	q := c.r.URL.Query()
	var scopes []string
	for _, value := range q["scopes"] { // repeated, or joined by commas
		for scope := range strings.SplitSeq(value, ",") {
			if scope = strings.TrimSpace(scope); scope != "" {
				scopes = append(scopes, scope)
			}
		}
	}
	return stores.Query{Search: q.Get("search"), Scopes: scopes, Order: q.Get("order"), Asc: q.Get("direction") == "asc"}
}

// page returns the asked for page of a list. total is its length without filters.
// One beyond the end is empty, never null: SDKs ask until they see one.
func page[T, B any](c *call, all []T, total int, body func(T) B) result {
	const usual, most = 20, 100
	n := max(c.number("page", 1), 1)
	per := c.number("per_page", usual)
	if per < 1 {
		per = usual
	}
	per = min(per, most)
	out := []B{}
	if start := (n - 1) * per; n <= len(all)/per+1 && start < len(all) {
		for _, it := range all[start:min(start+per, len(all))] {
			out = append(out, body(it))
		}
	}
	return result{out, &info{len(out), n, per, total, (len(all) + per - 1) / per}}
}

// number reads a number of the query.
func (c *call) number(name string, otherwise int) int {
	n, err := strconv.Atoi(c.r.URL.Query().Get(name))
	if err != nil {
		return otherwise
	}
	return n
}
