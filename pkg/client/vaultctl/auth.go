package vaultctl

import (
	"context"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// AuthService has the calls of accounts and sessions. An auth hash is 32 bytes
// that the caller derives from the master password; it is a Secret of those
// bytes here and base64 on the wire.
type AuthService struct{ c *client.Client }

// KDF says how to derive from the master password. A server may say anything:
// check it against what is known to be strong before using it.
type KDF struct {
	Salt        []byte `json:"salt"`
	Iterations  uint32 `json:"iterations"`
	MemoryKB    uint32 `json:"memoryKB"`
	Parallelism uint32 `json:"parallelism"`
}

// Prelogin is GET /auth/prelogin?email=. Unknown accounts have an answer too.
func (s *AuthService) Prelogin(ctx context.Context, email string) (*KDF, error) {
	r := get("auth", "prelogin")
	r.Query, r.Anonymous = query("email", email), true
	var k KDF
	if err := s.c.Do(ctx, r, &k); err != nil {
		return nil, err
	}
	if len(k.Salt) == 0 || k.Iterations == 0 || k.MemoryKB == 0 || k.Parallelism == 0 {
		return nil, badAnswer("the parameters of the key derivation are incomplete")
	}
	return &k, nil
}

// AccountKeys are the keys of an account: the private ones sealed, as
// envelopes of PKCS #8; the public ones as SPKI in DER and as 32 raw bytes; and
// the 64-byte signature of the first by the second.
type AccountKeys struct {
	EncryptedPrivateKey         []byte `json:"encryptedPrivateKey"`
	EncryptedIdentityPrivateKey []byte `json:"encryptedIdentityPrivateKey"`
	PublicKey                   []byte `json:"publicKey"`
	PublicKeySignature          []byte `json:"publicKeySignature"`
	IdentityPublicKey           []byte `json:"identityPublicKey"`
}

// A RegisterRequest is a new account.
type RegisterRequest struct {
	Email          string        `json:"email"`
	Name           string        `json:"name"`
	AuthHash       client.Secret `json:"-"`
	Salt           []byte        `json:"salt"`
	KDFIterations  uint32        `json:"kdfIterations"`
	KDFMemoryKB    uint32        `json:"kdfMemoryKB"`
	KDFParallelism uint32        `json:"kdfParallelism"`
	// Preflight is where the released server wants the master password, for
	// its strength. It must never have that: any strong random text will do.
	Preflight   client.Secret `json:"masterPasswordPreflight,omitzero"`
	InviteToken client.Secret `json:"inviteToken,omitzero"`

	AccountKeys
}

// A Registration is the answer to Register.
type Registration struct {
	UserID string `json:"userId"`
	Role   string `json:"role"` // owner, for the first user of a server, admin or member
}

// Register is POST /auth/register. It gives no tokens and makes no vault: log
// in, then create one. The errors are client.ErrConflict for an e-mail that
// is taken, ErrInvalid without a needed invitation, ErrDenied if the server
// registers nobody.
func (s *AuthService) Register(ctx context.Context, req RegisterRequest) (*Registration, error) {
	body := struct {
		RegisterRequest

		AuthHash client.Secret `json:"authHash"`
	}{req, base64Of(req.AuthHash)}
	r := send(http.MethodPost, body, "auth", "register")
	r.Anonymous = true
	var reg Registration
	if err := s.c.Do(ctx, r, &reg); err != nil {
		return nil, err
	}
	if reg.UserID == "" {
		return nil, badAnswer("the account has no id")
	}
	return &reg, nil
}

// A LoginRequest opens a session. Another one of the same DeviceName ends the
// first: use a name of its own for each installation.
type LoginRequest struct {
	Email      string        `json:"email"`
	AuthHash   client.Secret `json:"-"`
	DeviceName string        `json:"deviceName"`
	TOTPCode   client.Secret `json:"totpCode,omitzero"` // an addition, after ErrTOTP
}

// Tokens are those of a session. Save them before using them: a refresh token
// works once, and its second use ends the session.
type Tokens struct {
	AccessToken      client.Secret `json:"accessToken"`
	RefreshToken     client.Secret `json:"refreshToken"`
	RefreshExpiresAt time.Time     `json:"refreshExpiresAt"`
}

func (t Tokens) check() error {
	if t.AccessToken.IsZero() || t.RefreshToken.IsZero() {
		return badAnswer("a token is missing")
	}
	return nil
}

// A Session is the answer to Login.
type Session struct {
	Tokens
	AccountKeys

	UserID    string
	Role      string
	SessionID string
	Vaults    []Vault
}

// Login is POST /auth/login. The errors are client.ErrUnauthenticated for a
// wrong e-mail or password, ErrAccountLocked, ErrTOTP with status 401 from a
// server that asks for a code.
func (s *AuthService) Login(ctx context.Context, req LoginRequest) (*Session, error) {
	body := struct {
		LoginRequest

		AuthHash client.Secret `json:"authHash"`
	}{req, base64Of(req.AuthHash)}
	r := send(http.MethodPost, body, "auth", "login")
	r.Anonymous = true
	var w struct {
		Tokens
		AccountKeys

		UserID    string                   `json:"userId"`
		Role      string                   `json:"role"`
		SessionID string                   `json:"sessionId"`
		Vaults    listOf[wireVault, Vault] `json:"vaults"`
	}
	if err := s.c.Do(ctx, r, &w); err != nil {
		return nil, err
	}
	if w.UserID == "" {
		return nil, badAnswer("the account has no id")
	}
	return &Session{w.Tokens, w.AccountKeys, w.UserID, w.Role, w.SessionID, w.Vaults.items}, w.check()
}

// Refresh is POST /auth/refresh. It is never sent twice. The errors are
// ErrTokenReused and client.ErrUnauthenticated; after both one has to log in.
func (s *AuthService) Refresh(ctx context.Context, refreshToken client.Secret) (*Tokens, error) {
	r := send(http.MethodPost, refreshBody{refreshToken}, "auth", "refresh")
	r.Anonymous = true
	var t Tokens
	if err := s.c.Do(ctx, r, &t); err != nil {
		return nil, err
	}
	return &t, t.check()
}

type refreshBody struct {
	RefreshToken client.Secret `json:"refreshToken"`
}

// Logout is POST /auth/logout. A session that has ended already is no error.
func (s *AuthService) Logout(ctx context.Context, refreshToken client.Secret) error {
	r := send(http.MethodPost, refreshBody{refreshToken}, "auth", "logout")
	r.Anonymous, r.Idempotent = true, true
	return s.c.Do(ctx, r, nil)
}

// StepUp is POST /auth/step-up. It returns an access token that for five
// minutes does what is otherwise ErrStepUp.
func (s *AuthService) StepUp(ctx context.Context, authHash client.Secret) (client.Secret, error) {
	body := struct {
		AuthHash client.Secret `json:"authHash"`
	}{base64Of(authHash)}
	var t struct {
		AccessToken client.Secret `json:"accessToken"`
	}
	if err := s.c.Do(ctx, send(http.MethodPost, body, "auth", "step-up"), &t); err != nil {
		return client.Secret{}, err
	}
	if t.AccessToken.IsZero() {
		return client.Secret{}, badAnswer("a token is missing")
	}
	return t.AccessToken, nil
}
