// Package backend is the port of the kinds of places where vaults live. Each
// kind is a Driver in a folder below; package all lists them.
package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/vault"
)

// ErrNoAccount reports that there is no account yet: nothing was ever stored.
var ErrNoAccount = errors.New("no account yet")

// A Driver is one kind of vault service.
type Driver struct {
	Name, Summary string
	// Describe tells about the account what needs no key, or ErrNoAccount.
	Describe func(ctx context.Context, d Deps) (Description, error)
	// Unlock turns the master password into the keys that a session keeps;
	// the bytes are the driver's own format. A password that opens nothing is
	// vault.ErrWrongPassword. Vaults that do not open are left out.
	Unlock func(ctx context.Context, d Deps, password secret.String) (secret.Bytes, error)
	// Create makes a new account with its first vault and returns its keys;
	// nil where that is not ours to do. If there is an account already it is
	// vault.ErrExists and nothing changed.
	Create func(ctx context.Context, d Deps, password secret.String, s Signup) (secret.Bytes, error)
	// Open gives the account behind those keys. It asks the network nothing yet.
	Open func(ctx context.Context, d Deps, keys secret.Bytes) (Account, error)
	// Login makes this device one of the account's and returns its keys, as
	// Unlock does; nil for a driver without a service. A second login of the same
	// account takes the place of the first. An account whose identity key is not
	// the one that this profile knows is an *AlarmError.
	Login func(ctx context.Context, d Deps, password secret.String) (secret.Bytes, error)
	// LoginStands says that Login takes no password, which opens vaults alone:
	// after vault.ErrWrongPassword another password is for Unlock, and without
	// one Login returns no keys.
	LoginStands bool
	// Logout ends the session of this device at the service and forgets the
	// tokens. Pins and mirrors stay. That the service cannot be reached is no
	// error. Nil for a driver without a service.
	Logout func(ctx context.Context, d Deps) error
}

// A Signup says what a new account starts with.
type Signup struct {
	Vault string // the name of its first vault

	// What only an account of a service has.
	Name       string        // of the person; may be empty
	Invite     secret.String // may be empty
	Compatible bool          // of the first vault
}

// A Service says where an account of a service is and how to talk to it.
type Service struct {
	URL, Email   string
	InsecureHTTP bool // plain HTTP to other machines too
	UserAgent    string
	Device       string // the name that a login gives this installation there; it must be nobody else's
	// MaxAge is how old a mirror may be before a read syncs it first; 0 is 5 minutes.
	MaxAge  time.Duration
	Offline bool // ask the network nothing
	Fresh   bool // sync before every read, whatever the age
	// Token is an API token to log in with, where a service takes one. Without
	// it a person completes the login in a browser.
	Token secret.String
}

// A Visit is a login that a person has to complete somewhere else.
type Visit struct {
	Session string // its id, which is as good as the token that it gives
	URL     string // the page to open; empty: the service says of none
}

// Deps is what a driver may use of the outside world.
type Deps struct {
	Store kv.DB // the embedded store; nil for a driver with a service
	Now   func() time.Time
	Rand  io.Reader
	// What a driver with a service needs besides.
	Device  *device.Account
	HTTP    *http.Client // with the certificate authorities of the profile
	Service Service
	// Warn tells what is no error, once for each code.
	Warn func(code, text string)
	// Visit shows a person where a login is completed, before it is waited for.
	Visit func(Visit)
	// Ask returns the master password for what the session's keys cannot do.
	// It asks at most once and returns the same answer again.
	Ask func(context.Context) (secret.String, error)
	// Keep puts a change of the account's keys into the open session, if there
	// is one. It may call change more than once, with what the session holds
	// by then.
	Keep func(ctx context.Context, change func(keys secret.Bytes) (secret.Bytes, error)) error
}

// A Description is what can be said about an account without its keys.
type Description struct {
	ID          string // of the user, a UUID
	Fingerprint string // of the identity key: twelve groups of five digits
	Suite       string // of the master password's key derivation
	Created     time.Time
}

// An Account lists and opens vaults. What only some can do is a small
// interface found by assertion: Creator, Deleter, Renamer, PasswordChanger and
// others.
type Account interface {
	// Vaults returns the vaults, oldest first.
	Vaults(ctx context.Context) ([]Info, error)
	// Vault opens one by its id. Without its key it is vault.ErrLocked.
	Vault(ctx context.Context, id string) (vault.Vault, error)
}

// Info is what is known of a vault without opening it.
type Info struct {
	ID, Name             string
	Role                 string // owner, admin or member
	Shared               bool
	Default              bool // of its profile
	Open                 bool // its key is at hand
	Compatible           bool // sealed as released clients do
	NotAccepted          bool // somebody shared it, or the service says so: it answers to no name
	NeedsRekey           bool // a member was removed who knows the key
	Damaged              bool // no password gives its key, or its record is damaged
	KeyVersion, Revision uint64
	Created, Updated     time.Time
}

// A Creator makes vaults.
type Creator interface {
	// CreateVault makes an empty vault. A name that is taken is vault.ErrExists.
	CreateVault(ctx context.Context, name string) (Info, error)
}

// A Deleter deletes vaults with everything in them, for good.
type Deleter interface {
	DeleteVault(ctx context.Context, id string) error
}

// A Renamer gives vaults other names.
type Renamer interface {
	// RenameVault gives a vault another name. One that another vault has is
	// vault.ErrExists; the name that it has already changes nothing.
	RenameVault(ctx context.Context, id, name string) error
}

// A PasswordChanger changes the master password.
type PasswordChanger interface {
	// ChangePassword asks for the old password by Deps.Ask and puts next in
	// its place, or changes nothing. Every vault has to open; one that does
	// not is vault.ErrDamaged. The open session stays valid. What the old
	// password opened is overwritten in the store; an error that says that
	// this did not succeed comes after the change was made.
	ChangePassword(ctx context.Context, next secret.String) error
}

// A Rekeyer gives vaults new keys.
type Rekeyer interface {
	// Rekey asks for the password by Deps.Ask and seals everything in a vault
	// anew under a new key, or changes nothing: an item that does not open
	// stops it with a *vault.DamagedError. The open session gets the new key;
	// any other is vault.ErrLocked from then on. What the old key opened is
	// overwritten in the store; an error that says that this did not succeed
	// comes after the change was made. progress may be nil; done goes back to
	// 0 when another process wrote meanwhile and it has to start again.
	Rekey(ctx context.Context, id string, progress func(done, total int)) error
}

// A Defaulter remembers which vault is meant when none is named.
type Defaulter interface {
	SetDefault(ctx context.Context, id string) error
}

// A DeviceWrapper has a key that only this account can derive, under which the
// key of this device is kept.
type DeviceWrapper interface {
	DeviceWrapKey() (secret.Bytes, error) // 32 bytes
}

// A Counter counts the items of a vault without opening them.
type Counter interface {
	CountItems(ctx context.Context, id string) (items, trashed int, err error)
}

// A Registry is the drivers that there are.
type Registry struct{ drivers []Driver }

// NewRegistry returns a Registry of these drivers.
func NewRegistry(drivers ...Driver) *Registry { return &Registry{drivers} }

// Driver returns the driver with this name, or an error that is errors.ErrUnsupported.
func (r *Registry) Driver(name string) (Driver, error) {
	for _, d := range r.drivers {
		if d.Name == name {
			return d, nil
		}
	}
	return Driver{}, fmt.Errorf("no backend is called %q: %w", name, errors.ErrUnsupported)
}
