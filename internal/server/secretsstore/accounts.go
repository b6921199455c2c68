package secretsstore

import (
	"strings"

	"github.com/keyhold/keyhold/internal/service/stores"
)

// An accountBody is the one account that a token is for. There is nothing to
// know of it but its id.
type accountBody struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type membershipBody struct {
	ID      string      `json:"id"`
	Status  string      `json:"status"`
	Account accountBody `json:"account"`
	Roles   []string    `json:"roles"`
}

// accounts are those of the token: one, or none if it is a service's for any.
func (c *call) accounts() []accountBody {
	id, err := stores.ParseID(c.token.Account)
	if err != nil {
		return nil
	}
	return []accountBody{{id.String(), "Account " + id.String(), "standard"}}
}

func listAccounts(c *call) (result, error) {
	all := c.accounts()
	return page(c, all, len(all), func(a accountBody) accountBody { return a }), nil
}

func listMemberships(c *call) (result, error) {
	all := c.accounts()
	return page(c, all, len(all), func(a accountBody) membershipBody {
		// A membership has an id of its own; that of the token is as good.
		return membershipBody{strings.ReplaceAll(c.token.ID.String(), "-", ""), "accepted", a, []string{}}
	}), nil
}
