package vaultctl

import (
	"context"
	"errors"
	"strings"

	"github.com/keyhold/keyhold/pkg/client"
)

// UsersService finds other users and their public keys. A server can give out
// keys of its own: pin them, and compare fingerprints.
type UsersService struct {
	c    *client.Client
	orgs *OrgsService
}

// A User is somebody to share with.
type User struct {
	UserID             string `json:"userId"`
	Email              string `json:"email"`              // "": not given
	PublicKey          []byte `json:"publicKey"`          // RSA; SPKI in DER, PKCS #1 from some servers
	PublicKeySignature []byte `json:"publicKeySignature"` // of PublicKey by the identity key; 64 bytes
	IdentityPublicKey  []byte `json:"identityPublicKey"`  // Ed25519, 32 bytes
}

func (u User) check() error {
	if u.UserID == "" || len(u.PublicKey) == 0 || len(u.PublicKeySignature) == 0 || len(u.IdentityPublicKey) == 0 {
		return badAnswer("a user lacks an id, a key or its signature")
	}
	return nil
}

// Get is GET /users/{id}, an addition. Where that is 404 or 405 the user is
// looked for among the members of one's organisations. An unknown one is
// client.ErrNotFound.
func (s *UsersService) Get(ctx context.Context, id string) (*User, error) {
	return s.find(ctx, get("users", id), func(u User) bool { return strings.EqualFold(u.UserID, id) })
}

// ByEmail is GET /users?email=, and otherwise as Get.
func (s *UsersService) ByEmail(ctx context.Context, email string) (*User, error) {
	r := get("users")
	r.Query = query("email", email)
	return s.find(ctx, r, func(u User) bool {
		return strings.EqualFold(strings.TrimSpace(u.Email), strings.TrimSpace(email))
	})
}

// find makes the call, or else looks through the organisations. Somebody else
// than was asked for is refused.
func (s *UsersService) find(ctx context.Context, r client.Request, wanted func(User) bool) (*User, error) {
	var u User
	err := s.c.Do(ctx, r, &u)
	switch {
	case unrouted(err):
		return s.inOrgs(ctx, err, wanted)
	case err != nil:
		return nil, err
	case !wanted(u):
		return nil, badAnswer("it is another user")
	}
	return &u, u.check()
}

// inOrgs looks for a user among the members of one's organisations. If there
// is none the error is notFound.
func (s *UsersService) inOrgs(ctx context.Context, notFound error, wanted func(User) bool) (*User, error) {
	orgs, err := s.orgs.List(ctx)
	if err != nil && !unrouted(err) {
		return nil, errors.Join(notFound, err)
	}
	for _, o := range orgs {
		members, err := s.orgs.Members(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if !wanted(User{UserID: m.UserID, Email: m.Email}) {
				continue
			}
			u, err := s.PublicKey(ctx, o.ID, m.UserID)
			if err == nil {
				u.Email = m.Email
			}
			return u, err
		}
	}
	return nil, notFound
}

// PublicKey is GET /orgs/{org}/members/{user}/pubkey. The answer has no e-mail.
func (s *UsersService) PublicKey(ctx context.Context, org, user string) (*User, error) {
	var u User
	if err := s.c.Do(ctx, get("orgs", org, "members", user, "pubkey"), &u); err != nil {
		return nil, err
	}
	if err := u.check(); err != nil {
		return nil, err
	}
	if !strings.EqualFold(u.UserID, user) {
		return nil, badAnswer("it is another user")
	}
	return &u, nil
}
