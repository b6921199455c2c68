package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/keyhold/keyhold/internal/app"
	"github.com/keyhold/keyhold/internal/backend"
	"github.com/keyhold/keyhold/internal/cli/args"
	"github.com/keyhold/keyhold/internal/config"
	"github.com/keyhold/keyhold/internal/device"
	"github.com/keyhold/keyhold/internal/dotenv"
	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/otp"
	"github.com/keyhold/keyhold/internal/ref"
	"github.com/keyhold/keyhold/internal/vault"
	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/secretsstore"
)

// An outcome is how a command ends for a kind of error.
type outcome struct {
	match     func(error) bool
	code      string
	status    exit.Status // by the code
	try       string      // the hint, unless the error has one of its own
	retryable bool
}

// outcomes is tried from the top: what says more stands first.
var outcomes = []outcome{
	{match: as[*app.UsageError], code: "usage", try: "keyhold --help"},
	{match: as[*config.ValueError], code: "usage", try: "keyhold help environment"},
	{match: as[*config.KeyError], code: "usage", try: "keyhold config list"},
	{match: as[*config.SecretError], code: "usage"},
	{match: as[*config.FileError], code: "usage", try: "keyhold config edit"},
	{match: as[*app.ProfileFileError], code: "usage", try: "keyhold help ci"},
	{match: is(config.ErrUnsafe), code: "usage"},
	{match: is(config.ErrDefaultProfile), code: "usage"},
	{match: is(config.ErrProfileExists), code: "exists"},
	{match: is(errors.ErrUnsupported), code: "unsupported"},
	{match: as[*ref.ParseError], code: "usage", try: "keyhold help references"},
	{match: as[*ref.TemplateError], code: "usage", try: "keyhold help references"},
	{match: as[*ref.ValueError], code: "usage", try: "keyhold inject --help"},
	{match: as[*dotenv.ParseError], code: "usage", try: "keyhold help references"},
	{match: as[*otp.SeedError], code: "usage"},
	{match: as[*app.NoMainError], code: "usage"},
	{match: is(app.ErrDeclined), code: "declined"},
	{match: as[*device.TokenError], code: "locked", try: "unset KEYHOLD_SESSION"},
	{match: is(backend.ErrSessionRevoked), code: "session_revoked", try: "keyhold login vault"},
	{match: is(backend.ErrSignedOut), code: "signed_out", try: "keyhold login vault"},
	{match: is(backend.ErrAccountLocked), code: "account_locked"},
	{match: alarm(backend.Forged), code: "forged"},
	{match: alarm(backend.ChangedKey), code: "changed_key"},
	{match: alarm(backend.Rollback), code: "rollback", try: "keyhold help lost-device"},
	{match: alarm(backend.WeakKDF), code: "weak_kdf"},
	{match: as[*backend.UntrustedError], code: "no_answer"},
	{match: is(backend.ErrRekeyRequired), code: "conflict", try: "keyhold vault rekey"},
	{match: is(backend.ErrOffline), code: "offline", retryable: true},
	{match: is(backend.ErrNotAccepted), code: "not_found", try: "keyhold vault list"},
	{match: is(vault.ErrLocked), code: "locked", try: "keyhold unlock"},
	{match: is(device.ErrNoSession), code: "locked", try: "keyhold unlock"},
	{match: is(vault.ErrWrongPassword), code: "wrong_password", try: "keyhold doctor"},
	{match: as[*app.NoKeyringError], code: "no_keyring", try: `eval "$(keyhold unlock --export)"`},
	{match: as[*app.NoVaultError], code: "no_vault", try: "keyhold put NAME"},
	{match: is(config.ErrNoProfile), code: "no_profile"},
	{match: is(app.ErrNoField), code: "no_field"},
	{match: as[*vault.AmbiguousError], code: "ambiguous"},
	{match: as[*app.ChoiceError], code: "ambiguous"},
	{match: as[*vault.ConflictError], code: "conflict", retryable: true},
	{match: as[*vault.DamagedError], code: "damaged"},
	{match: is(config.ErrChanged), code: "busy", retryable: true},
	{match: is(device.ErrBusy), code: "busy", retryable: true},
	{match: is(vault.ErrBusy), code: "busy", retryable: true},
	{match: redirected, code: "forged"}, // where a token would have come along
	{match: answered(http.StatusTooManyRequests), code: "rate_limited", retryable: true},
	{match: unreachable, code: "network", retryable: true},
	{match: is(client.ErrUnavailable), code: "service", retryable: true},
	{match: is(client.ErrBadAnswer), code: "service"},
	{match: is(vault.ErrTooNew), code: "store_too_new"},
	{match: is(vault.ErrDenied), code: "denied"},
	{match: is(vault.ErrExists), code: "exists"},
	{match: is(vault.ErrDamaged), code: "damaged"},
	{match: is(device.ErrDamaged), code: "damaged"},
	{match: is(vault.ErrInvalid), code: "usage"},
	{match: is(vault.ErrNotFound), code: "not_found"},
	{match: is(app.ErrFindings), code: "findings"},
	{match: is(app.ErrNoAnswer), code: "no_answer", try: "keyhold help passwords"},
	{match: is(client.ErrUnauthenticated), code: "signed_out", try: "keyhold login vault"},
	{match: is(client.ErrDenied), code: "denied"},
	{match: is(client.ErrNotFound), code: "not_found"},
	{match: is(client.ErrInvalid), code: "usage"},
	{match: is(secretsstore.ErrNameTaken), code: "exists"},
	{match: is(secretsstore.ErrNotEmpty), code: "not_empty"},
	{match: is(client.ErrConflict), code: "conflict", retryable: true},
	{match: as[*client.Error], code: "service"},
	{match: as[*fs.PathError], code: "io"},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// answered reports whether a service answered with this status.
func answered(status int) func(error) bool {
	return func(err error) bool {
		var e *client.Error
		return errors.As(err, &e) && e.Status == status
	}
}

// redirected reports whether a service sent a request elsewhere.
func redirected(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Status >= 300 && e.Status < 400
}

// unreachable reports whether a service gave no answer at all.
func unreachable(err error) bool {
	return answered(0)(err) && errors.Is(err, client.ErrUnavailable)
}

func alarm(code string) func(error) bool {
	return func(err error) bool {
		var a *backend.AlarmError
		return errors.As(err, &a) && a.Code == code
	}
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func outcomeOf(err error) outcome {
	found := outcome{code: exit.Other.Code()}
	for _, o := range outcomes {
		if o.match(err) {
			found = o
			break
		}
	}
	found.status, _ = exit.Of(found.code)
	return found
}

// hint returns a command to try after err, or "": for the profile and the vault
// that this command line was about.
func (o outcome) hint(a *app.App, err error) string {
	try := o.try
	var own interface{ Hint() string }
	var several *vault.AmbiguousError
	var damaged *vault.DamagedError
	var conflict *vault.ConflictError
	switch {
	case errors.As(err, &conflict) && o.code == "conflict" && len(a.Args) > 0:
		return strings.TrimSpace(a.Again("")) // nothing was changed: the same once more
	case errors.As(err, &damaged):
		try = "keyhold rm " + damaged.ID
	case errors.As(err, &own) && own.Hint() != "":
		try = own.Hint()
	case errors.As(err, &several):
		try = a.Command + " " + args.Quote(several.Entries[0].ID)
		if several.What != "" { // which of them is meant a hint must not say: one may be made up
			try = "keyhold vault list"
		}
	case o.code == "usage" && try == "keyhold --help" && a.Command != "":
		try = a.Command + " --help"
	}
	if !strings.Contains(try, "keyhold ") || strings.HasSuffix(try, "--help") {
		return try
	}
	for _, complete := range []string{"keyhold help", "$(", "--profile", ref.Scheme} {
		if strings.Contains(try, complete) {
			return try
		}
	}
	item := several != nil
	for _, verb := range []string{"put", "get", "ls", "rm", "run", "vault rekey"} {
		item = item || strings.Contains(try, "keyhold "+verb)
	}
	try, rest, runs := strings.Cut(try, " -- ")
	try += a.Where(item && !strings.Contains(try, "--vault"))
	if runs {
		try += " -- " + rest
	}
	return try
}

// message returns the text of err, with what a person needs to go on.
func message(err error) string {
	var several *vault.AmbiguousError
	var listed *app.RefError
	if !errors.As(err, &several) || errors.As(err, &listed) {
		return strings.ReplaceAll(err.Error(), "\n", "; ") // of errors that were joined
	}
	list := make([]string, len(several.Entries))
	for i, e := range several.Entries {
		list[i] = fmt.Sprintf("%s (%s)", e.ID, e.Type)
	}
	return several.Error() + ", use an id instead: " + strings.Join(list, ", ")
}
