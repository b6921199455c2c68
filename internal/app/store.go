package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// StoreService is the name under which the token of the Secrets Store is kept.
const StoreService = "store"

// A StoreAccount is an account of the Secrets Store, and who calls.
type StoreAccount struct {
	*secretsstore.Account

	URL, ID string
	System  bool
}

// Host names the service in questions.
func (s *StoreAccount) Host() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return s.URL
	}
	return u.Host
}

// Whose says whose stores these are, for questions: "of the account … at …".
func (s *StoreAccount) Whose() string {
	whose := "of the account"
	if s.System {
		whose = "of this service in the account"
	}
	return fmt.Sprintf("%s %s at %s", whose, s.ID, s.Host())
}

// A NoLoginError reports a service that nobody is logged in to.
type NoLoginError struct{ Service, Reason string }

func (e *NoLoginError) Error() string { return e.Reason }

// Unwrap makes it a client.ErrUnauthenticated.
func (e *NoLoginError) Unwrap() error { return client.ErrUnauthenticated }

// Hint is the command that logs in.
func (e *NoLoginError) Hint() string { return "keyhold login " + e.Service }

// A ChoiceError reports that there are several and none was named.
type ChoiceError struct{ Message, Try string }

func (e *ChoiceError) Error() string { return e.Message }

// Hint is a command that names one.
func (e *ChoiceError) Hint() string { return e.Try }

// A caller is who calls the Secrets Store, and where.
type caller struct {
	url     string
	account string // if it is known
	cred    client.Credentials

	ca       string // file with the certificate authorities to believe; empty: the system's
	insecure bool   // plain HTTP to other machines too
}

// storeAt returns the address with what the login there says of it, for those alone
// who call just there.
func (a *App) storeAt(address string) caller {
	who := caller{url: address}
	if p := a.profileOf(a.Settings.Profile); address == boundStore(p) {
		who.account, who.ca, who.insecure = p.Store, p.StoreCA, p.StoreInsecureHTTP == "true"
	}
	return who
}

func boundStore(p config.Profile) string { return cmp.Or(p.StoreURL, secretsstore.BaseURL) }

// Store returns the account of the Secrets Store that commands work with: its
// service below /system if system is set. The variables of the environment go
// before the login of the profile. It asks the service nothing if the id of the
// account is known.
func (a *App) Store(ctx context.Context, system bool) (*StoreAccount, error) {
	if a.Settings.Offline {
		return nil, backend.ErrOffline
	}
	who, err := a.storeCaller(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.storeClient(who)
	if err != nil {
		return nil, err
	}
	if who.account == "" {
		if who.account, err = a.findStoreAccount(ctx, c, "CLOUDFLARE_ACCOUNT_ID=%s "+a.Again("")); err != nil {
			return nil, err
		}
	}
	if !isHexID(who.account) {
		return nil, Usagef("the id of an account is 32 hex digits, not %s", Quote(who.account))
	}
	s := &StoreAccount{URL: who.url, ID: who.account, System: system}
	if s.Account = c.Account(who.account); system {
		s.Account = c.System(who.account)
	}
	return s, nil
}

// isHexID reports whether s is the id of an account, a store or a secret.
func isHexID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// storeCaller returns who calls: as the environment says, else as the profile
// is logged in. What one of them says is never sent to where the other is.
func (a *App) storeCaller(ctx context.Context) (caller, error) {
	base := strings.TrimSuffix(a.Getenv("CLOUDFLARE_API_BASE_URL"), "/")
	account := a.Getenv("CLOUDFLARE_ACCOUNT_ID")
	if cred := a.storeVariables(); cred != nil {
		who := a.storeAt(cmp.Or(base, secretsstore.BaseURL))
		who.account, who.cred = cmp.Or(account, who.account), cred
		return who, nil
	}
	p := a.profileOf(a.Settings.Profile)
	who := a.storeAt(cmp.Or(base, boundStore(p)))
	who.account = cmp.Or(account, p.Store)
	token, err := a.storeToken(ctx, who.url)
	who.cred = client.Token(token)
	return who, err
}

// storeVariables returns the credentials that the environment has, or nil.
func (a *App) storeVariables() client.Credentials {
	if token := a.Getenv("CLOUDFLARE_API_TOKEN"); token != "" {
		return client.Token(client.NewSecret(token))
	}
	key, email := a.Getenv("CLOUDFLARE_API_KEY"), a.Getenv("CLOUDFLARE_EMAIL")
	if key != "" && email != "" {
		return secretsstore.Key(email, client.NewSecret(key))
	}
	return nil
}

// StoreAccess returns a command to try when the Secrets Store refuses who calls, or
// what may be done: a variable of the environment that says so goes first, since
// it goes before any login.
func (a *App) StoreAccess(system bool, refused error) string {
	const foreign = "9109" // another's account
	if e, ok := errors.AsType[*client.Error](refused); ok && e.Code == foreign && errors.Is(refused, client.ErrDenied) &&
		!system && a.Getenv("CLOUDFLARE_ACCOUNT_ID") != "" {
		return "unset CLOUDFLARE_ACCOUNT_ID && " + strings.TrimSpace(a.Again(""))
	}
	login := "keyhold login " + StoreService
	switch {
	case a.Getenv("CLOUDFLARE_API_TOKEN") != "":
		return "unset CLOUDFLARE_API_TOKEN && " + login
	case a.storeVariables() != nil:
		return "unset CLOUDFLARE_API_KEY CLOUDFLARE_EMAIL && " + login
	}
	return login
}

// storeToken returns the token of the login, for this address alone.
func (a *App) storeToken(ctx context.Context, base string) (client.Secret, error) {
	none := &NoLoginError{StoreService, "no login at the Secrets Store: neither the profile " + a.Settings.Profile + " nor CLOUDFLARE_API_TOKEN has a token"}
	origin, err := originOf(base)
	if err != nil {
		return client.Secret{}, Usagef("CLOUDFLARE_API_BASE_URL: %v", err)
	}
	if _, isFile := a.files[a.Settings.Profile]; isFile {
		return client.Secret{}, none
	}
	home, err := a.Home()
	if err != nil {
		return client.Secret{}, err
	}
	tokens, err := a.tokens(home)
	if err != nil {
		return client.Secret{}, err
	}
	t, err := tokens.Get(ctx, a.Settings.Profile, StoreService, origin)
	switch {
	case errors.Is(err, device.ErrNoToken):
		return client.Secret{}, none
	case errors.Is(err, device.ErrOrigin):
		return client.Secret{}, &NoLoginError{StoreService, "the login of the profile " + a.Settings.Profile + " is not for " + origin}
	case err != nil:
		return client.Secret{}, err
	}
	return client.NewSecret(string(t.Secret.Reveal())), nil
}

func (a *App) storeClient(who caller) (*secretsstore.Client, error) {
	pem, err := authorities(who.ca)
	if err != nil {
		return nil, err
	}
	h, err := httpClient(pem)
	if err != nil {
		return nil, err
	}
	options := []client.Option{client.WithHTTPClient(h), client.WithCredentials(who.cred), client.WithUserAgent(a.userAgent())}
	if who.insecure {
		options = append(options, client.WithInsecureHTTP())
	}
	c, err := secretsstore.New(who.url, options...)
	if err != nil {
		return nil, Usagef("the address of the Secrets Store: %v", err)
	}
	return c, nil
}

// findStoreAccount looks up the only account that the caller can see. again is a
// command to try, in which %s stands for an account.
func (a *App) findStoreAccount(ctx context.Context, c *secretsstore.Client, again string) (string, error) {
	found, err := gatherAccounts(c.Accounts.All(ctx))
	if len(found) == 0 && (err == nil || errors.Is(err, client.ErrDenied)) {
		found, err = gatherAccounts(func(yield func(secretsstore.AccountInfo, error) bool) {
			for m, err := range c.Accounts.Memberships(ctx) {
				if (err != nil || m.Status == "" || m.Status == "accepted") && !yield(m.Account, err) {
					return
				}
			}
		})
	}
	if err != nil {
		return "", fmt.Errorf("look up the account: %w", err)
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("the token shows no account; name it by CLOUDFLARE_ACCOUNT_ID: %w", client.ErrNotFound)
	case 1:
		return found[0].ID, nil
	}
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = fmt.Sprintf("%s (%s)", f.ID, f.Name)
	}
	return "", &ChoiceError{
		Message: "the token is for several accounts: " + strings.Join(names, ", "),
		Try:     strings.TrimSpace(fmt.Sprintf(again, found[0].ID)),
	}
}

func gatherAccounts(all iter.Seq2[secretsstore.AccountInfo, error]) ([]secretsstore.AccountInfo, error) {
	var list []secretsstore.AccountInfo
	for it, err := range all {
		if err != nil {
			return nil, err
		}
		list = append(list, it)
	}
	return list, nil
}
