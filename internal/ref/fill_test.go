package ref_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/dotenv"
	"github.com/keyhold/keyhold/internal/ref"
)

// fill fills the template; @ stands for {{ kh://v/i }}.
func fill(t interface {
	Helper()
	Fatalf(string, ...any)
}, place ref.Place, template, value string,
) (string, error) {
	t.Helper()
	pieces, err := ref.ParseTemplate(strings.ReplaceAll(template, "@", "{{ kh://v/i }}"))
	if err != nil {
		t.Fatalf("%q: %v", template, err)
	}
	out, err := ref.Fill(pieces, place, func(r ref.Ref) ([]byte, error) {
		if r != (ref.Ref{Vault: "v", Item: "i"}) {
			return nil, fmt.Errorf("asked for %s", r)
		}
		return []byte(value), nil
	})
	return string(out), err
}

const pem = "-----BEGIN X-----\nab+/=\n\ncd\n-----END X-----\n"

func TestFill(t *testing.T) {
	t.Parallel()
	tests := []struct {
		place                 ref.Place
		template, value, want string
	}{
		{"", "a @ 'b' @", "\x00\xff'", "a \x00\xff' 'b' \x00\xff'"},
		{"", "{{ .Values.x }}{{ kh://v/i | url }}", "a b", "{{ .Values.x }}a%20b"},

		{ref.InJSON, `{"a": "x@y", "b": @}`, "\"\n", `{"a": "x\"\ny", "b": "\"\n"}`},
		{ref.InJSON, `{"@": [@,@], "a\"": @}`, "v", `{"v": ["v","v"], "a\"": "v"}`},
		{ref.InJSON, `{"a\\": @, "\\@": "{{ kh://v/i | base64 }}"}`, "v", `{"a\\": "v", "\\v": "dg=="}`},
		{ref.InJSON, `{"a": "echo {{ kh://v/i | shell }}"}`, `"`, `{"a": "echo '\"'"}`},
		{ref.InJSON, "// it's 5\" long\n{\"a\": @}", "v", "// it's 5\" long\n{\"a\": \"v\"}"},

		{ref.InYAML, "a: @\nb: 'it''s @'\nc: \"\\t@\"\n", "5", "a: \"5\"\nb: 'it''s 5'\nc: \"\\t5\"\n"},
		{ref.InYAML, "a: it's @ # don't @\nb: @ # \"", "x", "a: it's x # don't x\nb: \"x\" # \""},
		{ref.InYAML, "k: |\n  @\nz: 1", pem, "k: |\n  -----BEGIN X-----\n  ab+/=\n  \n  cd\n  -----END X-----\nz: 1"},
		{ref.InYAML, "- k: |-\n    a \"@\"\n", "x'", "- k: |-\n    a \"x'\"\n"},
		{ref.InYAML, "a: [@, {b: @}]\n---\n@: c\n", "#", "a: [\"#\", {b: \"#\"}]\n---\n\"#\": c\n"},
		{ref.InYAML, "a: khx1z @", "v", "a: khx1z v"},
		{ref.InYAML, "u: https://me:@/x", "a/b=", "u: https://me:a/b=/x"},
		{ref.InYAML, "u: \"https://me:@/x\"", "a: #b", "u: \"https://me:a: #b/x\""},
		{ref.InYAML, "u: \"{{ .Values.x }}@\"", "\u0085\ufeff", "u: \"{{ .Values.x }}\\u0085\\ufeff\""},

		{ref.InShell, "export A=@ B=\"a @\" C='b @'\n", "it's $x", "export A='it'\\''s $x' B=\"a it's \\$x\" C='b it'\\''s $x'\n"},
		{ref.InShell, "A=\"\\$@ $x.@\" B=\\$@ C=$x@ D='$@' # $@", "x", "A=\"\\$x $x.x\" B=\\$'x' C=$x'x' D='$x' # $x"},
		{ref.InShell, "echo a \\\n# don't\nA=@", "x", "echo a \\\n# don't\nA='x'"},
		{ref.InShell, "echo \\ #'@'", "it's", "echo \\ #'it'\\''s'"},
		{ref.InShell, "# don't @\nA=@", "x", "# don't x\nA='x'"},

		{ref.InDotenv, "A=@\nB=\"@\"\nC='@'\nD=`@`\nE=a@b # it's @\n", "x", "A=x\nB=\"x\"\nC='x'\nD=`x`\nE=axb # it's x\n"},
		{ref.InDotenv, "A=@\nB=\"@\"\nD=`@`", "it's $5", "A=\"it's \\$5\"\nB=\"it's \\$5\"\nD=`it's $5`"},
	}
	for _, tt := range tests {
		got, err := fill(t, tt.place, tt.template, tt.value)
		if err != nil {
			t.Errorf("%s: %q: %v", tt.place, tt.template, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %q: %s", tt.place, tt.template, diff)
		}
	}
}

func TestFillRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		place                    ref.Place
		template, value, problem string
	}{
		{"xml", "@", "v", "no format"},
		{"", "\n{{ kh://v/i | json }}", "\xffcanary", "line 2: the value of kh://v/i: it is not UTF-8"},
		{"", "{{ kh://v/i | shell }}", "canary\x00", "NUL"},

		{ref.InJSON, `{"a": "@"}`, "\xffcanary", "UTF-8"},
		{ref.InJSON, `{"a": "\@"}`, "canary", "backslash"},

		{ref.InYAML, "a: @", "canary\xff", "UTF-8"},
		{ref.InYAML, "a: x@y", "canary: b", "double quotes"},
		{ref.InYAML, "a: x @", "#canary", "double quotes"},
		{ref.InYAML, "a: 1@", "2", "read back"},
		{ref.InYAML, "a: '@'", "canary\n", "double quotes"},
		{ref.InYAML, "\n# @", "x\ncanary: 1", "line 2"},
		{ref.InYAML, "# @", "x\u2028canary: 1", "line 1"},
		{ref.InYAML, "a: |\n  @\n", " canary\nb", "change what else"},
		{ref.InYAML, "a: |\n  x@\n", "\r\ncanary", "read back"},
		{ref.InYAML, "a: >\n  @\n  x\n", "canary\nb", "read back"},
		{ref.InYAML, "a: |\n  @\n", "canary\n\n", "read back"},
		{ref.InYAML, "a: \"x\n  @\"", " canary", "read back"},
		{ref.InYAML, "a: &@ x", " canary", ""},
		{ref.InYAML, "a: \"\\@\"", "canary", "no YAML"},
		{ref.InYAML, "a: {{ .x }}: @", "canary", "no YAML"},

		{ref.InShell, "A=@", "canary\x00", "NUL"},
		{ref.InShell, "A=\\@", "canary", "backslash"},
		{ref.InShell, "A=\"\\@\"", "canary", "backslash"},
		{ref.InShell, "# @", "canary\nx", "line 1"},
		{ref.InShell, "cat <<EOF\n@\nEOF\n", "canary", "<< in line 1"},
		{ref.InShell, "A=\"$(echo \"@\")\"", "canary", "$( in double quotes"},
		{ref.InShell, "\nA=\"${x:-\"y\"}\" B=@", "canary", "${ in double quotes in line 2"},
		{ref.InShell, "A=\"`echo \"@\"`\"", "canary", "` in double quotes"},
		{ref.InShell, "A=`echo @`", "canary", "backticks"},
		{ref.InShell, "A=\"$@\"", "(canary)", "a $"},
		{ref.InShell, "A=\"\\\\$a_9@\"", "canary", "a $"},
		{ref.InShell, "A=$@", "canary", "a $"},
		{ref.InShell, "A=$'\\'@'", "canary", "$'…'"},

		{ref.InDotenv, "A=@", "canary\x00", "NUL"},
		{ref.InDotenv, "A='@'", "canary's", "'"},
		{ref.InDotenv, "A=`@`", "canary`", "`"},
		{ref.InDotenv, "A=x@", "canary x", "double quotes"},
		{ref.InDotenv, "A=x@", "canary#", "double quotes"},
		{ref.InDotenv, "A@=x", "canary", "name"},
		{ref.InDotenv, "# @", "canary\nA=1", "line 1"},
		{ref.InDotenv, "A=\"\\@\"", "ncanary", "change"},
		{ref.InDotenv, "A", "canary", "no .env file: line 1"},
	}
	for _, tt := range tests {
		got, err := fill(t, tt.place, tt.template, tt.value)
		if err == nil || got != "" || !strings.Contains(err.Error(), tt.problem) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %q: %q, %v, want about %q", tt.place, tt.template, got, err, tt.problem)
		}
	}
}

func TestFillPassesErrorsOn(t *testing.T) {
	t.Parallel()
	pieces, err := ref.ParseTemplate("a {{ kh://v/i }}")
	if err != nil {
		t.Fatal(err)
	}
	locked := errors.New("locked")
	if out, err := ref.Fill(pieces, "", func(ref.Ref) ([]byte, error) { return nil, locked }); out != nil || !errors.Is(err, locked) {
		t.Errorf("%q, %v", out, err)
	}
}

// secrets generates values with everything that some format gives a meaning.
func secrets() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching("[ab'\"`\\\\$#!{}()\\[\\]=~*&|<>@:,%? \t\n\r-]{0,8}"),
		rapid.SampledFrom([]string{pem, "null", "5", "- a", "a: b", "<<", "=", "khx1z", "---", "...", "%YAML", "\u0085", "\u2028", "\ufeff", "{{ kh://v/i }}", " #", "'\n\nx: y"}),
		rapid.String(),
	)
}

// Whatever Fill accepts is read back as it was, and says nothing else.
func TestFillYAMLRoundTrip(t *testing.T) {
	t.Parallel()
	filled := 0
	rapid.Check(t, func(t *rapid.T) {
		v := secrets().Draw(t, "value")
		for template, want := range map[string]func() any{
			"a: @ # @\nb: c\n":        func() any { return map[string]any{"a": v, "b": "c"} },
			"a: \"x@y\"\nb: c\n":      func() any { return map[string]any{"a": "x" + v + "y", "b": "c"} },
			"a: 'x@y'\nb: c\n":        func() any { return map[string]any{"a": "x" + v + "y", "b": "c"} },
			"a: x@y\nb: c\n":          func() any { return map[string]any{"a": "x" + v + "y", "b": "c"} },
			"a: x@\nb: c\n":           func() any { return map[string]any{"a": "x" + v, "b": "c"} },
			"a: [@, x@]\nb: {@: c}\n": func() any { return map[string]any{"a": []any{v, "x" + v}, "b": map[string]any{v: "c"}} },
			"a:\n- |-\n   @\n- b: >\n   @": func() any {
				return map[string]any{"a": []any{strings.TrimSuffix(v, "\n"), map[string]any{"b": strings.TrimSuffix(v, "\n")}}}
			},
		} {
			text, err := fill(t, ref.InYAML, template, v)
			if err != nil {
				var bad *ref.ValueError
				if strings.HasPrefix(template, "a: \"") && !strings.Contains(v, "\x00") || !errors.As(err, &bad) {
					t.Fatalf("%q: %v", template, err)
				}
				continue
			}
			filled++
			var got any
			if err := yaml.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if diff := cmp.Diff(want(), got); diff != "" {
				t.Fatalf("%q: %s", text, diff)
			}
		}
	})
	if filled < 200 {
		t.Errorf("only %d were filled", filled)
	}
}

func TestFillJSONRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := secrets().Draw(t, "value")
		text, err := fill(t, ref.InJSON, `{"a": @, "b": ["x@y", "\"", "@@"], "c": {"d":@}}`, v)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(map[string]any{"a": v, "b": []any{"x" + v + "y", `"`, v + v}, "c": map[string]any{"d": v}}, got); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
	})
}

func TestFillDotenvRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := secrets().Draw(t, "value")
		for template, want := range map[string]string{"A=@": v, "A=x@y": "x" + v + "y", "A='x@y'": "x" + v + "y", "A=\"x@y\"": "x" + v + "y", "A=`@` # c": v} {
			text, err := fill(t, ref.InDotenv, template+"\nB=1\n", v)
			if err != nil {
				var bad *ref.ValueError
				if !errors.As(err, &bad) || strings.HasPrefix(template, `A="`) && !strings.Contains(v, "\x00") {
					t.Fatalf("%q: %v", template, err)
				}
				continue
			}
			got, err := dotenv.Parse([]byte(text))
			if err != nil || len(got) != 2 || got[0].Value.Reveal() != want || got[1].Value.Reveal() != "1" {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func TestFillShells(t *testing.T) {
	t.Parallel()
	values := []string{"", "x", "it's", `"`, "$HOME", "${HOME}", "$(id)", "`id`", `\`, `\\`, `a\`, "!", "!!", "a\nb\n", "\r", "*", "~", "#", " # ", ";", "&", "|", "<<EOF", "\xff", "é", "'\"$`\\\n", "{a,b}", "-n", "%s", "\t"}
	const template = `# it's only "a comment
show @ a@b "@" "a @ b" '@' 'a @ b'
x=@ y="${x}@" w=$x@ z="$(printf x)@${x}"
show "$x" "$y" "$w" "$z" \" @ \' @ "\"" @ "${#x}" a\ #b "#" # don't
case @ in "") show empty ;; *) show full ;; esac
cat <<<@ >/dev/null; show $(printf %s @ >/dev/null; echo "it's") a#@
`
	for _, shell := range []string{"bash", "zsh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			script := "show() { printf '%s\\0' \"$@\"; }\n"
			var want []string
			for _, v := range values {
				text, err := fill(t, ref.InShell, template, v)
				if err != nil {
					t.Fatal(err)
				}
				script += text
				state := "full"
				if v == "" {
					state = "empty"
				}
				want = append(want, v, "a"+v+"b", v, "a "+v+" b", v, "a "+v+" b", v, v+v, v+v, "x"+v+v, `"`, v, "'", v, `"`, v,
					fmt.Sprint(utf8.RuneCountInString(v)), "a #b", "#", state, "it's", "a#"+v)
			}
			got := strings.Split(strings.TrimSuffix(run(t, script, shell, "FILE"), "\x00"), "\x00")
			for i := range min(len(want), len(got)) {
				if got[i] != want[i] {
					t.Fatalf("word %d is %q, want %q", i, got[i], want[i])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d words, want %d", len(got), len(want))
			}
		})
	}
}

func FuzzFill(f *testing.F) {
	for _, place := range []ref.Place{"", ref.InJSON, ref.InYAML, ref.InShell, ref.InDotenv} {
		f.Add(string(place), "a: {{ kh://v/i }}\nb: \"{{ kh://v/j | url }}\" # {{ kh://v/k }}\n", "it's $x\n")
		f.Add(string(place), "A='{{ kh://v/i }}' $( \"${x}{{ kh://v/i }}", "\xff")
	}
	f.Fuzz(func(t *testing.T, place, template, value string) {
		pieces, err := ref.ParseTemplate(template)
		if err != nil {
			return
		}
		placeholders := 0
		out, err := ref.Fill(pieces, ref.Place(place), func(ref.Ref) ([]byte, error) {
			placeholders++
			return []byte(value), nil
		})
		switch {
		case err != nil && out != nil:
			t.Fatalf("%q with %v", out, err)
		case err == nil && placeholders == 0 && string(out) != template:
			t.Fatalf("%q without placeholders is %q", template, out)
		}
	})
}
