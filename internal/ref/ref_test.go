package ref_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/ref"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want ref.Ref
	}{
		{"kh://personal/mail", ref.Ref{Vault: "personal", Item: "mail"}},
		{"kh://personal/mail/", ref.Ref{Vault: "personal", Item: "mail"}},
		{"kh://personal/mail/username", ref.Ref{Vault: "personal", Item: "mail", Field: "username"}},
		{"kh://personal/web/github.com/", ref.Ref{Vault: "personal", Item: "web/github.com"}},
		{"kh://personal/web/github.com/password", ref.Ref{Vault: "personal", Item: "web/github.com", Field: "password"}},
		{"kh://personal/https://a.b/c/url", ref.Ref{Vault: "personal", Item: "https://a.b/c", Field: "url"}},
		{"kh://personal//etc/passwd/", ref.Ref{Vault: "personal", Item: "/etc/passwd"}},
		{"kh://personal/a//", ref.Ref{Vault: "personal", Item: "a/"}},
		{"kh://personal/a/../otp", ref.Ref{Vault: "personal", Item: "a/..", Field: "otp"}},
		{"kh://ops@work/db/url", ref.Ref{Vault: "ops", Profile: "work", Item: "db", Field: "url"}},
		{"kh://me@home.org@work/db", ref.Ref{Vault: "me@home.org", Profile: "work", Item: "db"}},
		{"kh://me%40home.org/db", ref.Ref{Vault: "me@home.org", Item: "db"}},
		{"kh://a%2Fb@c%2fd/x", ref.Ref{Vault: "a/b", Profile: "c/d", Item: "x"}},
		{"kh://v/me@home.org", ref.Ref{Vault: "v", Item: "me@home.org"}},
		{"kh://v/a%2Fb", ref.Ref{Vault: "v", Item: "a/b"}},
		{"kh://v/a/b%2Fc", ref.Ref{Vault: "v", Item: "a", Field: "b/c"}},
		{"kh://v/My%20Login %23%3F%25", ref.Ref{Vault: "v", Item: "My Login #?%"}},
		{"kh://v/B%C3%BCro/Schlüssel", ref.Ref{Vault: "v", Item: "Büro", Field: "Schlüssel"}},
		{"kh://v/kh%3A//a/b", ref.Ref{Vault: "v", Item: "kh://a", Field: "b"}},
		{"kh://v/%20", ref.Ref{Vault: "v", Item: " "}},
		{"kh://v/a%0Ab", ref.Ref{Vault: "v", Item: "a\nb"}},
	}
	for _, tt := range tests {
		got, err := ref.Parse(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, problem, hint string }{
		{"", "begin", ""},
		{"mail", "begin", ""},
		{"kh:/v/i", "begin", ""},
		{"op://v/i", "begin", ""},
		{"KH://v/i", "begin", "kh://v/i"},
		{"Kh://v/i#1", "begin", "kh://v/i%231"},
		{"kh://", "vault", ""},
		{"kh:///mail", "vault", ""},
		{"kh://@work/mail", "vault", ""},
		{"kh://v@/mail", "profile", ""},
		{"kh://v", "item", ""},
		{"kh://v/", "item", ""},
		{"kh://v//", "item", ""},
		{"kh://v//password", "item", ""},
		{"kh://v/i#password", "%23", "kh://v/i%23password"},
		{"kh://v/a b#1/f?x", "%23", "kh://v/a%20b%231/f%3Fx"},
		{"kh://v/what?/", "%3F", "kh://v/what%3F"},
		{"kh://v/100%", "%25", "kh://v/100%25"},
		{"kh://v/100%/%2", "%25", "kh://v/100%25/%252"},
		{"kh://v/%gg/%20", "%25", "kh://v/%25gg/%20"},
		{"kh://v/a%00b", "NUL", ""},
		{"kh://v/a\x00b", "control", ""},
		{"kh://v/a\nb", "control", "kh://v/a%0Ab"},
		{"kh://v/i\n", "white space", "kh://v/i"},
		{" kh://v/i", "white space", "kh://v/i"},
		{"kh://v/i\u00a0", "white space", "kh://v/i"},
		{"kh://v/\xff", "UTF-8", ""},
		{"kh://v/%ff", "UTF-8", ""},
		{"kh://v/%C3/%BC", "UTF-8", ""},
	}
	for _, tt := range tests {
		_, err := ref.Parse(tt.text)
		var bad *ref.ParseError
		if !errors.As(err, &bad) {
			t.Errorf("Parse(%q): error %v", tt.text, err)
			continue
		}
		if bad.Text != tt.text || !strings.Contains(bad.Problem, tt.problem) || bad.Hint() != tt.hint {
			t.Errorf("Parse(%q): %+v, want about %q, hint %q", tt.text, bad, tt.problem, tt.hint)
		}
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ref  ref.Ref
		want string
	}{
		{ref.Ref{Vault: "v", Item: "mail"}, "kh://v/mail"},
		{ref.Ref{Vault: "v", Item: "web/github.com"}, "kh://v/web/github.com/"},
		{ref.Ref{Vault: "v", Profile: "p", Item: "a/b", Field: "c/d"}, "kh://v@p/a/b/c%2Fd"},
		{ref.Ref{Vault: "a@b", Profile: "c@d", Item: "e@f", Field: "g@h"}, "kh://a%40b@c%40d/e@f/g@h"},
		{ref.Ref{Vault: "v", Item: "~ü #"}, "kh://v/%7E%C3%BC%20%23"},
		{ref.Ref{Vault: "v", Item: "a/"}, "kh://v/a//"},
	}
	for _, tt := range tests {
		if got := tt.ref.String(); got != tt.want {
			t.Errorf("%+v prints as %q, want %q", tt.ref, got, tt.want)
		}
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"kh://v/i": true, "kh://": true, "KH://v/i": false, " kh://v/i": false, "": false, "x kh://v/i": false} {
		if got := ref.Is(s); got != want {
			t.Errorf("Is(%q) = %v", s, got)
		}
	}
}

// refs generates references with names that trouble somebody.
func refs() *rapid.Generator[ref.Ref] {
	name := rapid.OneOf(
		rapid.StringMatching(`[a-z0-9/@%#?&$:;'"~=^*!{}\[\]()<>|\\ ,+.\n\t-]{1,12}`),
		rapid.StringN(1, 12, -1).Filter(func(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }),
	)
	maybe := rapid.OneOf(rapid.Just(""), name)
	return rapid.Custom(func(t *rapid.T) ref.Ref {
		return ref.Ref{Vault: name.Draw(t, "vault"), Profile: maybe.Draw(t, "profile"), Item: name.Draw(t, "item"), Field: maybe.Draw(t, "field")}
	})
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := refs().Draw(t, "ref")
		text := r.String()
		if strings.Trim(strings.TrimPrefix(text, ref.Scheme), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/@%") != "" {
			t.Errorf("%s has an unsafe character", text)
		}
		got, err := ref.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"kh://v@p/a/b/c", "kh://v/%41%", "kh://v/i#?", " KH://v/i\n", "kh:////", "kh://v/%C3%BC/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ref.Parse(s)
		if err == nil {
			again, err := ref.Parse(r.String())
			if err != nil || again != r {
				t.Fatalf("%+v prints as %q, which is %+v, %v", r, r, again, err)
			}
			return
		}
		var bad *ref.ParseError
		if !errors.As(err, &bad) || r != (ref.Ref{}) {
			t.Fatalf("%+v, %v", r, err)
		}
		if hint := bad.Hint(); hint != "" {
			if again, err := ref.Parse(hint); err != nil || again.String() != hint {
				t.Fatalf("the hint %q is %+v, %v", hint, again, err)
			}
		}
	})
}
