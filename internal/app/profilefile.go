package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/memory"
	"github.com/keyhold/keyhold/internal/seal"
)

// A profileFile is a profile for machines that keep nothing: where an account is,
// and what has to be true of it. It holds no secret.
type profileFile struct {
	Version      int           `yaml:"version"`
	Backend      string        `yaml:"backend"`
	URL          string        `yaml:"url"`
	Email        string        `yaml:"email"`
	CA           string        `yaml:"ca,omitempty"` // PEM
	InsecureHTTP bool          `yaml:"insecure_http,omitempty"`
	User         string        `yaml:"user"`
	Identity     string        `yaml:"identity"`
	Suite        string        `yaml:"kdf"`
	Vault        string        `yaml:"vault,omitempty"`   // a name; before Default
	Default      string        `yaml:"default,omitempty"` // the id of the default vault
	Vaults       []pinnedVault `yaml:"vaults"`
	People       []pinnedUser  `yaml:"people,omitempty"`
}

// A pinnedVault is a vault as this device has seen it last.
type pinnedVault struct {
	ID         string `yaml:"id"`
	Name       string `yaml:"name,omitempty"` // here, in place of that at the service
	Kind       string `yaml:"kind"`
	KeyVersion uint64 `yaml:"key_version"`
	Revision   uint64 `yaml:"revision"`
	Check      string `yaml:"check"`
	Form       uint8  `yaml:"signature_form,omitempty"`
	Sender     string `yaml:"sender,omitempty"`
	SenderKey  string `yaml:"sender_key,omitempty"`
	Accepted   bool   `yaml:"accepted,omitempty"`
}

type pinnedUser struct {
	ID       string `yaml:"id"`
	Email    string `yaml:"email,omitempty"`
	Identity string `yaml:"identity"`
}

const (
	profileFileVersion = 1
	maxProfileFile     = 1 << 20
)

// A ProfileFileError reports a profile file that cannot be used.
type ProfileFileError struct{ Path, Reason string }

func (e *ProfileFileError) Error() string {
	return fmt.Sprintf("profile file %s: %s", e.Path, e.Reason)
}

// readProfileFile reads a profile file, once.
func (a *App) readProfileFile(path string) (profileFile, error) {
	fail := func(reason string) (profileFile, error) { return profileFile{}, &ProfileFileError{path, reason} }
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return profileFile{}, &NotFoundError{What: "profile file", Name: path, Try: "keyhold help ci", Kind: config.ErrNoProfile}
	}
	if err != nil {
		return profileFile{}, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := ReadAll(f, maxProfileFile)
	if err != nil {
		return fail(err.Error())
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	var p profileFile
	if err := dec.Decode(&p); err != nil {
		return fail(strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
	}
	var more any
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return fail("there is more than one document in it")
	}
	if p.Version != profileFileVersion {
		return fail(fmt.Sprintf("its version is %d, this keyhold reads %d", p.Version, profileFileVersion))
	}
	return p, nil
}

// keepsThings returns an error for a profile from a file: nothing of it is kept
// on this machine.
func (a *App) keepsThings(profile string) error {
	if config.IsProfileFile(profile) {
		return Usagef("%s takes a profile of this machine, and %s is a file: nothing of it is kept here", a.Command, profile)
	}
	return nil
}

// IsFile reports whether the chosen profile is a file.
func (a *App) IsFile() bool { return config.IsProfileFile(a.Settings.Profile) }

// config returns what the configuration would say of p.
func (p profileFile) config() config.Profile {
	c := config.Profile{Backend: p.Backend, URL: p.URL, Email: p.Email, Vault: p.Vault}
	if p.InsecureHTTP {
		c.InsecureHTTP = "true"
	}
	return c
}

// state returns a store in memory that has the pins of p.
func (p profileFile) state(ctx context.Context, path string) (kv.DB, error) {
	db := memory.New()
	account := device.NewTransientAccount(db, path)
	login := device.Login{Email: p.Email, Suite: p.Suite}
	identity, err := p.key(p.Identity)
	if err == nil {
		login.Identity = identity
		login.User, err = seal.ParseID(p.User)
	}
	if err == nil {
		login.Origin, err = originOf(p.URL)
	}
	if err == nil {
		err = db.Update(ctx, func(tx kv.Tx) error {
			if err := account.PutLogin(tx, login); err != nil {
				return err
			}
			if p.Default != "" {
				id, err := seal.ParseID(p.Default)
				if err == nil {
					err = login.Place().SetDefault(tx, id)
				}
				if err != nil {
					return err
				}
			}
			for _, v := range p.Vaults {
				if err := v.put(tx, login.Place()); err != nil {
					return fmt.Errorf("vault %s: %w", v.ID, err)
				}
			}
			for _, u := range p.People {
				id, err := seal.ParseID(u.ID)
				if err != nil {
					return err
				}
				key, err := p.key(u.Identity)
				if err != nil {
					return err
				}
				if err := login.Place().PutPeer(tx, id, device.Peer{Identity: key, Email: u.Email}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, &ProfileFileError{path, err.Error()}
	}
	return db, nil
}

func (profileFile) key(text string) (seal.PublicKey, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return seal.PublicKey{}, errors.New("a key is not in base64")
	}
	return seal.ParsePublicKey(b)
}

var kindNames = map[seal.Kind]string{seal.KindBound: seal.KindBound.String(), seal.KindCompatible: seal.KindCompatible.String()}

// put keeps v as the pin of its vault.
func (v pinnedVault) put(tx kv.Tx, at device.Place) error {
	id, err := seal.ParseID(v.ID)
	if err != nil {
		return err
	}
	pin := device.Pin{KeyVersion: v.KeyVersion, Revision: v.Revision, Form: seal.Form(v.Form), As: v.Name, Accepted: v.Accepted}
	for kind, name := range kindNames {
		if name == v.Kind {
			pin.Kind = kind
		}
	}
	if pin.Kind == 0 {
		return fmt.Errorf("there is no kind of vault %q", v.Kind)
	}
	check, err := hex.DecodeString(v.Check)
	if err != nil || len(check) != len(pin.Check) {
		return errors.New("its check value has not 64 hexadecimal digits")
	}
	copy(pin.Check[:], check)
	if v.Sender != "" {
		if pin.Sender, err = seal.ParseID(v.Sender); err != nil {
			return err
		}
		if pin.SenderKey, err = (profileFile{}).key(v.SenderKey); err != nil {
			return err
		}
	}
	return at.PutPin(tx, id, pin)
}

// tokenLogin is why there is no profile file for a service where the password
// is not what logs in: a file has no secret.
func tokenLogin(d backend.Driver) error {
	return fmt.Errorf("a %s service is logged in to by a token, which a profile file cannot hold: %w", d.Name, errors.ErrUnsupported)
}

// ExportProfile returns the chosen profile as a file for machines that keep
// nothing: address, account, pins. It holds no secret.
func (a *App) ExportProfile(ctx context.Context) ([]byte, error) {
	profile := a.Settings.Profile
	if err := a.keepsThings(profile); err != nil {
		return nil, err
	}
	driver, deps, err := a.driver(profile)
	if err != nil {
		return nil, err
	}
	if driver.LoginStands {
		return nil, tokenLogin(driver)
	}
	if deps.Device == nil {
		return nil, fmt.Errorf("the vaults of the profile %s are on this machine, and no other reaches them: %w", profile, errors.ErrUnsupported)
	}
	c := a.profileOf(profile)
	p := profileFile{
		Version: profileFileVersion, Backend: c.Backend, URL: c.URL, Email: c.Email, InsecureHTTP: c.InsecureHTTP == "true", Vault: c.Vault,
	}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		p.CA = string(pem)
	}
	err = deps.Device.State().View(ctx, func(tx kv.Tx) error {
		login, err := deps.Device.Login(tx)
		if err != nil {
			return err
		}
		p.User, p.Suite = login.User.String(), login.Suite
		p.Identity = base64.StdEncoding.EncodeToString(login.Identity[:])
		p.Vaults, p.People = nil, nil
		if id := login.Place().Default(tx); !id.IsZero() {
			p.Default = id.String()
		}
		for id, pin := range login.Place().Pins(tx) {
			p.Vaults = append(p.Vaults, pinned(id, pin))
		}
		for id, peer := range login.Place().Peers(tx) {
			p.People = append(p.People, pinnedUser{ID: id.String(), Email: peer.Email, Identity: base64.StdEncoding.EncodeToString(peer.Identity[:])})
		}
		return nil
	})
	if errors.Is(err, device.ErrNoLogin) {
		return nil, a.signedOut(profile)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(p.Vaults, func(a, b pinnedVault) int { return cmp.Compare(a.ID, b.ID) })
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	err = errors.Join(enc.Encode(p), enc.Close())
	return out.Bytes(), err
}

func pinned(id seal.ID, pin device.Pin) pinnedVault {
	v := pinnedVault{
		ID: id.String(), Name: pin.As, Kind: pin.Kind.String(), KeyVersion: pin.KeyVersion, Revision: pin.Revision,
		Check: hex.EncodeToString(pin.Check[:]), Form: uint8(pin.Form), Accepted: pin.Accepted,
	}
	if !pin.Sender.IsZero() {
		v.Sender, v.SenderKey = pin.Sender.String(), base64.StdEncoding.EncodeToString(pin.SenderKey[:])
	}
	return v
}
