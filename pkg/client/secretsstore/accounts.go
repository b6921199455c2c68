package secretsstore

import (
	"context"
	"iter"
	"net/http"

	"github.com/keyhold/keyhold/pkg/client"
)

// AccountsService looks up accounts, for who does not know the id of his.
type AccountsService struct{ c *client.Client }

// perAccountsPage is the most that a page of accounts has.
const perAccountsPage = 50

// An AccountInfo is an account that the credentials can see.
type AccountInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (a AccountInfo) id() string { return a.ID }

func (a AccountInfo) check() error {
	if a.ID == "" {
		return badAnswer("an account has no id")
	}
	return nil
}

// All yields GET /accounts, all pages. A token may lack the permission for it,
// client.ErrDenied; Memberships asks for another one.
func (s *AccountsService) All(ctx context.Context) iter.Seq2[AccountInfo, error] {
	return pages[AccountInfo](ctx, s.c, "accounts")
}

// A Membership is the caller's place in an account.
type Membership struct {
	ID      string      `json:"id"`
	Status  string      `json:"status"` // accepted, pending or rejected; "": not given
	Account AccountInfo `json:"account"`
}

func (m Membership) id() string { return m.ID }

func (m Membership) check() error {
	if m.ID == "" {
		return badAnswer("a membership has no id")
	}
	return m.Account.check()
}

// Memberships yields GET /memberships, all pages.
func (s *AccountsService) Memberships(ctx context.Context) iter.Seq2[Membership, error] {
	return pages[Membership](ctx, s.c, "memberships")
}

func pages[T checked](ctx context.Context, c *client.Client, path string) iter.Seq2[T, error] {
	return all(ctx, 1, func(ctx context.Context, page int) (*Page[T], error) {
		r := client.Request{Method: http.MethodGet, Path: []string{path}}
		r.Query = ListOptions{Page: page, PerPage: perAccountsPage}.query()
		return list[T](ctx, c, r)
	})
}
