package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/mask"
)

// through returns what becomes of text, n bytes a time.
func through(t *testing.T, set *mask.Set, text string, n int) string {
	t.Helper()
	var out bytes.Buffer
	w := set.Writer(&out)
	for len(text) > 0 {
		n := min(n, len(text))
		if got, err := w.Write([]byte(text[:n])); got != n || err != nil {
			t.Fatalf("Write = %d, %v", got, err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func setOf(values ...string) *mask.Set {
	var b [][]byte
	for _, v := range values {
		b = append(b, []byte(v))
	}
	return mask.New(b)
}

const (
	token = "s3cr3t-Token/+42"
	odd   = "a<b>&c \"d'é😀\\/ü+$x"
	lines = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkq\n-----END KEY-----\n"
)

func marshal(v string) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.Trim(string(b), `"`)
}

func TestHidden(t *testing.T) {
	t.Parallel()
	b64, b64url := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	tests := []struct{ name, in, want string }{
		{"nothing", "no value here: s3cr3t-Token/+4\n", "no value here: s3cr3t-Token/+4\n"},
		{"alone", token, "[hidden]"},
		{"in text", "a " + token + " b\n", "a [hidden] b\n"},
		{"twice", token + token, "[hidden][hidden]"},
		{"after a beginning of itself", "s3cr" + token, "s3cr[hidden]"},
		{"two values that overlap", "<abcdefghijklm>", "<[hidden]>"},
		{"a value in a value", "<long abcdefgh value>", "<[hidden]>"},
		{"the inner value", "<long abcdefgh valuE>", "<long [hidden] valuE>"},
		{"colours between", "\x1b[1ms3c\x1b[31mr3t-\x1b[0mToken/+42\x1b[m.", "\x1b[1m[hidden]\x1b[31m\x1b[0m\x1b[m."},
		{"other sequences between", "s3c\x1b(Br3t\x1b=-Tok\x1b]8;;http://x\x1b\\en/+4\x1b]0;t\a2.", "[hidden]\x1b(B\x1b=\x1b]8;;http://x\x1b\\\x1b]0;t\a."},
		{"in a command to the terminal", "\x1b]0;" + token + "\a$ ", "\x1b]0;[hidden]\a$ "},
		{"a command that never ends", "\x1b]0;x\ns3c\x1b[mr3t-Token/+42", "\x1b]0;x\n[hidden]\x1b[m"},
		{"a command in a value", "s3cr\x1b]0;s3cr3t-Token/+42\a3t-Token/+42", "[hidden]\x1b]0;[hidden]\a"},
		{"begins like a sequence", "\x1b[31m12345", "\x1b[[hidden]"},

		{"base64", b64([]byte(token)), "[hidden]"},
		{"base64 with user", b64([]byte("me:" + token)), "bWU6[hidden]"},
		{"base64 with others 1", b64([]byte("u:" + token + "\n")), "dTp[hidden]Cg=="},
		{"base64 with others 2", b64([]byte("x" + token + "yz")), "eH[hidden]J5eg=="},
		{"base64 for URLs", b64url([]byte(odd)), "[hidden]"},
		{"base64 in lines", b64([]byte(token))[:9] + "\n" + b64([]byte(token))[9:], "[hidden]\n[hidden]"},
		{"base64 in lines of a terminal", b64([]byte(token))[:9] + "\r\n" + b64([]byte(token))[9:], "[hidden]\r\n[hidden]"},
		{"hexadecimal", "x" + hex.EncodeToString([]byte(token)), "x[hidden]"},
		{"hexadecimal in capitals", strings.ToUpper(hex.EncodeToString([]byte(odd))), "[hidden]"},
		{"the value in lines", "s3cr3t-\nToken/+42", "s3cr3t-\nToken/+42"},

		{"query", url.QueryEscape(odd) + "&", "[hidden]&"},
		{"path", url.PathEscape(odd) + "/", "[hidden]/"},
		{"user", url.UserPassword("u", odd).String() + "@", "u:[hidden]@"},
		{"small digits", strings.ToLower(url.QueryEscape("über/+x")), "[hidden]"},
		{"encodeURIComponent", "a%3Cb%3E%26c%20%22d'%C3%A9%F0%9F%98%80%5C%2F%C3%BC%2B%24x", "[hidden]"},
		{"encodeURI", "a%3Cb%3E&c%20%22d'%C3%A9%F0%9F%98%80%5C/%C3%BC+$x", "[hidden]"},
		{"JSON by Go", marshal(odd), "[hidden]"},
		{"JSON by JavaScript", `a<b>&c \"d'é😀\\/ü+$x`, "[hidden]"},
		{"JSON by Python", `a<b>&c \"d'\u00e9\ud83d\ude00\\/\u00fc+$x`, "[hidden]"},
		{"JSON by PHP", `a<b>&c \"d'\u00e9\ud83d\ude00\\\/\u00fc+$x`, "[hidden]"},
		{"JSON by .NET", `a\u003Cb\u003E\u0026c \u0022d\u0027\u00E9\uD83D\uDE00\\/\u00FC\u002B$x`, "[hidden]"},
		{"JSON of lines", marshal(lines), "[hidden]\\n"},
		{"shell", `'a<b>&c "d'\''é😀\/ü+$x'`, "'[hidden]'"},
		{"shell, double quotes", `"a<b>&c \"d'é😀\\/ü+\$x"`, `"[hidden]"`},
		{"printf %q", `a\<b\>\&c\ \"d\'é😀\\/ü+\$x`, "[hidden]"},
		{"CSV", `"a<b>&c ""d'é😀\/ü+$x"`, `"[hidden]"`},
		{"HTML", html.EscapeString(odd), "[hidden]"},

		{"lines", "<" + lines + ">", "<[hidden]\n>"},
		{"lines of a terminal", strings.ReplaceAll(lines, "\n", "\r\n"), "[hidden]\r\n"},
		{"one line", "1 MIIEvQIBADANBg\n2 kq\n", "1 [hidden]\n2 kq\n"},
		{"a header", "-----BEGIN KEY-----\n", "-----BEGIN KEY-----\n"},
	}
	set := setOf(" "+token+"\n", odd, lines, "abcdefgh", "efghijklm", "long abcdefgh value", "31m12345", "über/+x")
	for _, tt := range tests {
		for _, n := range []int{1, 2, 3, 7, 1000} {
			t.Run(fmt.Sprint(tt.name, " by ", n), func(t *testing.T) {
				t.Parallel()
				if got := through(t, set, tt.in, n); got != tt.want {
					t.Errorf("%q became %q, want %q", tt.in, got, tt.want)
				}
			})
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	set := setOf("12345", "  1234 \n", "éééééé", "", "123456")
	if got := set.Short(); got != 3 {
		t.Errorf("Short = %d, want 3", got)
	}
	if set.Empty() || !setOf("12345").Empty() || !setOf().Empty() {
		t.Error("Empty is wrong")
	}
	if got, want := through(t, set, "12345 éééééé 123456", 1000), "12345 [hidden] [hidden]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := through(t, setOf(), "text\n", 1); got != "text\n" {
		t.Errorf("nothing to hide: got %q", got)
	}
}

// TestFlush has a person wait: what is shown after each write and a pause.
func TestFlush(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		write, shown []string
	}{
		{"a prompt", []string{"name: s3", "4\n"}, []string{"name: s3", "4\n"}},
		{"three characters", []string{"s3c"}, []string{"s3c"}},
		{"four", []string{"s3cr", "3", "x"}, []string{"", "", "s3cr3x"}},
		{"slowly", strings.Split("$s3cr3t-Token/+42.", ""), append([]string{"$", "s", "3", "c"}, append(make([]string, 12), "[hidden]", ".")...)},
		{"slowly with colours", []string{"s", "\x1b[1m", "3", "\x1b[", "2m", "cr", "3t-Token/+42"}, []string{"s", "\x1b[1m", "3", "\x1b[", "2m", "", "[hidden]"}},
		{"one that can be longer", []string{"abcdef", "gh", "ij!", "abcdef", "ghij"}, []string{"[hidden]", "", "ghij!", "[hidden]", ""}},
		{"a longer one", []string{"abcdef", "ghi", "jkl", "."}, []string{"[hidden]", "", "", "."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			w := setOf(token, "abcdef", "abcdefghijkl").Writer(&out)
			for i, s := range tt.write {
				out.Reset()
				if _, err := w.Write([]byte(s)); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				if got := out.String(); got != tt.shown[i] {
					t.Errorf("after %q: shown %q, want %q", s, got, tt.shown[i])
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if w.Held() {
				t.Error("bytes are held after Close")
			}
		})
	}
}
