package ref_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/ref"
)

// outline returns pieces as text: literal text, and <line ref filter>.
func outline(pieces []ref.Piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.Placeholder() {
			b.WriteString("<" + string(rune('0'+p.Line)) + " " + p.Ref.String() + " " + string(p.Filter) + ">")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestParseTemplate(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", ""},
		{"no placeholder\n", "no placeholder\n"},
		{"{{ kh://v/i }}", "<1 kh://v/i >"},
		{"{{kh://v/i}}", "<1 kh://v/i >"},
		{"{{\tkh://v/i/f\t}}", "<1 kh://v/i/f >"},
		{"a\n b{{ kh://v/i | url }}c\n{{kh://v/a/b/|json}}{{ kh://v/j }}\n", "a\n b<2 kh://v/i url>c\n<3 kh://v/a/b/ json><3 kh://v/j >\n"},
		{"\r\n{{ kh://v/i|shell}}\r\n{{ kh://v/i |base64 }}", "\r\n<2 kh://v/i shell>\r\n<3 kh://v/i base64>"},
		{`{"a":{{ kh://v/i }}}`, `{"a":<1 kh://v/i >}`},
		{"{{{ kh://v/i }}}", "{<1 kh://v/i >}"},
		{"{{{{ kh://v/i }}}}", "{{<1 kh://v/i >}}"},
		{"{{ kh://v/a}b }}", "<1 kh://v/a%7Db >"},
		{"{{ kh://v/a%7D%7Db%20c%7Cd }}", "<1 kh://v/a%7D%7Db%20c%7Cd >"},
		{"{{ .Values.x }} {{- kh://v/i }} {{ a | b }} {% x %} {{", "{{ .Values.x }} {{- kh://v/i }} {{ a | b }} {% x %} {{"},
		{"{{ 'kh://v/i' }} {{ KH://v/i }} {{\nkh://v/i }} { { kh://v/i }}", "{{ 'kh://v/i' }} {{ KH://v/i }} {{\nkh://v/i }} { { kh://v/i }}"},
		{"kh://v/i", "kh://v/i"},
		{"\xff\x00{{ kh://v/i }}\xff", "\xff\x00<1 kh://v/i >\xff"},
	}
	for _, tt := range tests {
		pieces, err := ref.ParseTemplate(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, outline(pieces)); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		line    int
		problem string
		hint    string
	}{
		{"\n{{ kh://v/i", 2, "no }}", ""},
		{"{{ kh://v/i }\n}}", 1, "no }}", ""},
		{"{{ kh://v/i\n}}", 1, "no }}", ""},
		{"{{ kh://v/My Login/f }}", 1, "%20", "{{ kh://v/My%20Login/f }}"},
		{"{{ kh://v/My Login/f | url }}", 1, "%20", "{{ kh://v/My%20Login/f }}"},
		{"{{ kh://v/i | url | json }}", 1, "one filter", ""},
		{"{{ kh://v/i | rot13 }}", 1, `"rot13"`, ""},
		{"{{ kh://v/i | URL }}", 1, `"URL"`, ""},
		{"{{ kh://v/i | }}", 1, `""`, ""},
		{"{{ kh://v/i | url x }}", 1, `"url x"`, ""},
		{"\n\n{{ kh://v/i#f }}", 3, "%23", "{{ kh://v/i%23f }}"},
		{"{{ kh://v }}", 1, "item", ""},
		{"{{ kh:// }}", 1, "vault", ""},
		{"{{ kh://v/\xff }}", 1, "UTF-8", ""},
	}
	for _, tt := range tests {
		pieces, err := ref.ParseTemplate(tt.text)
		var bad *ref.TemplateError
		if !errors.As(err, &bad) || pieces != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if bad.Line != tt.line || !strings.Contains(bad.Error(), tt.problem) || bad.Hint() != tt.hint {
			t.Errorf("%q: %v, hint %q, want line %d, about %q, hint %q", tt.text, bad, bad.Hint(), tt.line, tt.problem, tt.hint)
		}
	}
}

func TestParseTemplateListsAll(t *testing.T) {
	t.Parallel()
	_, err := ref.ParseTemplate("{{ kh://v/i#1 }} {{ kh://v/ok }}\n{{ kh://v/i | x }}{{ kh://v/i\n{{ kh:// }}")
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		lines = append(lines, line[:len("line 1")])
	}
	if diff := cmp.Diff([]string{"line 1", "line 2", "line 2", "line 3"}, lines); diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	var bad *ref.ParseError
	if !errors.As(err, &bad) || bad.Text != "kh://v/i#1" {
		t.Errorf("%+v", bad)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }), rapid.SliceOf(rapid.Byte())).Draw(t, "value")
		got, err := ref.URL.Apply(value)
		if plain, _ := url.PathUnescape(string(got)); err != nil || plain != string(value) || strings.ContainsAny(string(got), "+ /:@&=?#;,!$'()*\"") {
			t.Errorf("url: %q %v", got, err)
		}
		got, err = ref.Base64.Apply(value)
		if plain, _ := base64.StdEncoding.DecodeString(string(got)); err != nil || string(plain) != string(value) {
			t.Errorf("base64: %q %v", got, err)
		}
		got, err = ref.JSON.Apply(value)
		var plain string
		if err == nil && (json.Unmarshal([]byte(`"`+string(got)+`"`), &plain) != nil || plain != string(value)) {
			t.Errorf("json: %q", got)
		}
		if valid := strings.ToValidUTF8(string(value), "") == string(value); valid != (err == nil) {
			t.Errorf("json: %v of %q", err, value)
		}
		if _, err := ref.Shell.Apply(value); strings.Contains(string(value), "\x00") != (err != nil) {
			t.Errorf("shell: %v of %q", err, value)
		}
	})
	for _, f := range []ref.Filter{"yaml", "URL"} {
		if _, err := f.Apply(nil); err == nil {
			t.Errorf("there is a filter %s", f)
		}
	}
}

func TestFilterText(t *testing.T) {
	t.Parallel()
	const value = "a\"b\\c\n<é>\u2028\u0085\x7f'~"
	for f, want := range map[ref.Filter]string{
		"":         value,
		ref.JSON:   `a\"b\\c\n<é>\u2028\u0085\u007f'~`,
		ref.Shell:  "'a\"b\\c\n<é>\u2028\u0085\x7f'\\''~'",
		ref.URL:    "a%22b%5Cc%0A%3C%C3%A9%3E%E2%80%A8%C2%85%7F%27~",
		ref.Base64: "YSJiXGMKPMOpPuKAqMKFfyd+",
	} {
		if got, err := f.Apply([]byte(value)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", f, got, err, want)
		}
	}
}

func FuzzParseTemplate(f *testing.F) {
	for _, s := range []string{"a{{ kh://v/i | url }}b", "{{{ kh://v/a/ }}}\n{{ x }}", "{{ kh://v/i | x", "{{ kh://v/a b }}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pieces, err := ref.ParseTemplate(text)
		if err != nil {
			var bad *ref.TemplateError
			if !errors.As(err, &bad) || bad.Line < 1 || bad.Line > 1+strings.Count(text, "\n") {
				t.Fatal(err)
			}
			if hint := bad.Hint(); hint != "" {
				if again, err := ref.ParseTemplate(hint); err != nil || len(again) != 1 || !again[0].Placeholder() {
					t.Fatalf("the hint %q: %v", hint, err)
				}
			}
			return
		}
		var b strings.Builder
		for _, p := range pieces {
			if want := 1 + strings.Count(b.String(), "\n"); p.Line != want {
				t.Fatalf("%q is in line %d, not %d", p.Text, want, p.Line)
			}
			b.WriteString(p.Text)
			if !p.Placeholder() {
				continue
			}
			if again, err := ref.Parse(p.Ref.String()); err != nil || again != p.Ref {
				t.Fatal(err)
			}
		}
		if b.String() != text {
			t.Fatalf("the pieces are %q", b.String())
		}
	})
}
