package backendtest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// A flaw is what is wrong with a fake on purpose.
type flaw string

// A service is the other side of the fake: one whole blob per vault under a
// version, the way that differs most from the local vaults.
type service struct {
	mu     sync.Mutex
	flaw   flaw
	ids    int
	vaults []*blob // oldest first
	def    string
}

type blob struct {
	info  backend.Info
	items map[string]stored
}

// A stored item is its plaintext and what stands outside of it.
type stored struct {
	vault.Item

	plain []byte
}

func newService(f flaw) *service {
	s := &service{flaw: f}
	s.add("first")
	return s
}

func (s *service) id() string {
	s.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", s.ids)
}

func (s *service) add(name string) *blob {
	b := &blob{backend.Info{ID: s.id(), Name: name, Role: "owner", Open: true, KeyVersion: 1, Revision: 1}, map[string]stored{}}
	s.vaults = append(s.vaults, b)
	return b
}

// get returns a vault; the caller has the lock.
func (s *service) get(id string) (*blob, error) {
	for _, b := range s.vaults {
		if b.info.ID == id {
			return b, nil
		}
	}
	return nil, vault.ErrNotFound
}

func (s *service) Vaults(ctx context.Context) ([]backend.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var infos []backend.Info
	chosen := 0
	for i, b := range s.vaults {
		infos = append(infos, b.info)
		if b.info.ID == s.def {
			chosen = i
		}
	}
	infos[chosen].Default = true
	if s.flaw == "two defaults" {
		infos = append(infos, infos[chosen])
	}
	return infos, ctx.Err()
}

func (s *service) Vault(_ context.Context, id string) (vault.Vault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.get(id); err != nil && s.flaw != "opens every vault" {
		return nil, err
	}
	return &client{s: s, id: id}, nil
}

func (s *service) CreateVault(_ context.Context, name string) (backend.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := vault.CheckVaultName(name); err != nil && s.flaw != "any vault name" {
		return backend.Info{}, err
	}
	if s.flaw != "same vault names" && slices.ContainsFunc(s.vaults, func(b *blob) bool { return b.info.Name == name }) {
		return backend.Info{}, vault.ErrExists
	}
	return s.add(name).info, nil
}

func (s *service) DeleteVault(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.get(id); err != nil {
		return err
	}
	if s.flaw != "keeps deleted vaults" {
		s.vaults = slices.DeleteFunc(s.vaults, func(b *blob) bool { return b.info.ID == id })
	}
	return nil
}

func (s *service) SetDefault(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.get(id)
	if err == nil && s.flaw != "forgets the default" {
		s.def = id
	}
	return err
}

func (s *service) CountItems(_ context.Context, id string) (items, trashed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.get(id)
	if err != nil {
		return 0, 0, err
	}
	for _, it := range b.items {
		if it.Deleted.IsZero() || s.flaw == "counts the trash" {
			items++
		} else {
			trashed++
		}
	}
	return items, trashed, nil
}

// A client has read the blob at a version.
type client struct {
	s      *service
	id     string
	seen   uint64
	closed bool
	cache  map[string]vault.Item
}

func (c *client) Close() error {
	c.closed = c.s.flaw != "lives on"
	return nil
}

// read returns the items as they are now.
func (c *client) read(ctx context.Context) (map[string]stored, error) {
	if c.closed {
		return nil, vault.ErrLocked
	}
	if err := ctx.Err(); err != nil && c.s.flaw != "ignores the context" {
		return nil, err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.get(c.id)
	if err != nil {
		return nil, err
	}
	c.seen = b.info.Revision
	return maps.Clone(b.items), nil
}

func (c *client) Entries(ctx context.Context) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		items, err := c.read(ctx)
		if err != nil {
			yield(vault.Entry{}, err)
			return
		}
		for _, it := range items {
			live := it.Deleted.IsZero() || c.s.flaw == "lists the trash"
			if live && !yield(it.Entry(), nil) && c.s.flaw != "goes on" {
				return
			}
		}
	}
}

func (c *client) Lookup(ctx context.Context, name string) ([]vault.Entry, error) {
	items, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	var found []vault.Entry
	for _, it := range items {
		same := norm.NFC.String(it.Name) == norm.NFC.String(name)
		if c.s.flaw == "compares bytes" {
			same = it.Name == name
		}
		if same && it.Deleted.IsZero() && !(c.s.flaw == "finds one" && len(found) == 1) {
			found = append(found, it.Entry())
		}
	}
	return found, nil
}

func (c *client) Item(ctx context.Context, id string) (vault.Item, error) {
	items, err := c.read(ctx)
	if err != nil {
		return vault.Item{}, err
	}
	old, ok := items[id]
	if !ok || c.s.flaw == "has no trash" && !old.Deleted.IsZero() {
		return vault.Item{}, vault.ErrNotFound
	}
	if it, ok := c.cache[id]; ok && c.s.flaw == "shares memory" && it.Revision == old.Revision {
		return it, nil
	}
	it, err := old.open(c.s.flaw)
	c.cache = map[string]vault.Item{id: it}
	return it, err
}

func (it stored) open(f flaw) (vault.Item, error) {
	out, err := vault.UnmarshalItem(secret.Of(slices.Clone(it.plain)))
	out.ID, out.Name, out.Revision, out.Deleted = it.ID, it.Name, it.Revision, it.Deleted
	switch f {
	case "drops the history":
		out.History = nil
	case "drops unknown members":
		out.Extra = nil
	case "drops tags":
		out.Tags = nil
	}
	return out, err
}

func (c *client) Commit(ctx context.Context, change vault.Change) (vault.Revision, []vault.Item, error) {
	if c.closed {
		return 0, nil, vault.ErrLocked
	}
	if err := ctx.Err(); err != nil && c.s.flaw != "ignores the context" {
		return 0, nil, err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.get(c.id)
	if err != nil {
		return 0, nil, err
	}
	base := cmp.Or(uint64(change.Base), c.seen)
	if base != 0 && base != b.info.Revision && c.s.flaw != "ignores versions" {
		return 0, nil, &vault.ConflictError{What: "the vault", Base: vault.Revision(base), Current: vault.Revision(b.info.Revision)}
	}
	items := b.items
	if c.s.flaw != "not atomic" {
		items = maps.Clone(items)
	}
	next := b.info.Revision + 1
	made, err := c.change(items, next, change)
	if err != nil {
		return 0, nil, err
	}
	b.items, b.info.Revision, c.seen = items, next, next
	return vault.Revision(next), made, nil
}

func (c *client) change(items map[string]stored, next uint64, change vault.Change) (made []vault.Item, err error) {
	check := func(id string, revision uint64) error {
		if now := items[id].Revision; now != revision && c.s.flaw != "ignores versions" && c.s.flaw != "ignores revisions" {
			return &vault.ConflictError{What: id, Base: vault.Revision(revision), Current: vault.Revision(now)}
		}
		return nil
	}
	for _, p := range change.Put {
		it := p.Item
		if err := vault.CheckName(it.Name); err != nil && c.s.flaw != "any name" {
			return nil, err
		}
		if it.ID == "" {
			it.ID = c.s.id()
		}
		if p.Was != nil {
			if err := check(it.ID, p.Was.Revision); err != nil {
				return nil, err
			}
		}
		for _, other := range items {
			if p.Unique && c.s.flaw != "same names" && other.ID != it.ID && other.Deleted.IsZero() && norm.NFC.String(other.Name) == norm.NFC.String(it.Name) {
				return nil, &vault.ConflictError{What: other.ID}
			}
		}
		plain, err := vault.MarshalItem(it)
		if err != nil {
			return nil, err
		}
		it.Revision = next
		items[it.ID] = stored{it, slices.Clone(plain.Reveal())}
		out, err := items[it.ID].open(c.s.flaw)
		if err != nil {
			return nil, err
		}
		made = append(made, out)
	}
	move := func(refs []vault.Ref, deleted bool) error {
		for _, r := range refs {
			if err := check(r.ID, r.Revision); err != nil {
				return err
			}
			it := items[r.ID]
			if it.Deleted.IsZero() == deleted {
				it.Revision, it.Deleted = next, now
				if !deleted {
					it.Deleted = vault.Item{}.Deleted
				}
				items[r.ID] = it
			}
		}
		return nil
	}
	if err := move(change.Delete, true); err != nil {
		return nil, err
	}
	return made, move(change.Restore, false)
}
