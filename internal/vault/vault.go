// Package vault is the core: items, the port through which every kind of
// vault is used, and the rules of changing an item without losing anything.
// It knows no keys and no service; FORMAT.md has the plaintext of an item.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// The errors of the port. A backend turns those of its own parts into these.
var (
	// ErrNotFound reports an item or a vault that is not there.
	ErrNotFound = errors.New("not found")
	// ErrLocked reports that no session is open and no password at hand.
	ErrLocked = errors.New("the vaults are locked")
	// ErrWrongPassword reports a master password that opens nothing.
	ErrWrongPassword = errors.New("wrong password")
	// ErrExists reports a name that is taken.
	ErrExists = errors.New("exists already")
	// ErrDenied reports a change that this account may not make.
	ErrDenied = errors.New("not allowed")
	// ErrDamaged reports data that does not open: damaged, or forged.
	ErrDamaged = errors.New("damaged")
	// ErrBusy reports a store that another process kept locked for too long.
	ErrBusy = errors.New("in use by another process")
	// ErrTooNew reports a store that a newer version made.
	ErrTooNew = errors.New("made by a newer keyhold")
	// ErrInvalid reports a name, a field or a value that cannot be kept.
	ErrInvalid = errors.New("invalid")
)

// A Revision counts the changes of a vault; an item has the one of its last change.
type Revision uint64

// A ConflictError reports that a vault or an item moved on since it was read.
type ConflictError struct {
	What          string // "the vault", or the item's id
	Base, Current Revision
}

func (e *ConflictError) Error() string {
	if e.Base == e.Current {
		return e.What + " changed meanwhile"
	}
	return fmt.Sprintf("%s changed meanwhile (revision %d, now %d)", e.What, e.Base, e.Current)
}

// An AmbiguousError reports a name that several items have.
type AmbiguousError struct {
	What    string // "vaults"; empty: items
	Name    string
	Entries []Entry
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d %s are named %q", len(e.Entries), cmp.Or(e.What, "items"), e.Name)
}

// A DamagedError reports one item whose data does not open.
type DamagedError struct {
	ID, Name string // Name is empty if it does not open either
	Err      error
}

func (e *DamagedError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("item %s is damaged: %v", e.ID, e.Err)
	}
	return fmt.Sprintf("item %q (%s) is damaged: %v", e.Name, e.ID, e.Err)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// Is makes every DamagedError an ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// A Vault is one unlocked vault: items pass in the clear here, and the backend
// seals them in whatever format its service asks for.
type Vault interface {
	// Entries yields id, name and type of every item that is not in the
	// trash; it opens no item data. An entry whose name does not open comes
	// with a *DamagedError and does not end the sequence.
	Entries(ctx context.Context) iter.Seq2[Entry, error]
	// Lookup returns the entries with exactly this name, compared in NFC.
	Lookup(ctx context.Context, name string) ([]Entry, error)
	// Item opens one item, also from the trash, or returns ErrNotFound.
	Item(ctx context.Context, id string) (Item, error)
	// Commit applies c, all of it or nothing, and returns the items that it
	// put. If an item of c is no longer at its revision (a blob: the vault at
	// c.Base) it returns a *ConflictError, unless what changed it was this
	// very call, its answer lost on the way. After any error the caller
	// reads before it tries again.
	Commit(ctx context.Context, c Change) (Revision, []Item, error)
	// Close forgets the keys.
	Close() error
}

// An Entry is what a list knows of an item.
type Entry struct {
	ID, Name, Type   string
	Created, Updated time.Time
	Revision         uint64
}

// A Change is what Commit applies.
type Change struct {
	Base    Revision // of the vault when it was read; 0 if the backend knows better
	Put     []Put
	Delete  []Ref // into the trash
	Restore []Ref // out of it
}

// A Put is one item to be written, as new if Item.ID is empty.
type Put struct {
	Item Item
	Was  *Item // the copy that Item was made from; nil for a new one
	// Unique makes Commit return a *ConflictError if another item outside
	// the trash has this name by now. A backend whose service cannot tell
	// does not look.
	Unique bool
}

// A Ref is an item at a revision.
type Ref struct {
	ID       string
	Revision uint64
}
