package secretsstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/pkg/client"
)

// StoresService has the calls of stores. An account has one store, made by
// Cloudflare as default_secrets_store when the feature is first used.
type StoresService struct{ at area }

// A Store holds secrets.
type Store struct {
	ID        string    `json:"id"`
	AccountID string    `json:"account_id"` // "": not given
	Name      string    `json:"name"`
	Created   time.Time `json:"created"`
	Modified  time.Time `json:"modified"`
}

func (s Store) id() string { return s.ID }

func (s Store) check() error {
	if s.ID == "" {
		return badAnswer("a store has no id")
	}
	return nil
}

// List is GET …/stores: one page. Stores have neither comment nor status to
// order them by. System lists those of the calling service.
func (s *StoresService) List(ctx context.Context, o ListOptions) (*Page[Store], error) {
	r := s.at.request(http.MethodGet, nil, "stores")
	r.Query = o.query()
	return list[Store](ctx, s.at.c, r)
}

// All yields the stores of all pages, by default the oldest first. o.Page is
// where it starts.
func (s *StoresService) All(ctx context.Context, o ListOptions) iter.Seq2[Store, error] {
	o = o.whole()
	return all(ctx, o.Page, func(ctx context.Context, page int) (*Page[Store], error) {
		o := o
		o.Page = page
		return s.List(ctx, o)
	})
}

// A CreateStoreRequest is a new store.
type CreateStoreRequest struct {
	Name string `json:"name"`
	// AccountNumber is the internal number of the account, not its tag. System
	// needs it, the same one for all stores of an account; others may not have it.
	AccountNumber int64 `json:"account_id,omitzero"`
}

// Create is POST …/stores. It is never sent twice. The errors are ErrMaxStores
// if the account has its store, and client.ErrInvalid.
func (s *StoresService) Create(ctx context.Context, req CreateStoreRequest) (*Store, error) {
	if (req.AccountNumber != 0) != s.at.system {
		return nil, fmt.Errorf("the number of the account is for stores of a service, which need it: %w", client.ErrInvalid)
	}
	return one[Store](ctx, s.at.c, s.at.request(http.MethodPost, req, "stores"), "")
}

// Get is GET …/stores/{id}. It came late: a service without it answers with an
// error that is no ErrStoreNotFound.
func (s *StoresService) Get(ctx context.Context, id string) (*Store, error) {
	return one[Store](ctx, s.at.c, s.at.request(http.MethodGet, nil, "stores", id), id)
}

// Delete is DELETE …/stores/{id}. A store with secrets in it is ErrNotEmpty;
// with force it goes together with them, for good.
func (s *StoresService) Delete(ctx context.Context, id string, force bool) error {
	r := s.at.request(http.MethodDelete, nil, "stores", id)
	if force {
		r.Query = url.Values{"force": {"true"}}
	}
	return gone(remove(ctx, s.at.c, r), ErrStoreNotFound)
}

// one sends r, whose answer is one object: that with this id, unless it is "".
func one[T checked](ctx context.Context, c *client.Client, r client.Request, id string) (*T, error) {
	got, _, err := do[loneOrListed[T]](ctx, c, r)
	if err != nil {
		return nil, err
	}
	if err := got.it.check(); err != nil {
		return nil, err
	}
	if id != "" && !strings.EqualFold(got.it.id(), id) {
		return nil, badAnswer("it is about something else than was asked for")
	}
	return &got.it, nil
}

// remove sends r, whose answer is null today and was what is gone now.
func remove(ctx context.Context, c *client.Client, r client.Request) error {
	_, _, err := do[jsontext.Value](ctx, c, r)
	return err
}

// gone returns the error of a remove, unless it is that what was to be deleted is
// not there, and the call had been sent before: it was deleted then.
func gone(err, notFound error) error {
	if e, ok := errors.AsType[*client.Error](err); ok && e.Repeated && errors.Is(err, notFound) {
		return nil
	}
	return err
}
