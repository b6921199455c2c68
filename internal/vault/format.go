package vault

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keyhold/keyhold/internal/secret"
)

// timeLayout is how the plaintext writes times: RFC 3339, UTC, milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// MaxPlaintext is how many bytes the plaintext of an item may have.
const MaxPlaintext = 4 << 20

// MarshalItem returns the plaintext of it, as FORMAT.md says. ID, Name,
// Deleted and Revision are not in it: they stand outside the sealed data.
func MarshalItem(it Item) (secret.Bytes, error) {
	var buf bytes.Buffer
	e := &encoder{Encoder: jsontext.NewEncoder(&buf)}
	e.item(it)
	if e.err != nil {
		return secret.Bytes{}, fmt.Errorf("encode item: %w", e.err)
	}
	out := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(out) > MaxPlaintext {
		return secret.Bytes{}, fmt.Errorf("%w item: it has %d bytes, the limit is %d", ErrInvalid, len(out), MaxPlaintext)
	}
	return secret.Of(out), nil
}

// An encoder writes JSON and keeps its first error.
type encoder struct {
	*jsontext.Encoder
	err error
}

func (e *encoder) token(t jsontext.Token) {
	if e.err == nil {
		e.err = e.WriteToken(t)
	}
}

func (e *encoder) raw(v jsontext.Value) {
	if e.err == nil {
		e.err = e.WriteValue(v)
	}
}

func (e *encoder) name(n string) { e.token(jsontext.String(n)) }

func (e *encoder) member(name, value string) {
	e.name(name)
	e.token(jsontext.String(value))
}

// text writes b as a string, base64 if it is not UTF-8, and says which.
func (e *encoder) text(name string, b []byte) (binary bool) {
	if utf8.Valid(b) {
		e.member(name, string(b))
		return false
	}
	e.member(name, base64.StdEncoding.EncodeToString(b))
	return true
}

func (e *encoder) item(it Item) {
	t := TypeOf(it)
	written := map[string]bool{"type": true}
	e.token(jsontext.BeginObject)
	e.member("type", t.JSON)
	var binaries, custom = []string(nil), []Field(nil)
	for _, f := range it.Fields {
		ft, ok := t.Field(f.Name)
		if f.Kind.Custom() || f.Kind == Opaque || !ok {
			custom = append(custom, f)
			continue
		}
		written[ft.JSON] = true
		if e.text(ft.JSON, f.Value.Reveal()) {
			binaries = append(binaries, ft.JSON)
		}
	}
	if len(binaries) > 0 {
		kept, _ := strs(it.Extra["binaryFields"])
		for _, n := range kept {
			if !written[n] {
				binaries = append(binaries, n)
			}
		}
		e.strings("binaryFields", binaries, written)
	}
	if len(custom) > 0 {
		written["customFields"] = true
		e.custom(custom)
	}
	if len(it.Tags) > 0 {
		e.strings("tags", it.Tags, written)
	}
	e.time("createdAt", it.Created, written)
	e.time("updatedAt", it.Updated, written)
	if len(it.History) > 0 {
		written["history"] = true
		e.history(it.History)
	}
	e.extra(it.Extra, written)
	e.token(jsontext.EndObject)
}

// extra writes the members in m that were not written yet, by name.
func (e *encoder) extra(m map[string]jsontext.Value, written map[string]bool) {
	names := make([]string, 0, len(m))
	for n := range m {
		if !written[n] {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		e.name(n)
		e.raw(m[n])
	}
}

func (e *encoder) time(name string, t time.Time, written map[string]bool) {
	if t.IsZero() {
		return
	}
	written[name] = true
	e.member(name, t.UTC().Format(timeLayout))
}

func (e *encoder) strings(name string, list []string, written map[string]bool) {
	written[name] = true
	e.name(name)
	e.token(jsontext.BeginArray)
	for _, s := range list {
		e.token(jsontext.String(s))
	}
	e.token(jsontext.EndArray)
}

func (e *encoder) custom(fields []Field) {
	e.name("customFields")
	e.token(jsontext.BeginArray)
	for _, f := range fields {
		if f.Kind == Opaque {
			e.raw(f.Value.Reveal())
			continue
		}
		kind := f.Kind
		switch kind {
		case Plain:
			kind = Text
		case Secret:
			kind = Hidden
		}
		e.token(jsontext.BeginObject)
		e.member("name", f.Name)
		binary := e.text("value", f.Value.Reveal())
		e.member("type", string(kind))
		written := map[string]bool{"name": true, "value": true, "type": true}
		if binary {
			e.member("encoding", "base64")
			written["encoding"] = true
		}
		e.extra(f.Extra, written)
		e.token(jsontext.EndObject)
	}
	e.token(jsontext.EndArray)
}

func (e *encoder) history(h []Past) {
	e.name("history")
	e.token(jsontext.BeginArray)
	for _, p := range h {
		e.token(jsontext.BeginObject)
		e.member("at", p.At.UTC().Format(timeLayout))
		e.member("field", p.Field)
		if p.Kind != Plain && p.Kind != Secret {
			e.member("type", string(p.Kind))
		}
		if p.Absent {
			e.name("value")
			e.token(jsontext.Null)
		} else if e.text("value", p.Value.Reveal()) {
			e.member("encoding", "base64")
		}
		e.token(jsontext.EndObject)
	}
	e.token(jsontext.EndArray)
}
