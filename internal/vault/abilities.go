package vault

import (
	"context"
	"iter"
	"time"
)

// What only some vaults can do is a small interface here, found by assertion
// on a Vault.

// A Trasher shows and empties the trash.
type Trasher interface {
	// Trash yields what is in the trash; it opens no item data. An entry whose
	// name does not open comes with a *DamagedError and does not end the
	// sequence.
	Trash(ctx context.Context) iter.Seq2[Trashed, error]
	// Purge removes items from the trash for good, all of them or none, and
	// then overwrites what is left of them in the store. One that is not in
	// the trash is ErrInvalid, one at another revision a *ConflictError.
	// Without refs it only overwrites: what an earlier call was kept from.
	Purge(ctx context.Context, refs []Ref) error
}

// A Trashed is an entry of the trash.
type Trashed struct {
	Entry

	Deleted time.Time
}

// A Snapshotter reads many items as quickly as one.
type Snapshotter interface {
	// Snapshot calls fn with the vault as it is at one moment. What fn gets can
	// only be read, by fn alone; fn must not wait for anything: the store is
	// held. Damage that fn comes upon may end it with ErrDamaged, where reading
	// without a snapshot would go on.
	Snapshot(ctx context.Context, fn func(Vault) error) error
}

// A Tagger knows the tags of items without opening their data.
type Tagger interface {
	// Tags returns the tags of the items that have any, by ID, also of those in
	// the trash. Where a copy of the tags does not open, it opens the item; one
	// that does not open either is left out.
	Tags(ctx context.Context) (map[string][]string, error)
}

// A Checker verifies everything that a vault consists of.
type Checker interface {
	// Check changes no item and returns what is wrong, each item once. What
	// cannot be read does not keep it from the rest; an error means that it
	// could not go on. progress may be nil; it is called with 0 done first and
	// never while the store is held.
	Check(ctx context.Context, progress func(done, total int)) ([]Problem, error)
}

// A Queuer has a queue for the processes of this home whose change was in conflict
// once, so that they do not keep each other from being done.
type Queuer interface {
	// Queue waits for the caller's turn and returns how to give it up.
	Queue(ctx context.Context) (leave func(), err error)
}

// A Discarder removes items of which so little is left that nothing else can.
type Discarder interface {
	// Wrecked reports whether an item is damaged and cannot be moved to the
	// trash: it is there already, or its record does not say that much any more.
	// An id of which no part of the vault knows anything is no wreck.
	Wrecked(ctx context.Context, id string) (bool, error)
	// Discard removes wrecks for good, all of them or none, and then overwrites
	// what is left of them in the store. What could be moved to the trash is
	// ErrInvalid.
	Discard(ctx context.Context, ids []string) error
}

// A Problem is one thing that Check found.
type Problem struct {
	ID   string // of the item; empty if it is the vault, the account or the store
	Name string // of the item; empty if it does not open
	What string
}
