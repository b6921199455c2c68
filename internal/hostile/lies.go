package hostile

import (
	"maps"
	"net/http"
	"strings"

	"github.com/keyhold/keyhold/internal/seal"
)

// Ghost and Injected are ids that the server makes up.
const (
	Ghost    = "66666666-6666-4666-8666-666666666666"
	Injected = "77777777-7777-4777-8777-777777777777"
)

// A lie changes answers, or gives its own.
type lie struct {
	path   string // what it is about begins so; /items and the like ends so
	change func(s *Server, r *http.Request, m map[string]any)
	serve  func(s *Server, w http.ResponseWriter, r *http.Request) bool
}

func (l lie) about(path string) bool {
	return path == l.path || strings.HasPrefix(path, l.path+"/") && l.path == "/users" || strings.HasPrefix(path, "/vaults/") && strings.HasSuffix(path, l.path)
}

// inList is a lie about the vault as the list has it.
func inList(change func(s *Server, r *http.Request, v, all map[string]any)) lie {
	return lie{path: "/vaults", change: func(s *Server, r *http.Request, m map[string]any) {
		if v := named(m, Team); v != nil {
			change(s, r, v, m)
		}
	}}
}

// inItems is a lie about two items.
func inItems(change func(a, b map[string]any)) lie {
	return lie{path: "/items", change: func(_ *Server, _ *http.Request, m map[string]any) {
		if items := list(m, "items"); len(items) > 1 {
			change(items[0], items[1])
		}
	}}
}

// inKDF is a lie before a login.
func inKDF(iterations, memory, lanes int) lie {
	return lie{path: "/auth/prelogin", change: func(_ *Server, _ *http.Request, m map[string]any) {
		m["iterations"], m["memoryKB"], m["parallelism"] = iterations, memory, lanes
	}}
}

// recipient returns the RSA key of whom a vault is shown to.
func (s *Server) recipient(r *http.Request, v map[string]any) []byte {
	w, err := wrapOf(v)
	if err != nil {
		return nil
	}
	return blob(s.ask(r, "/users/"+w.Recipient.String()), "publicKey")
}

// lies are all that the server can tell.
var lies = map[string]lie{
	"another-key-of-a-user": {path: "/users", change: func(s *Server, _ *http.Request, m map[string]any) { s.forger.user(m) }},
	"wrap-of-the-server": inList(func(s *Server, r *http.Request, v, _ map[string]any) {
		s.forger.wrap(v, s.recipient(r, v), func(h *seal.Header) { h.KeyVersion++; v["keyVersion"] = h.KeyVersion })
		s.forger.sign(v)
	}),
	"wrap-with-no-signature": inList(func(s *Server, r *http.Request, v, _ map[string]any) {
		s.forger.wrap(v, s.recipient(r, v), func(h *seal.Header) { h.KeyVersion++; v["keyVersion"] = h.KeyVersion })
		v["wrapSignature"] = nil
	}),
	"wrap-of-another-vault": inList(func(_ *Server, _ *http.Request, v, all map[string]any) {
		other := named(all, "ops")
		v["encryptedVaultKey"], v["wrapSignature"], v["senderId"] = other["encryptedVaultKey"], other["wrapSignature"], other["senderId"]
	}),
	"wrap-from-before": inList(func(s *Server, _ *http.Request, v, _ map[string]any) { s.before(v, false) }),
	"wrap-from-before-as-new": inList(func(s *Server, _ *http.Request, v, _ map[string]any) {
		s.before(v, true)
	}),
	"wrap-of-version-1": inList(func(s *Server, r *http.Request, v, _ map[string]any) {
		s.forger.wrapV1(v, s.recipient(r, v))
		s.forger.sign(v)
	}),
	"null-key": inList(func(_ *Server, _ *http.Request, v, _ map[string]any) { v["encryptedVaultKey"] = nil }),
	"injected-vault": inList(func(s *Server, r *http.Request, v, all map[string]any) {
		bad := maps.Clone(v)
		id, _ := seal.ParseID(Injected)
		sender, _ := seal.ParseID(Ghost)
		s.forger.wrap(bad, s.recipient(r, v), func(h *seal.Header) { h.Vault, h.Sender = id, sender })
		s.forger.sign(bad)
		bad["vaultId"], bad["id"], bad["senderId"] = Injected, Injected, Ghost
		vaults, _ := all["vaults"].([]any)
		all["vaults"] = append(vaults, bad)
	}),
	"data-of-another-item": inItems(func(a, b map[string]any) {
		a["encryptedData"], b["encryptedData"] = b["encryptedData"], a["encryptedData"]
	}),
	"name-as-data": inItems(func(a, b map[string]any) {
		a["encryptedData"], b["encryptedData"] = a["encryptedName"], b["encryptedName"]
	}),
	"item-left-out": {path: "/items", change: func(_ *Server, _ *http.Request, m map[string]any) {
		if items, _ := m["items"].([]any); len(items) > 0 {
			m["items"] = items[1:]
		}
	}},
	"ghost": {path: "/members", serve: haunt, change: func(_ *Server, _ *http.Request, m map[string]any) {
		members, _ := m["members"].([]any)
		m["members"] = append(members, map[string]any{"userId": Ghost, "role": "member"})
	}},
	"weak-kdf":    inKDF(1, 19456, 1),
	"endless-kdf": inKDF(4_000_000_000, 65536, 4),
	"redirect": {serve: func(s *Server, w http.ResponseWriter, r *http.Request) bool {
		drain(r)
		http.Redirect(w, r, s.elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	}},
}

// before shows the vault as it was shown first, under its old number or under
// the one that it has.
func (s *Server) before(v map[string]any, asNew bool) {
	w, err := wrapOf(v)
	if err != nil {
		return
	}
	now, was := maps.Clone(v), s.firstOf(w.Recipient.String())
	maps.Copy(v, was)
	v["revision"] = now["revision"]
	if asNew {
		v["keyVersion"] = now["keyVersion"]
	}
}

// haunt gives the ghost keys.
func haunt(s *Server, w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/users/"+Ghost) {
		return false
	}
	m := map[string]any{"userId": Ghost, "email": "ghost@example.com"}
	s.forger.user(m)
	answer(w, http.StatusOK, m)
	return true
}
