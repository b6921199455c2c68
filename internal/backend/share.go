package backend

import (
	"context"
	"time"

	"github.com/keyhold/keyhold/internal/vault"
)

// A NewVault says what kind of vault is to be made.
type NewVault struct {
	Name       string
	Shared     bool // it can have other members
	Compatible bool // sealed as released clients do, which protects less
}

// A KindCreator makes vaults of more than one kind. What it cannot make is
// errors.ErrUnsupported.
type KindCreator interface {
	Creator
	CreateVaultOf(ctx context.Context, n NewVault) (Info, error)
}

// A Recipient is somebody with whom a vault can be shared, or who shared one.
type Recipient struct {
	ID, Email   string
	Fingerprint string // of the identity key: twelve groups of five digits
	Trusted     bool   // this identity key is trusted here
}

// A Member is a member of a vault.
type Member struct {
	Recipient

	Role  string // owner, admin or member
	Self  bool
	Added time.Time
}

// A Sharer shares vaults. A person whose key at the service is another than the
// one that is trusted here is an *AlarmError, one who would have to be trusted
// an *UntrustedError; then nothing was changed.
type Sharer interface {
	// Members returns who has the vault, in the order in which they came. One
	// whose keys the service does not show has no Fingerprint.
	Members(ctx context.Context, vaultID string) ([]Member, error)
	// Recipient finds somebody by e-mail or id. It comes along with the error if
	// another key was trusted before, so that Trust can be asked.
	Recipient(ctx context.Context, user string) (Recipient, error)
	// Trust trusts the key with the fingerprint of r from now on, in place of
	// the one that was trusted before, if the service still shows it.
	Trust(ctx context.Context, r Recipient) error
	// Share gives somebody who is trusted the vault, or another role in it:
	// admin or member; another is errors.ErrUnsupported.
	Share(ctx context.Context, vaultID string, r Recipient, role string) error
	// Unshare takes the vault from a member, gives it another key at once and
	// returns what that person could read. Whoever stays has to be trusted. If
	// it is removed but there is no other key yet, the error says so, and the
	// list comes all the same; Rekey mends it. progress may be nil.
	Unshare(ctx context.Context, vaultID, userID string, progress func(done, total int)) ([]vault.Entry, error)
	// Sender returns who shared a vault that is not accepted yet, or who wrapped
	// its key last.
	Sender(ctx context.Context, vaultID string) (Recipient, error)
	// Accept takes a vault that sender shared, trusts his key, and gives the
	// vault another name here unless as is empty.
	Accept(ctx context.Context, vaultID, as string, sender Recipient) error
	// Decline refuses a vault that is not accepted, Leave gives one up.
	Decline(ctx context.Context, vaultID string) error
	Leave(ctx context.Context, vaultID string) error
}

// A Syncer fetches what a service has.
type Syncer interface {
	// Sync makes the copy of a vault on this machine current, or those of all
	// vaults that are open for "". With acceptRollback a vault that is older
	// than it was is believed.
	Sync(ctx context.Context, vaultID string, acceptRollback bool) error
}
