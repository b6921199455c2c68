package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/seal"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

const vectorDir = "testdata/vectors"

// A vector is one file of testdata/vectors. The folder says what opens the
// body, the inputs with what, and what comes out of it.
type vector struct {
	dir, name, expect, comment string
	in                         map[string]string // hex
	body                       []byte
}

func (v vector) path() string { return filepath.Join(vectorDir, v.dir, v.name+".txt") }

func (v vector) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "expect: %s\ncomment: %s\n", v.expect, v.comment)
	for _, k := range slices.Sorted(maps.Keys(v.in)) {
		fmt.Fprintf(&b, "%s: %s\n", k, v.in[k])
	}
	fmt.Fprintf(&b, "\n%s\n", base64.StdEncoding.EncodeToString(v.body))
	return b.String()
}

func parseVector(path, text string) (vector, error) {
	v := vector{
		dir:  filepath.Base(filepath.Dir(path)),
		name: strings.TrimSuffix(filepath.Base(path), ".txt"),
		in:   map[string]string{},
	}
	head, body, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(head) {
		k, val, ok := strings.Cut(strings.TrimSpace(line), ":")
		val = strings.TrimSpace(val)
		switch {
		case !ok:
			return v, fmt.Errorf("%s: bad line %q", path, line)
		case k == "expect":
			v.expect = val
		case k == "comment":
			v.comment = val
		default:
			v.in[k] = val
		}
	}
	var err error
	v.body, err = base64.StdEncoding.DecodeString(strings.TrimSpace(body))
	return v, err
}

// bytes returns an input; a missing one ends the test.
func (v vector) bytes(t *testing.T, key string) []byte {
	t.Helper()
	s, ok := v.in[key]
	if !ok {
		t.Fatalf("no %s given", key)
	}
	return unhex(t, s)
}

func (v vector) id(t *testing.T, key string) seal.ID { return seal.ID(v.bytes(t, key)) }

func (v vector) version(t *testing.T) uint64 { return binary.BigEndian.Uint64(v.bytes(t, "version")) }

func (v vector) vaultKey(t *testing.T) seal.VaultKey {
	return must(seal.NewVaultKey(v.bytes(t, "key")))(t)
}

func (v vector) stretchedKey(t *testing.T) seal.StretchedKey {
	return must(seal.NewStretchedKey(v.bytes(t, "key")))(t)
}

func (v vector) rsa(t *testing.T) seal.RSAKey {
	return must(seal.ParseRSAKey(keyDER(t, v.in["rsa"])))(t)
}

func (v vector) header(t *testing.T) seal.Header {
	return seal.Header{KeyVersion: v.version(t), Vault: v.id(t, "vault"), Recipient: v.id(t, "recipient"), Sender: v.id(t, "sender")}
}

func (v vector) public(t *testing.T) seal.PublicKey {
	return must(seal.ParsePublicKey(v.bytes(t, "public")))(t)
}

func (v vector) vault(t *testing.T) seal.Vault {
	if v.dir == "name1" || v.dir == "data1" {
		return must(seal.Compatible(v.vaultKey(t)))(t)
	}
	return must(seal.Bound(v.id(t, "vault"), v.version(t), v.vaultKey(t)))(t)
}

// openers hold, for each folder, what opens its vectors. What they return is
// the input "text" of a vector that opens.
var openers = map[string]func(t *testing.T, v vector) ([]byte, error){
	"name1": openName,
	"name2": openName,
	"data1": openData,
	"data2": openData,
	"identity1": func(t *testing.T, v vector) ([]byte, error) {
		id, err := v.stretchedKey(t).OpenIdentity(v.body)
		return id.Reveal(), err
	},
	"wrap1": func(t *testing.T, v vector) ([]byte, error) {
		key, err := v.stretchedKey(t).UnwrapV1(v.body)
		return key.Reveal(), err
	},
	"wrap2": func(t *testing.T, v vector) ([]byte, error) {
		w, err := seal.ParseWrap(v.body)
		if err != nil {
			return nil, err
		}
		key, err := w.Open(v.stretchedKey(t), v.header(t))
		return key.Reveal(), err
	},
	"wraprsa1": func(t *testing.T, v vector) ([]byte, error) {
		key, err := v.rsa(t).UnwrapV1(v.body)
		return key.Reveal(), err
	},
	"wraprsa2": func(t *testing.T, v vector) ([]byte, error) {
		w, err := seal.ParseWrap(v.body)
		if err != nil {
			return nil, err
		}
		key, err := w.OpenRSA(v.rsa(t), v.header(t))
		return key.Reveal(), err
	},
	"rsaprivate1": func(t *testing.T, v vector) ([]byte, error) {
		key, err := v.stretchedKey(t).OpenRSA(v.body)
		if err != nil {
			return key.Reveal(), err
		}
		return must(key.Public())(t).SPKI(), nil
	},
	"rsapublic": func(_ *testing.T, v vector) ([]byte, error) {
		p, err := seal.ParseRSAPublicKey(v.body)
		return p.SPKI(), err
	},
	"rsasignature": func(t *testing.T, v vector) ([]byte, error) {
		p := must(seal.ParseRSAPublicKey(v.body))(t)
		if err := v.public(t).VerifyRSA(p, v.bytes(t, "signature")); err != nil {
			return nil, err
		}
		return p.SPKI(), nil
	},
	"signature1": func(t *testing.T, v vector) ([]byte, error) {
		form, err := v.public(t).VerifyV1(v.body, v.bytes(t, "signature"), v.id(t, "vault"), v.id(t, "recipient"))
		return []byte{byte(form)}, err
	},
	"signature2": func(t *testing.T, v vector) ([]byte, error) {
		if err := v.public(t).Verify(v.body, v.bytes(t, "signature")); err != nil {
			return nil, err
		}
		return []byte{2}, nil
	},
	"blob": func(t *testing.T, v vector) ([]byte, error) {
		plain, err := v.vaultKey(t).OpenBlob(v.bytes(t, "iv"), v.body)
		return plain.Reveal(), err
	},
	"blobwrap": func(t *testing.T, v vector) ([]byte, error) {
		key, err := must(seal.NewBlobKEK(v.bytes(t, "key")))(t).Unwrap(v.bytes(t, "iv"), v.body)
		return key.Reveal(), err
	},
	"keyset1": func(t *testing.T, v vector) ([]byte, error) {
		s, err := seal.ParseKeySet(v.body)
		if err != nil {
			return nil, err
		}
		equal(t, "marshalled again", must(s.Marshal())(t).Reveal(), v.body)
		return s.User[:], nil
	},
}

func openName(t *testing.T, v vector) ([]byte, error) {
	vault := v.vault(t)
	name, err := vault.OpenName(v.id(t, "item"), v.body)
	if want, ok := v.in["index"]; ok {
		index := vault.NameIndex(name)
		equal(t, "index", index[:], unhex(t, want))
	}
	return []byte(name), err
}

func openData(t *testing.T, v vector) ([]byte, error) {
	data, err := v.vault(t).OpenData(v.id(t, "item"), v.body)
	return data.Reveal(), err
}

var expects = map[string]error{"ok": nil, "damaged": seal.ErrDamaged, "unsupported": seal.ErrUnsupported}

func TestVectors(t *testing.T) {
	t.Parallel()
	files := must(filepath.Glob(vectorDir + "/*/*.txt"))(t)
	if len(files) < 100 {
		t.Fatalf("only %d vector files", len(files))
	}
	for _, path := range files {
		v := must(parseVector(path, string(must(os.ReadFile(path))(t))))(t)
		t.Run(v.dir+"/"+v.name, func(t *testing.T) {
			t.Parallel()
			want, ok := expects[v.expect]
			if !ok || v.comment == "" || openers[v.dir] == nil {
				t.Fatal("the file does not say what it is about")
			}
			got, err := openers[v.dir](t, v)
			if !errors.Is(err, want) {
				t.Fatalf("error = %v, want %v", err, want)
			}
			if want == nil {
				equal(t, "text", got, v.bytes(t, "text"))
				return
			}
			if secretText, ok := v.in["key"]; ok {
				noneOf(t, err, unhex(t, secretText))
			}
			if len(bytes.Trim(got, "\x00")) != 0 {
				t.Errorf("an error, but also a value of %d bytes", len(got))
			}
		})
	}
}

// TestVectorsAreCurrent compares what is committed with what vectors makes,
// which does not use the code under test to seal.
func TestVectorsAreCurrent(t *testing.T) {
	want := map[string]string{}
	for _, v := range vectors(t) {
		if _, twice := want[v.path()]; twice {
			t.Fatalf("%s is made twice", v.path())
		}
		want[v.path()] = v.text()
	}
	if *update {
		if err := os.RemoveAll(vectorDir); err != nil {
			t.Fatal(err)
		}
		for path, text := range want {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := map[string]string{}
	for _, path := range must(filepath.Glob(vectorDir + "/*/*"))(t) {
		got[path] = string(must(os.ReadFile(path))(t))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("testdata/vectors is out of date; run go test -update (-want +got):\n%s", diff)
	}
}

// noneOf checks that no form of a secret is in the text of err.
func noneOf(t *testing.T, err error, secrets ...[]byte) {
	t.Helper()
	text := err.Error()
	for _, s := range secrets {
		for _, form := range []string{
			string(s), hex.EncodeToString(s), base64.StdEncoding.EncodeToString(s),
			strings.Trim(fmt.Sprint(s), "[]"), fmt.Sprintf("%q", s),
		} {
			if form != "" && strings.Contains(text, form) {
				t.Errorf("the error %q contains the secret", text)
			}
		}
	}
}
