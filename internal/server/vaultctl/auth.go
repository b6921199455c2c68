package vaultctl

import (
	"net/http"
	"runtime"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/accounts"
)

// config is GET /config.
func (s *door) config(*call) (answer, error) {
	return ok(struct {
		Version          string              `json:"version"`
		RegistrationMode accounts.Mode       `json:"registrationMode"`
		AppVersion       string              `json:"appVersion"`
		Commit           string              `json:"commit"`
		GoVersion        string              `json:"goVersion"`
		Features         map[string]struct{} `json:"features"`
	}{"v1", s.Mode, s.Version, s.Commit, runtime.Version(), map[string]struct{}{}}), nil
}

// health is GET /health.
func (s *door) health(w http.ResponseWriter, r *http.Request) {
	err := s.Store.View(r.Context(), func(tx kv.Tx) error {
		tx.Get([]byte("health"))
		return nil
	})
	if err != nil {
		s.Log.ErrorContext(r.Context(), "health", "error", err.Error())
		s.fail(w, r, errUnavailable)
		return
	}
	send(w, http.StatusOK, []byte(`{"status":"ok","checks":{"database":"ok"}}`))
}

// prelogin is GET /auth/prelogin?email=.
func (s *door) prelogin(c *call) (answer, error) {
	name, salt, err := accounts.Prelogin(c.tx, s.Keys, c.r.URL.Query().Get("email"))
	if err != nil {
		return answer{}, err
	}
	suite, err := seal.SuiteNamed(name)
	if err != nil {
		return answer{}, err
	}
	iterations, memory, parallelism := suite.Params()
	return ok(struct {
		Salt        []byte `json:"salt"`
		Iterations  int    `json:"iterations"`
		MemoryKB    int    `json:"memoryKB"`
		Parallelism int    `json:"parallelism"`
	}{salt, iterations, memory, parallelism}), nil
}

type kdf struct {
	Salt           []byte `json:"salt"`
	KDFIterations  int    `json:"kdfIterations"`
	KDFMemoryKB    int    `json:"kdfMemoryKB"`
	KDFParallelism int    `json:"kdfParallelism"`
}

// suite returns the name of the suite that has these numbers; that of none is
// refused by the rules.
func (k kdf) suite() string {
	suite, err := seal.SuiteOf(k.KDFIterations, k.KDFMemoryKB, k.KDFParallelism)
	if err != nil {
		return "unknown"
	}
	return suite.Name()
}

type accountKeys struct {
	EncryptedPrivateKey         []byte `json:"encryptedPrivateKey"`
	EncryptedIdentityPrivateKey []byte `json:"encryptedIdentityPrivateKey"`
	PublicKey                   []byte `json:"publicKey"`
	PublicKeySignature          []byte `json:"publicKeySignature"`
	IdentityPublicKey           []byte `json:"identityPublicKey"`
}

// register is POST /auth/register. A masterPasswordPreflight is not read.
func (s *door) register(w http.ResponseWriter, r *http.Request) {
	var b struct {
		kdf
		accountKeys

		Email       string `json:"email"`
		Name        string `json:"name"`
		AuthHash    []byte `json:"authHash"`
		InviteToken string `json:"inviteToken"`
	}
	if err := decode(w, r, maxBody, &b); err != nil {
		s.fail(w, r, err)
		return
	}
	verifier, err := s.verifier(r, b.AuthHash)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var out result
	out.err = accounts.Update(r.Context(), s.Store, func(tx kv.Tx) error {
		a, err := accounts.Register(tx, s.Now(), s.Keys, s.Rand, s.Mode, accounts.Registration{
			Email: b.Email, Name: b.Name, Suite: b.suite(), Salt: b.Salt, SealedIdentity: b.EncryptedIdentityPrivateKey,
			SealedRSA: b.EncryptedPrivateKey, Identity: b.IdentityPublicKey, RSA: b.PublicKey, RSASignature: b.PublicKeySignature,
			Verifier: verifier, Invite: secret.TextOf(b.InviteToken),
		})
		return out.of(answer{http.StatusCreated, struct {
			UserID seal.ID       `json:"userId"`
			Role   accounts.Role `json:"role"`
		}{a.ID, a.Role}}, err)
	})
	s.write(w, r, out)
}

// verifier makes the verifier of an auth hash when it is its turn.
func (s *door) verifier(r *http.Request, authHash []byte) (v accounts.Verifier, err error) {
	gate := s.hashes.Do(r.Context(), func() { v, err = accounts.MakeVerifier(s.Rand, secret.Of(authHash)) })
	if gate != nil {
		return "", gate
	}
	return v, err
}

// try compares an auth hash when it is its turn.
func (s *door) try(r *http.Request, check *accounts.Check, authHash []byte) error {
	return s.hashes.Do(r.Context(), func() { check.Try(secret.Of(authHash)) })
}

// tokens are those of a session.
type tokens struct {
	AccessToken      string `json:"accessToken"`
	RefreshToken     string `json:"refreshToken"`
	RefreshExpiresAt stamp  `json:"refreshExpiresAt"`
}

func (s *door) tokens(c *call, g accounts.Grant) (tokens, error) {
	access, err := s.Keys.Token(g.Account.Claims(g.Session.ID, c.now, s.AccessTime))
	return tokens{access.Reveal(), g.Refresh.Reveal(), stamp(g.Session.Expires)}, err
}

// login is POST /auth/login.
func (s *door) login(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Email      string `json:"email"`
		AuthHash   []byte `json:"authHash"`
		DeviceName string `json:"deviceName"`
	}
	var check *accounts.Check
	err := decode(w, r, maxBody, &b)
	if err == nil {
		err = s.Store.View(r.Context(), func(tx kv.Tx) error {
			check, err = accounts.Begin(tx, s.Now(), s.Keys, b.Email)
			return err
		})
	}
	if err == nil {
		err = s.try(r, check, b.AuthHash)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var out result
	out.err = accounts.Update(r.Context(), s.Store, func(tx kv.Tx) error {
		c := &call{tx: tx, r: r, now: s.Now()}
		g, err := accounts.Login(tx, c.now, s.Keys, s.Rand, check, b.DeviceName)
		if err != nil {
			return err
		}
		return out.of(s.session(c, g))
	})
	s.write(w, r, out)
}

// session answers with a session that has begun.
func (s *door) session(c *call, g accounts.Grant) (answer, error) {
	t, err := s.tokens(c, g)
	if err != nil {
		return answer{}, err
	}
	a := g.Account
	c.user = a
	return ok(struct {
		tokens
		accountKeys

		UserID    seal.ID       `json:"userId"`
		Role      accounts.Role `json:"role"`
		SessionID seal.ID       `json:"sessionId"`
		Vaults    []vaultBody   `json:"vaults"`
	}{t, accountKeys{a.SealedRSA, a.SealedIdentity, a.RSA, a.RSASignature, a.Identity}, a.ID, a.Role, g.Session.ID, s.listOf(c)}), nil
}

type refreshBody struct {
	RefreshToken string `json:"refreshToken"`
}

// refresh is POST /auth/refresh.
func (s *door) refresh(w http.ResponseWriter, r *http.Request) {
	var b refreshBody
	if err := decode(w, r, maxBody, &b); err != nil {
		s.fail(w, r, err)
		return
	}
	var out result
	out.err = accounts.Update(r.Context(), s.Store, func(tx kv.Tx) error {
		c := &call{tx: tx, r: r, now: s.Now()}
		g, err := accounts.Refresh(tx, c.now, s.Keys, s.Rand, secret.TextOf(b.RefreshToken))
		if err != nil {
			return err
		}
		t, err := s.tokens(c, g)
		return out.of(ok(t), err)
	})
	s.write(w, r, out)
}

// logout is POST /auth/logout. A token that is unknown is no error.
func (s *door) logout(w http.ResponseWriter, r *http.Request) {
	var b refreshBody
	out := result{status: http.StatusNoContent}
	if out.err = decode(w, r, maxBody, &b); out.err == nil {
		out.err = s.Store.Update(r.Context(), func(tx kv.Tx) error {
			return accounts.Logout(tx, s.Keys, secret.TextOf(b.RefreshToken))
		})
	}
	s.write(w, r, out)
}
