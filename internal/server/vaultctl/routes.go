package vaultctl

import (
	"net/http"
	"path"
	"strings"
)

// A route is one call of the API.
type route struct {
	pattern string // method and path below /api/v1
	handle  http.HandlerFunc
}

// routes are all there is.
func (s *door) routes() []route {
	return []route{
		{"GET /config", open(s, s.config)},
		{"GET /health", s.health},

		{"GET /auth/prelogin", s.limited(open(s, s.prelogin))},
		{"POST /auth/register", s.limited(s.register)},
		{"POST /auth/login", s.limited(s.login)},
		{"POST /auth/refresh", s.limited(s.refresh)},
		{"POST /auth/logout", s.logout},
		{"POST /auth/step-up", s.limitedStepUp(s.stepUpToken)},
		{"POST /auth/password/change", s.limitedStepUp(s.changePassword)},

		{"GET /users", read(s, plain, s.userByEmail)},
		{"GET /users/{user}", read(s, plain, s.userByID)},
		{"GET /orgs", read(s, plain, noOrgs)},
		{"POST /import", write(s, plain, maxChanges, s.importItems)},
		{"GET /export", read(s, steppedUp, s.export)},

		{"GET /vaults", read(s, plain, s.listVaults)},
		{"POST /vaults", write(s, plain, maxBody, s.createVault)},
		{"PATCH /vaults/{vault}", write(s, plain, maxBody, s.renameVault)},
		{"DELETE /vaults/{vault}", write(s, steppedUp, maxBody, s.deleteVault)},
		{"POST /vaults/{vault}/rekey", write(s, plain, maxRekey, s.rekey)},
		{"PUT /vaults/{vault}/rekey", write(s, plain, maxRekey, s.rekey)},
		{"POST /vaults/{vault}/changes", write(s, plain, maxChanges, s.changes)},

		{"GET /vaults/{vault}/members", read(s, plain, s.listMembers)},
		{"POST /vaults/{vault}/members", write(s, plain, maxBody, s.putMember)},
		{"DELETE /vaults/{vault}/members/{user}", write(s, plain, maxBody, s.removeMember)},

		{"GET /vaults/{vault}/items", read(s, plain, s.listItems)},
		{"POST /vaults/{vault}/items", write(s, plain, maxItem, s.createItem)},
		{"GET /vaults/{vault}/items/{item}", read(s, plain, s.getItem)},
		{"PUT /vaults/{vault}/items/{item}", write(s, plain, maxItem, s.putItem)},
		{"DELETE /vaults/{vault}/items/{item}", write(s, plain, maxBody, s.trashItem)},

		{"GET /vaults/{vault}/trash", read(s, plain, s.listTrash)},
		{"DELETE /vaults/{vault}/trash", write(s, steppedUp, maxBody, s.purgeOld)},
		{"POST /vaults/{vault}/trash/{item}/restore", write(s, plain, maxBody, s.restoreItem)},
		{"DELETE /vaults/{vault}/trash/{item}", write(s, steppedUp, maxBody, s.purgeItem)},
	}
}

// cut splits a pattern into its method and its path.
func cut(pattern string) (method, path string, ok bool) { return strings.Cut(pattern, " ") }

// redirects reports whether the mux would send a client elsewhere, as it does
// for a path that is not clean.
func redirects(_ *http.ServeMux, r *http.Request) bool {
	p := r.URL.Path
	return path.Clean(p) != strings.TrimSuffix(p, "/") || strings.HasSuffix(p, "/")
}

// limited limits a call that is made without a token.
func (s *door) limited(next http.HandlerFunc) http.HandlerFunc {
	return s.limit(s.credentials, next)
}

// limitedStepUp limits a call that checks the password of who is logged in.
func (s *door) limitedStepUp(next http.HandlerFunc) http.HandlerFunc {
	return s.limit(s.stepUp, next)
}
