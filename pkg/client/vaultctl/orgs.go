package vaultctl

import (
	"cmp"
	"context"

	"github.com/keyhold/keyhold/pkg/client"
)

// OrgsService has the calls of organisations, as far as shared vaults on a
// released server need them.
type OrgsService struct{ c *client.Client }

// An Org is an organisation of the caller's.
type Org struct {
	ID   string
	Name string
	Role string // of the caller; "": not given
}

type wireOrg struct {
	OrgID   string `json:"orgId"`
	ID      string `json:"id"`
	OrgName string `json:"orgName"`
	Name    string `json:"name"`
	Role    string `json:"role"`
}

func (w wireOrg) read() (Org, error) {
	o := Org{ID: cmp.Or(w.OrgID, w.ID), Name: cmp.Or(w.OrgName, w.Name), Role: w.Role}
	if o.ID == "" {
		return Org{}, badAnswer("an organisation has no id")
	}
	return o, nil
}

// List is GET /orgs.
func (s *OrgsService) List(ctx context.Context) ([]Org, error) {
	l := listOf[wireOrg, Org]{name: "orgs"}
	if err := s.c.Do(ctx, get("orgs"), &l); err != nil {
		return nil, err
	}
	return l.items, nil
}

// An OrgMember is a member of an organisation.
type OrgMember struct {
	UserID string `json:"userId"`
	Email  string `json:"email"`
	Role   string `json:"role"`
}

type wireOrgMember struct{ OrgMember }

func (w wireOrgMember) read() (OrgMember, error) {
	if w.UserID == "" {
		return OrgMember{}, badAnswer("a member has no id")
	}
	return w.OrgMember, nil
}

// Members is GET /orgs/{org}/members.
func (s *OrgsService) Members(ctx context.Context, org string) ([]OrgMember, error) {
	l := listOf[wireOrgMember, OrgMember]{name: "members"}
	if err := s.c.Do(ctx, get("orgs", org, "members"), &l); err != nil {
		return nil, err
	}
	return l.items, nil
}
