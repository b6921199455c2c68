// Package hostile is the server of this project, attacking: the real handler
// over the real rules, behind a layer that lies as it is told. Its lies are
// about the vault called team. Only tests import it.
package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// Team is the name of the vault that the lies are about.
const Team = "team"

// A Server passes requests on to the real handler and lies about some of them.
// It may be used from several goroutines.
type Server struct {
	next      http.Handler
	elsewhere string
	forger    forger

	mu    sync.Mutex
	lie   lie
	asked []string
	first map[string]map[string]any // by user: the vault as it was first shown
}

// New returns a server that tells the truth, as next does. Redirects lead to
// the address elsewhere.
func New(next http.Handler, elsewhere string) (*Server, error) {
	f, err := newForger()
	return &Server{next: next, elsewhere: elsewhere, forger: f, first: map[string]map[string]any{}}, err
}

// Lies returns the names of all lies.
func Lies() []string { return slices.Sorted(maps.Keys(lies)) }

// Tell has the server tell a lie from now on, or with "" the truth, and forgets
// what was asked.
func (s *Server) Tell(name string) error {
	l, ok := lies[name]
	if !ok && name != "" {
		return fmt.Errorf("there is no lie %q, only %s", name, strings.Join(Lies(), ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lie, s.asked = l, nil
	return nil
}

// Asked returns the method and the path of every request since the last Tell.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+path)
	l := s.lie
	s.mu.Unlock()
	if l.serve != nil && l.serve(s, w, r) {
		return
	}
	if r.Method != http.MethodGet && l.path != path {
		s.next.ServeHTTP(w, r)
		return
	}
	s.rewrite(w, r, func(m map[string]any) {
		if path == "/vaults" {
			s.remember(m)
		}
		if l.change != nil && l.about(path) {
			l.change(s, r, m)
		}
	})
}

// rewrite passes a request on and changes the answer, if it is an object.
func (s *Server) rewrite(w http.ResponseWriter, r *http.Request, change func(map[string]any)) {
	rec := httptest.NewRecorder()
	s.next.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	if m := object(body); rec.Code/100 == 2 && m != nil {
		change(m)
		body, _ = json.Marshal(m)
	}
	for k, v := range rec.Header() {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}

// object reads a JSON object, keeping its numbers as they stand; nil for
// anything else.
func object(body []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

// ask asks the real server something, as who makes the request.
func (s *Server) ask(r *http.Request, path string) map[string]any {
	in := r.Clone(r.Context())
	in.Method, in.Body = http.MethodGet, http.NoBody
	in.URL.Path, in.URL.RawPath, in.URL.RawQuery = "/api/v1"+path, "", ""
	in.RequestURI = in.URL.RequestURI()
	rec := httptest.NewRecorder()
	s.next.ServeHTTP(rec, in)
	return object(rec.Body.Bytes())
}

// remember keeps the vault as it is shown first.
func (s *Server) remember(m map[string]any) {
	v := named(m, Team)
	if v == nil {
		return
	}
	w, err := wrapOf(v)
	if err != nil {
		return // of version 1, which names nobody
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := w.Recipient.String()
	if s.first[user] == nil {
		s.first[user] = maps.Clone(v)
	}
}

func (s *Server) firstOf(user string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first[user]
}

// named returns the vault of that name in a list, or nil.
func named(m map[string]any, name string) map[string]any {
	for _, v := range list(m, "vaults") {
		if v["vaultName"] == name {
			return v
		}
	}
	return nil
}

// list returns the objects in a member.
func list(m map[string]any, member string) []map[string]any {
	all, _ := m[member].([]any)
	var objects []map[string]any
	for _, v := range all {
		if v, ok := v.(map[string]any); ok {
			objects = append(objects, v)
		}
	}
	return objects
}

// drain reads what nobody else reads of a request, so that its answer arrives.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) }
