package secretsstore

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/keyhold/keyhold/pkg/client"
)

// SecretsService has the calls of secrets. They are addressed by id; to find
// one by its name, list with Search and compare, as a name is unique in its
// store.
type SecretsService struct{ at area }

// The scopes: the services that may use a secret.
const (
	ScopeWorkers    = "workers"
	ScopeAIGateway  = "ai_gateway" // with an underscore, whatever guides say
	ScopeDEX        = "dex"
	ScopeAccess     = "access"
	ScopeContainers = "containers"
	ScopeWebsearch  = "websearch"
)

// The states of a secret. One that was just made is pending until it has come
// to where it is used.
const (
	StatusPending = "pending"
	StatusActive  = "active"
	StatusDeleted = "deleted"
)

// A Secret is all of a secret but its value, which no call gives back.
type Secret struct {
	ID       string    `json:"id"`
	StoreID  string    `json:"store_id"`
	Name     string    `json:"name"`
	Comment  string    `json:"comment"`
	Scopes   []string  `json:"scopes"` // sorted
	Status   string    `json:"status"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
}

func (s Secret) id() string { return s.ID }

func (s Secret) check() error {
	if s.ID == "" || s.Name == "" {
		return badAnswer("a secret has no id or no name")
	}
	return nil
}

// ListSecretsOptions say which secrets. Search is a part of the name or the
// comment; with Scopes, secrets that have any of them.
type ListSecretsOptions struct {
	ListOptions

	Search string
	Scopes []string
}

// List is GET …/stores/{store}/secrets: one page. An unknown store is
// ErrStoreNotFound.
func (s *SecretsService) List(ctx context.Context, store string, o ListSecretsOptions) (*Page[Secret], error) {
	r := s.at.request(http.MethodGet, nil, "stores", store, "secrets")
	r.Query = o.query()
	if o.Search != "" {
		r.Query.Set("search", o.Search)
	}
	for _, scope := range o.Scopes {
		r.Query.Add("scopes", scope)
	}
	return list[Secret](ctx, s.at.c, r)
}

// All yields the secrets of all pages, by default the oldest first. o.Page is
// where it starts.
func (s *SecretsService) All(ctx context.Context, store string, o ListSecretsOptions) iter.Seq2[Secret, error] {
	o.ListOptions = o.whole()
	return all(ctx, o.Page, func(ctx context.Context, page int) (*Page[Secret], error) {
		o := o
		o.Page = page
		return s.List(ctx, store, o)
	})
}

// A CreateSecretRequest is a new secret. The name is unique in the store, has no
// spaces, and never changes. At least one scope is needed.
type CreateSecretRequest struct {
	Name    string        `json:"name"`
	Value   client.Secret `json:"value"` // UTF-8, at most MaxValue bytes
	Scopes  []string      `json:"scopes"`
	Comment string        `json:"comment,omitzero"`
}

// Create is POST …/stores/{store}/secrets with all of reqs, and returns the
// secrets in that order. All are made or none. It is never sent twice. The
// errors are ErrNameTaken, ErrMaxSecrets, ErrStoreNotFound, and
// client.ErrInvalid for a name, scope or value that breaks a rule.
func (s *SecretsService) Create(ctx context.Context, store string, reqs ...CreateSecretRequest) ([]Secret, error) {
	got, _, err := do[[]Secret](ctx, s.at.c, s.at.request(http.MethodPost, reqs, "stores", store, "secrets"))
	if err != nil {
		return nil, err
	}
	if len(got) != len(reqs) {
		return nil, badAnswer("there are more or fewer secrets than were sent")
	}
	for i, it := range got {
		if err := it.check(); err != nil {
			return nil, err
		}
		if it.Name != reqs[i].Name {
			return nil, badAnswer("the secrets are others than were sent")
		}
	}
	return got, nil
}

// Get is GET …/stores/{store}/secrets/{id}. The errors are ErrStoreNotFound
// and ErrSecretNotFound, here and below.
func (s *SecretsService) Get(ctx context.Context, store, id string) (*Secret, error) {
	return one[Secret](ctx, s.at.c, s.at.request(http.MethodGet, nil, "stores", store, "secrets", id), id)
}

// An UpdateSecretRequest changes what is set in it and leaves the rest. A
// secret keeps its name; Duplicate gives another its value.
type UpdateSecretRequest struct {
	Value   client.Secret `json:"value,omitzero"` // as in CreateSecretRequest
	Scopes  []string      `json:"scopes,omitempty"`
	Comment *string       `json:"comment,omitzero"`
}

// Update is PATCH …/stores/{store}/secrets/{id}. It is sent again only if the
// service is too busy to have looked at it.
func (s *SecretsService) Update(ctx context.Context, store, id string, req UpdateSecretRequest) (*Secret, error) {
	r := s.at.request(http.MethodPatch, req, "stores", store, "secrets", id)
	r.Once = true
	return one[Secret](ctx, s.at.c, r, id)
}

// Delete is DELETE …/stores/{store}/secrets/{id}: for good.
func (s *SecretsService) Delete(ctx context.Context, store, id string) error {
	return gone(remove(ctx, s.at.c, s.at.request(http.MethodDelete, nil, "stores", store, "secrets", id)), ErrSecretNotFound)
}

// DeleteMany is DELETE …/stores/{store}/secrets with {"ids":[…]}: all of them
// or none.
func (s *SecretsService) DeleteMany(ctx context.Context, store string, ids ...string) error {
	body := struct {
		IDs []string `json:"ids"`
	}{ids}
	err := remove(ctx, s.at.c, s.at.request(http.MethodDelete, body, "stores", store, "secrets"))
	if err == nil || gone(err, ErrSecretNotFound) != nil {
		return err
	}
	// One of them is not there: all went when the call was sent before, or
	// somebody else deleted one.
	for it, errList := range s.All(ctx, store, ListSecretsOptions{}) {
		if errList != nil || slices.Contains(ids, it.ID) {
			return err
		}
	}
	return nil
}

// A DuplicateSecretRequest is the copy of a secret: its value under another
// name. Nothing but the value is taken over.
type DuplicateSecretRequest struct {
	Name    string   `json:"name"`
	Scopes  []string `json:"scopes"`
	Comment string   `json:"comment,omitzero"`
}

// Duplicate is POST …/stores/{store}/secrets/{id}/duplicate. The service copies
// the value; it is not sent. The call is never sent twice. The errors are those
// of Get and Create.
func (s *SecretsService) Duplicate(ctx context.Context, store, id string, req DuplicateSecretRequest) (*Secret, error) {
	it, err := one[Secret](ctx, s.at.c, s.at.request(http.MethodPost, req, "stores", store, "secrets", id, "duplicate"), "")
	if err == nil && it.Name != req.Name {
		return nil, badAnswer("it is about something else than was asked for")
	}
	return it, err
}
