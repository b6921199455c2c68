package otp

import (
	"encoding/base32"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

const (
	scheme    = "otpauth://"
	maxPeriod = 24 * time.Hour
)

// Parse reads a seed: an otpauth://totp/ URL or the base32 text alone, in
// either case, with or without padding, spaces and hyphens. Every error is a
// *SeedError.
func Parse(seed secret.String) (Key, error) {
	text := strings.TrimSpace(seed.Reveal())
	before, _, isURL := strings.Cut(text, "://")
	switch {
	case len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme):
		return parseURL(text)
	case isURL && strings.EqualFold(before, "steam"):
		return Key{}, steam
	case isURL && strings.EqualFold(before, "otpauth-migration"):
		return Key{}, &SeedError{Problem: "an otpauth-migration:// URL holds several accounts in a format of its own", Foreign: true}
	case isURL:
		return Key{}, &SeedError{Problem: "of URLs only those beginning with otpauth://totp/ are seeds"}
	}
	b, err := decode(text)
	if err != nil {
		return Key{}, err
	}
	return Key{Secret: secret.Of(b), Algorithm: SHA1, Digits: 6, Period: 30 * time.Second}, nil
}

// steam is for the codes of five letters and digits.
var steam = &SeedError{Problem: "Steam's codes are of another kind", Foreign: true}

// parseURL passes no error of net/url on: those quote the URL.
func parseURL(text string) (Key, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Key{}, &SeedError{Problem: "the otpauth:// URL is malformed"}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Key{}, &SeedError{Problem: "the parameters of the otpauth:// URL are malformed"}
	}
	p := params{values: q}
	k := Key{Algorithm: p.algorithm(), Digits: p.number("digits", 6, 6, 8)}
	k.Period = time.Duration(p.number("period", 30, 1, int(maxPeriod/time.Second))) * time.Second
	k.Issuer, k.Account = label(u.Path, p.one("issuer"))
	encoder := p.one("encoder")
	seed := p.one("secret")
	switch kind := u.Host; {
	case strings.EqualFold(kind, "hotp"):
		return Key{}, &SeedError{Problem: "it is for codes that count (hotp), not for those that go by time (totp)", Foreign: true}
	case strings.EqualFold(kind, "steam"), strings.EqualFold(encoder, "steam"), strings.EqualFold(k.Issuer, "Steam"):
		return Key{}, steam
	case !strings.EqualFold(kind, "totp"):
		return Key{}, &SeedError{Problem: "the otpauth:// URL is of no known type; totp is expected"}
	case p.bad != nil:
		return Key{}, p.bad
	case encoder != "":
		return Key{}, &SeedError{Problem: "the otpauth:// URL asks for an encoder that is not known", Foreign: true}
	}
	b, err := decode(seed)
	if err != nil {
		return Key{}, err
	}
	k.Secret = secret.Of(b)
	return k, nil
}

// label returns issuer and account from the path, /Issuer:account or /account.
// The parameter counts more than the path.
func label(path, param string) (issuer, account string) {
	text := strings.TrimPrefix(path, "/")
	if before, after, ok := strings.Cut(text, ":"); ok {
		issuer, text = before, after
	}
	if param != "" {
		issuer = param
	}
	return strings.TrimSpace(issuer), strings.TrimSpace(text)
}

// params reads the parameters of a URL and remembers the first bad one.
type params struct {
	values url.Values
	bad    error
}

func (p *params) fail(format string, args ...any) {
	if p.bad == nil {
		p.bad = &SeedError{Problem: fmt.Sprintf(format, args...)}
	}
}

// one returns a parameter that may occur once.
func (p *params) one(name string) string {
	v := p.values[name]
	switch len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	}
	p.fail("the otpauth:// URL has more than one %s", name)
	return ""
}

func (p *params) number(name string, usual, least, most int) int {
	s := p.one(name)
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		p.fail("%s is a number from %d to %d", name, least, most)
		return usual
	}
	return n
}

func (p *params) algorithm() Algorithm {
	s := strings.ReplaceAll(strings.ToUpper(p.one("algorithm")), "-", "")
	switch a := Algorithm(strings.TrimPrefix(s, "HMAC")); a {
	case "":
		return SHA1
	case SHA1, SHA256, SHA512:
		return a
	}
	p.fail("algorithm is SHA1, SHA256 or SHA512")
	return ""
}

// decode reads base32 as people copy it.
func decode(text string) ([]byte, error) {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '\t' || r == '-':
			return -1
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, text)
	text = strings.TrimRight(text, "=")
	if text == "" {
		return nil, &SeedError{Problem: "it is empty"}
	}
	for i := range len(text) {
		if c := text[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return nil, &SeedError{Problem: fmt.Sprintf("character %d is not base32, which has the letters and the digits 2 to 7", i+1)}
		}
	}
	bad := &SeedError{Problem: fmt.Sprintf("base32 is never %d long; it may be cut short", len(text))}
	switch len(text) % 8 {
	case 1, 3, 6:
		return nil, bad
	}
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		return nil, bad
	}
	return b, nil
}
