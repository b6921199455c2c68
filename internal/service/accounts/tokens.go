package accounts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

// ErrToken reports an access token that is not ours, out of date, or of a
// session that has ended.
var ErrToken = errors.New("the access token is not valid")

const (
	// AccessTime is how long an access token is good for.
	AccessTime = 15 * time.Minute
	// StepUpTime is how long a password that was given again counts.
	StepUpTime = 5 * time.Minute

	issuer = "vaultctl"
)

// Claims are what an access token says.
type Claims struct {
	User, Session   seal.ID
	Role            Role
	Issued, Expires time.Time // whole seconds in a token
	SteppedUp       time.Time // until when the password counts as given again; zero: it was not
}

// Claims returns those of a session of a, from now on for that long.
func (a Account) Claims(session seal.ID, now time.Time, life time.Duration) Claims {
	return Claims{User: a.ID, Session: session, Role: a.Role, Issued: now, Expires: now.Add(life)}
}

// IsSteppedUp reports whether the password was given again a short while ago.
func (c Claims) IsSteppedUp(now time.Time) bool { return now.Before(c.SteppedUp) }

// payload is the JSON of a token: RFC 7519, and the session.
type payload struct {
	Subject   seal.ID `json:"sub"`
	Session   seal.ID `json:"sid"`
	Role      Role    `json:"role"`
	Issuer    string  `json:"iss"`
	Issued    int64   `json:"iat"`
	NotBefore int64   `json:"nbf"`
	Expires   int64   `json:"exp"`
	StepUp    int64   `json:"step_up_exp,omitempty"`
}

// header is the first part of every token: with it compared as a whole, no
// token chooses its own algorithm.
func (k Keys) header() string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + k.kid + `","typ":"JWT"}`))
}

func (k Keys) sign(signed string) []byte {
	h := hmac.New(sha256.New, k.token.Reveal())
	h.Write([]byte(signed))
	return h.Sum(nil)
}

// Token returns the access token that says c: a JWT (RFC 7519) by HS256.
func (k Keys) Token(c Claims) (secret.String, error) {
	p := payload{
		Subject: c.User, Session: c.Session, Role: c.Role, Issuer: issuer,
		Issued: c.Issued.Unix(), NotBefore: c.Issued.Unix(), Expires: c.Expires.Unix(),
	}
	if !c.SteppedUp.IsZero() {
		p.StepUp = c.SteppedUp.Unix()
	}
	body, err := json.Marshal(p)
	if err != nil {
		return secret.String{}, err
	}
	signed := k.header() + "." + base64.RawURLEncoding.EncodeToString(body)
	return secret.TextOf(signed + "." + base64.RawURLEncoding.EncodeToString(k.sign(signed))), nil
}

// ParseToken returns what a token of ours says, or ErrToken. That the session
// goes on is for Authenticate to see.
func (k Keys) ParseToken(now time.Time, token secret.String) (Claims, error) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 || parts[0] != k.header() {
		return Claims{}, ErrToken
	}
	enc := base64.RawURLEncoding.Strict()
	mac, err := enc.DecodeString(parts[2])
	if err != nil || !hmac.Equal(mac, k.sign(parts[0]+"."+parts[1])) {
		return Claims{}, ErrToken
	}
	body, err := enc.DecodeString(parts[1])
	if err != nil {
		return Claims{}, ErrToken
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil || p.Issuer != issuer || now.Unix() < p.NotBefore || now.Unix() >= p.Expires {
		return Claims{}, ErrToken
	}
	c := Claims{User: p.Subject, Session: p.Session, Role: p.Role, Issued: time.Unix(p.Issued, 0).UTC(), Expires: time.Unix(p.Expires, 0).UTC()}
	if p.StepUp != 0 {
		c.SteppedUp = time.Unix(p.StepUp, 0).UTC()
	}
	return c, nil
}

// Authenticate returns the account of an access token and what the token says.
// A session that has ended, by logout or because the password was changed, ends
// its access tokens too: ErrToken. ErrDisabled is an account that was disabled.
func Authenticate(tx kv.Tx, now time.Time, k Keys, token secret.String) (Account, Claims, error) {
	c, err := k.ParseToken(now, token)
	if err != nil {
		return Account{}, Claims{}, err
	}
	s, err := getSession(tx, c.Session)
	if errors.Is(err, ErrNotFound) || err == nil && (s.User != c.User || !now.Before(s.Expires)) {
		return Account{}, Claims{}, ErrToken
	}
	if err != nil {
		return Account{}, Claims{}, err
	}
	a, err := Get(tx, c.User)
	switch {
	case err != nil:
		return Account{}, Claims{}, err
	case a.Disabled:
		return Account{}, Claims{}, ErrDisabled
	}
	c.Role = a.Role
	return a, c, nil
}
