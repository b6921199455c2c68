package secretsstore

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const base = "/client/v4"

// A route is one call of the API.
type route struct {
	method  string
	path    string // below base; a part in braces stands for any
	body    int64  // how many bytes of a body are read, of a call that changes something; 0: none
	changes bool   // it is not for read-only tokens
	door    area
	do      func(*call) (result, error)
}

// An area is who a call is for.
type area int

const (
	anybody  area = iota // no account in the path
	customer             // the account's own stores
	system               // those that a service keeps there
)

// routes are all there is. Every path of the account is there for services
// too, but for the quota.
func routes() []route {
	all := []route{
		{method: http.MethodGet, path: "/accounts", do: listAccounts},
		{method: http.MethodGet, path: "/memberships", do: listMemberships},
		{method: http.MethodGet, path: "/accounts/{account}/secrets_store/quota", door: customer, do: getQuota},
	}
	for prefix, door := range map[string]area{"/accounts/{account}/secrets_store": customer, "/system/accounts/{account}": system} {
		const one = "/stores/{store}"
		const secrets = one + "/secrets"
		const secret = secrets + "/{secret}"
		for _, r := range []route{
			{method: http.MethodGet, path: "/stores", do: listStores},
			{method: http.MethodPost, path: "/stores", body: maxBody, changes: true, do: createStore},
			{method: http.MethodGet, path: one, do: getStore},
			{method: http.MethodDelete, path: one, changes: true, do: deleteStore},
			{method: http.MethodGet, path: secrets, do: listSecrets},
			{method: http.MethodPost, path: secrets, body: maxSecrets, changes: true, do: createSecrets},
			{method: http.MethodDelete, path: secrets, body: maxBody, changes: true, do: deleteSecrets},
			{method: http.MethodGet, path: secret, do: getSecret},
			{method: http.MethodPatch, path: secret, body: maxBody, changes: true, do: updateSecret},
			{method: http.MethodDelete, path: secret, changes: true, do: deleteSecret},
			{method: http.MethodPost, path: secret + "/duplicate", body: maxBody, changes: true, do: duplicateSecret},
		} {
			r.path, r.door = prefix+r.path, door
			all = append(all, r)
		}
	}
	return all
}

// route finds what a request asks for. It never redirects, since clients do
// not follow with a body.
func (s *door) route(r *http.Request) (*call, error) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), base+"/")
	if !ok {
		return nil, noRoute(r.URL.Path)
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		text, err := url.PathUnescape(p)
		if err != nil {
			return nil, noRoute("/" + path)
		}
		parts[i] = text
	}
	var methods []string
	for _, rt := range s.routes {
		vars, ok := rt.match(parts)
		if !ok {
			continue
		}
		if rt.method != r.Method {
			methods = append(methods, rt.method)
			continue
		}
		r.Pattern = rt.method + " " + base + rt.path
		return &call{door: s, route: rt, r: r, vars: vars}, nil
	}
	switch {
	case methods != nil:
		slices.Sort(methods)
		return nil, methodError{slices.Compact(methods)}
	case slices.Contains(parts, ""):
		return nil, errEmptyPart
	}
	return nil, noRoute("/" + path)
}

// match returns what the parts in braces stand for.
func (rt route) match(parts []string) (map[string]string, bool) {
	pattern := strings.Split(rt.path[1:], "/")
	if len(pattern) != len(parts) {
		return nil, false
	}
	vars := map[string]string{}
	for i, p := range pattern {
		name, isVar := strings.CutPrefix(p, "{")
		switch {
		case isVar && parts[i] != "":
			vars[strings.TrimSuffix(name, "}")] = parts[i]
		case isVar, p != parts[i]:
			return nil, false
		}
	}
	return vars, true
}
