// Package tokens has the API tokens of services: who may call which API, for
// which account, to do what. A token is shown once, when it is made; what is
// kept of it is a hash, from which it cannot be had back.
//
// Its functions work inside a transaction of the caller's. Its records start
// with "tk/"; FORMAT.md has their layout.
package tokens

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/secret"
)

var (
	// ErrToken reports a token that is not ours, of another API, revoked or out
	// of date.
	ErrToken = errors.New("the token is not valid")
	// ErrNotFound reports a token that is not there.
	ErrNotFound = errors.New("no such token")
	// ErrDamaged reports a record that does not parse.
	ErrDamaged = errors.New("the record of a token is damaged")
)

// The APIs, as Token.API names them.
const (
	Store = "store" // the stores of secrets
	PWM   = "pwm"   // vaults that are one sealed blob each
)

// An InvalidError reports a token that breaks a rule. Field is the name of the
// field of Token.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// A Token is what a token allows. The texts are the API's own: it says what an
// account is, and which of the fields it looks at.
type Token struct {
	ID       seal.ID // not secret: names the token to those who list and revoke
	API      string  // the only one that it is good for, such as "store"
	Account  string  // whose data it is for
	Email    string  // of that account, where the API has one
	Service  string  // the service that calls, where services call too; empty: a customer
	Note     string  // for people
	ReadOnly bool
	Created  time.Time // UTC, milliseconds
	Expires  time.Time // the zero time: never
}

// Length is how many characters a token has: letters, digits, "-" and "_".
const Length = 40

// randomBytes are 240 bits; Length is the length of their base64url.
const randomBytes = 30

// maxText is how many bytes a text of a Token may have.
const maxText = 255

// Create keeps a new token and returns it as it is kept, with the text that
// proves it. The caller sets all but ID and Created. Tokens that have expired
// are removed on this occasion.
func Create(tx kv.Tx, now time.Time, rand io.Reader, t Token) (Token, secret.String, error) {
	now = now.UTC().Truncate(time.Millisecond)
	t.Created, t.Expires = now, t.Expires.UTC().Truncate(time.Millisecond)
	if err := t.check(); err != nil {
		return Token{}, secret.String{}, err
	}
	id, err := seal.MakeID(rand)
	if err != nil {
		return Token{}, secret.String{}, err
	}
	t.ID = id
	raw := make([]byte, randomBytes)
	if _, err := io.ReadFull(rand, raw); err != nil {
		return Token{}, secret.String{}, fmt.Errorf("draw a token: %w", err)
	}
	text := secret.Text(base64.RawURLEncoding.AppendEncode(nil, raw))
	clear(raw)
	if err := sweep(tx, now); err != nil {
		return Token{}, secret.String{}, err
	}
	return t, text, tx.Put(key(text), marshal(t))
}

func (t Token) check() error {
	if t.API == "" {
		return &InvalidError{"API", "it is missing"}
	}
	texts := []struct{ field, text string }{
		{"API", t.API}, {"Account", t.Account}, {"Email", t.Email}, {"Service", t.Service}, {"Note", t.Note},
	}
	for _, f := range texts {
		if len(f.text) > maxText || !utf8.ValidString(f.text) || slices.ContainsFunc([]rune(f.text), unicode.IsControl) {
			return &InvalidError{f.field, "it must have at most 255 bytes of UTF-8 without control characters"}
		}
	}
	if t.isExpired(t.Created) {
		return &InvalidError{"Expires", "it has passed already"}
	}
	return nil
}

func (t Token) isExpired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// sweep removes the tokens that have expired.
func sweep(tx kv.Tx, now time.Time) error {
	var gone [][]byte
	for k, b := range tx.Scan([]byte(prefix)) {
		if t, err := parse(b); err == nil && t.isExpired(now) {
			gone = append(gone, slices.Clone(k))
		}
	}
	for _, k := range gone {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// List yields the tokens of all APIs, expired ones too, in no order that means
// anything. One whose record is damaged comes as ErrDamaged, and does not end
// the sequence.
func List(tx kv.Tx) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		for _, b := range tx.Scan([]byte(prefix)) {
			if !yield(parse(b)) {
				return
			}
		}
	}
}

// Revoke removes the token with this id, at once and for good. One that is not
// there is ErrNotFound.
func Revoke(tx kv.Tx, id seal.ID) error {
	for k, b := range tx.Scan([]byte(prefix)) {
		if t, err := parse(b); err == nil && t.ID == id {
			return tx.Delete(slices.Clone(k))
		}
	}
	return fmt.Errorf("token %s: %w", id, ErrNotFound)
}

// Authenticate returns what a token allows. Any reason why it is not good for
// this API at this time is ErrToken.
func Authenticate(tx kv.Tx, now time.Time, api string, text secret.String) (Token, error) {
	b := tx.Get(key(text))
	if b == nil {
		return Token{}, ErrToken
	}
	t, err := parse(b)
	if err != nil {
		return Token{}, err
	}
	if t.API != api || t.isExpired(now) {
		return Token{}, ErrToken
	}
	return t, nil
}

// key is where a token is kept: its text has 240 random bits, so that a plain
// hash tells nothing about it, and looking for one takes no secret comparison.
func key(text secret.String) []byte {
	sum := sha256.Sum256(text.Bytes().Reveal())
	return append([]byte(prefix), sum[:]...)
}
