package stores

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
)

// known are the scopes, sorted: the services that may use a secret.
var known = []string{"access", "ai_gateway", "containers", "dex", "websearch", "workers"}

// A Status says how far a secret has come.
type Status string

// The states. A secret is pending for PendingTime after its value was set.
const (
	Pending Status = "pending"
	Active  Status = "active"
)

// A Secret is all of a secret but its value.
type Secret struct {
	ID, Store         ID
	Name, Comment     string
	Scopes            []string // sorted, each once, at least one
	Created, Modified time.Time
	settled           time.Time // when it becomes active
}

// StatusAt returns the status at that time.
func (s Secret) StatusAt(now time.Time) Status {
	if now.Before(s.settled) {
		return Pending
	}
	return Active
}

// Secrets returns the secrets of one of the owner's stores, oldest first.
func Secrets(tx kv.Tx, o Owner, store ID) ([]Secret, error) {
	if _, err := GetStore(tx, o, store); err != nil {
		return nil, err
	}
	var all []Secret
	prefix := join("ss/", store)
	for k, b := range tx.Scan(prefix) {
		if len(k) != len(prefix)+len(ID{}) {
			return nil, ErrDamaged
		}
		s, err := parseSecret(store, ID(k[len(prefix):]), b)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Secret) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

// Get returns one secret. An unknown store is ErrStoreNotFound, an unknown
// secret in it ErrSecretNotFound.
func Get(tx kv.Tx, o Owner, store, id ID) (Secret, error) {
	if _, err := GetStore(tx, o, store); err != nil {
		return Secret{}, err
	}
	b := tx.Get(join("ss/", store, id))
	if b == nil {
		return Secret{}, ErrSecretNotFound
	}
	return parseSecret(store, id, b)
}

// A New is a secret to be made.
type New struct {
	Name, Comment string
	Scopes        []string
	Value         secret.String
}

// Create makes secrets, all or none, and returns them in the same order. The
// name of one that the store has, or that comes twice, is a *NameTakenError;
// more than there is room for are ErrMaxSecrets. Of several faults the first
// one's first rule counts, and rules go before names and room.
func Create(tx kv.Tx, now time.Time, rand io.Reader, k Keys, o Owner, store ID, list []New) ([]Secret, error) {
	all, err := Secrets(tx, o, store)
	if err != nil {
		return nil, err
	}
	var made []Secret
	for _, n := range list {
		s, err := n.secret(now, store)
		if err != nil {
			return nil, err
		}
		if err := checkValue(n.Value); err != nil {
			return nil, err
		}
		made = append(made, s)
	}
	if err := fits(tx, o, all, made); err != nil {
		return nil, err
	}
	for i, n := range list {
		if made[i].ID, err = makeID(rand); err != nil {
			return nil, err
		}
		if err := putSecret(tx, made[i]); err != nil {
			return nil, err
		}
		if err := putValue(tx, rand, k, o.Account, made[i], n.Value); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// secret checks n, all but its value, and returns it as it is kept.
func (n New) secret(now time.Time, store ID) (Secret, error) {
	switch {
	case n.Name == "":
		return Secret{}, &RuleError{NameEmpty, ""}
	case len(n.Name) > MaxName || !isPlain(n.Name):
		return Secret{}, &RuleError{NameInvalid, fmt.Sprintf("at most %d bytes, no spaces or control characters", MaxName)}
	}
	scopes, err := sorted(n.Scopes)
	if err != nil {
		return Secret{}, err
	}
	if err := checkComment(n.Comment); err != nil {
		return Secret{}, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	return Secret{
		Store: store, Name: n.Name, Comment: n.Comment, Scopes: scopes, Created: now, Modified: now, settled: now.Add(PendingTime),
	}, nil
}

// sorted returns the scopes sorted and each of them once.
func sorted(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return nil, &RuleError{ScopesEmpty, ""}
	}
	for _, s := range scopes {
		if !slices.Contains(known, s) {
			return nil, &RuleError{ScopeInvalid, fmt.Sprintf("%.64q", s)}
		}
	}
	scopes = slices.Sorted(slices.Values(scopes))
	return slices.Compact(scopes), nil
}

func checkComment(comment string) error {
	if len(comment) > MaxComment || !utf8.ValidString(comment) {
		return &RuleError{CommentInvalid, fmt.Sprintf("at most %d bytes of UTF-8", MaxComment)}
	}
	return nil
}

func checkValue(v secret.String) error {
	switch {
	case v.Len() == 0:
		return &RuleError{ValueEmpty, ""}
	case v.Len() > MaxValue:
		return &RuleError{ValueTooLong, fmt.Sprintf("max %d bytes", MaxValue)}
	case !utf8.Valid(v.Bytes().Reveal()):
		return &RuleError{ValueInvalid, "it is not UTF-8"}
	}
	return nil
}

// fits checks that the names of made are free beside those of all, and that
// the owner has room for so many.
func fits(tx kv.Tx, o Owner, all, made []Secret) error {
	taken := map[string]bool{}
	for _, s := range all {
		taken[s.Name] = true
	}
	for _, s := range made {
		if taken[s.Name] {
			return &NameTakenError{s.Name}
		}
		taken[s.Name] = true
	}
	usage, err := Usage(tx, o)
	if err == nil && usage+len(made) > MaxSecrets {
		return ErrMaxSecrets
	}
	return err
}

// A Change is what to change of a secret; what is nil stays.
type Change struct {
	Value   *secret.String
	Scopes  []string
	Comment *string
	Name    *string // has to be the one that the secret has: it cannot change
}

// Update changes a secret and returns it. One whose value is set is pending
// again. A change of nothing is none.
func Update(tx kv.Tx, now time.Time, rand io.Reader, k Keys, o Owner, store, id ID, c Change) (Secret, error) {
	s, err := Get(tx, o, store, id)
	if err != nil {
		return Secret{}, err
	}
	if c.Name != nil && *c.Name != s.Name {
		return Secret{}, &RuleError{NameImmutable, ""}
	}
	now = now.UTC().Truncate(time.Microsecond)
	if c.Scopes != nil {
		if s.Scopes, err = sorted(c.Scopes); err != nil {
			return Secret{}, err
		}
	}
	if c.Comment != nil {
		if err := checkComment(*c.Comment); err != nil {
			return Secret{}, err
		}
		s.Comment = *c.Comment
	}
	if c.Value != nil {
		if err := checkValue(*c.Value); err != nil {
			return Secret{}, err
		}
		s.settled = now.Add(PendingTime)
		if err := putValue(tx, rand, k, o.Account, s, *c.Value); err != nil {
			return Secret{}, err
		}
	}
	if c.Value == nil && c.Scopes == nil && c.Comment == nil {
		return s, nil
	}
	s.Modified = now
	return s, putSecret(tx, s)
}

// Delete removes secrets, all or none, for good.
func Delete(tx kv.Tx, o Owner, store ID, ids ...ID) error {
	if _, err := GetStore(tx, o, store); err != nil {
		return err
	}
	for _, id := range ids {
		if tx.Get(join("ss/", store, id)) == nil {
			return ErrSecretNotFound
		}
	}
	for _, id := range ids {
		for _, prefix := range []string{"ss/", "sv/"} {
			if err := tx.Delete(join(prefix, store, id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Duplicate makes a secret with the value of another one. Of n all but the
// value counts. The errors are those of Get and Create.
func Duplicate(tx kv.Tx, now time.Time, rand io.Reader, k Keys, o Owner, store, id ID, n New) (Secret, error) {
	from, err := Get(tx, o, store, id)
	if err != nil {
		return Secret{}, err
	}
	if _, err := n.secret(now, store); err != nil {
		return Secret{}, err // before a value is opened
	}
	v, err := value(tx, k, o.Account, from)
	if err != nil {
		return Secret{}, err
	}
	defer v.Wipe()
	n.Value = v
	made, err := Create(tx, now, rand, k, o, store, []New{n})
	if err != nil {
		return Secret{}, err
	}
	return made[0], nil
}
