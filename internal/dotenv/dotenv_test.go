package dotenv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/dotenv"
)

// inputs are files and what they mean, as name and value in turn. Where node,
// or some release of it, takes a file for something else, node has what, and
// FORMAT.md says why.
var inputs = []struct {
	text string
	want []string
	node []string
}{
	{text: ""},
	{text: "\n \n\t\n"},
	{text: "# only a comment"},
	{text: "A=1", want: []string{"A", "1"}},
	{text: "A=1\nB=2\n", want: []string{"A", "1", "B", "2"}},
	{text: "A=1\r\nB=2\r\n", want: []string{"A", "1", "B", "2"}},
	{text: "\ufeffA=1\nB=2\n", want: []string{"A", "1", "B", "2"}, node: []string{"\ufeffA", "1", "B", "2"}},
	{text: "  A=1\n\tB=2", want: []string{"A", "1", "B", "2"}, node: []string{"A", "1", "\tB", "2"}},
	{text: "A = 1\nB\t=\t2", want: []string{"A", "1", "B", "2"}, node: []string{"A", "1", "B\t", "\t2"}},
	{text: "export A=1\n  export B = 2", want: []string{"A", "1", "B", "2"}},
	{text: "export\tA=1\nexport  B=2", want: []string{"A", "1", "B", "2"}, node: []string{"export\tA", "1", " B", "2"}},
	{text: "export=1", want: []string{"export", "1"}},
	{text: "export =1", want: []string{"export", "1"}},
	{text: "exported=1", want: []string{"exported", "1"}},
	{text: "A_b.C-9=1", want: []string{"A_b.C-9", "1"}},
	{text: "_=1\n_9=2", want: []string{"_", "1", "_9", "2"}},

	{text: "A=", want: []string{"A", ""}},
	{text: "A=\nB=2", want: []string{"A", "", "B", "2"}},
	{text: "A=''\nB=\"\"\nC=``", want: []string{"A", "", "B", "", "C", ""}},
	{text: "A= \nB=2", want: []string{"A", "", "B", "2"}, node: []string{"A", "B=2"}},
	{text: "A=  one two  \nB=2", want: []string{"A", "one two", "B", "2"}},
	{text: "A=a=b==\nB==", want: []string{"A", "a=b==", "B", "="}},
	{text: "A=it's\nB=say \"hi\"\nC=a`b", want: []string{"A", "it's", "B", `say "hi"`, "C", "a`b"}},
	{text: `A=a\nb\t\\`, want: []string{"A", `a\nb\t\\`}},
	{text: `A={"a": "b c"}`, want: []string{"A", `{"a": "b c"}`}},
	{text: "A=Ünï 🔑\n", want: []string{"A", "Ünï 🔑"}},

	{text: "H=$2a$10$N9qo8uLOickgx2ZMRZoMye", want: []string{"H", "$2a$10$N9qo8uLOickgx2ZMRZoMye"}},
	{text: "A=1\nB=$A\nC=\"${A}\"\nD='$A'\nE=$(id)`id`", want: []string{"A", "1", "B", "$A", "C", "${A}", "D", "$A", "E", "$(id)`id`"}},

	{text: "A=1 # one\n# two\n", want: []string{"A", "1"}},
	{text: "A=1\t# one\n", want: []string{"A", "1"}, node: []string{"A", "1\t"}},
	{text: "A='1' # '\nB=\"2\" # \"\nC=`3` # `", want: []string{"A", "1", "B", "2", "C", "3"}},
	{text: "A='a # b'\nB=\"a # b\"", want: []string{"A", "a # b", "B", "a # b"}},
	{text: "A=a#b", want: []string{"A", "a#b"}, node: []string{"A", "a"}},
	{text: "A=#fff", want: []string{"A", "#fff"}, node: []string{"A", ""}},
	{text: "A= # empty\nB=2", want: []string{"A", "", "B", "2"}},
	{text: "# A=1\n#B=2\nC=3", want: []string{"C", "3"}},

	{text: `A='a"b\n$x'`, want: []string{"A", `a"b\n$x`}},
	{text: `A="it's"`, want: []string{"A", "it's"}},
	{text: "A=`it's \"it\"`", want: []string{"A", `it's "it"`}},
	{text: "A=' a '\nB=\"\tb \"", want: []string{"A", " a ", "B", "\tb "}},
	{text: "A=  'a'  \nB=\"b\"\t", want: []string{"A", "a", "B", "b"}},
	{text: "A='a\nb'\nB=\"a\nb\n\"\nC=`a\n\nb`\nD=4", want: []string{"A", "a\nb", "B", "a\nb\n", "C", "a\n\nb", "D", "4"}},
	{text: "A=\"a\r\nb\"\r\nB=2", want: []string{"A", "a\nb", "B", "2"}},
	{text: "A='# no comment\n# none either'", want: []string{"A", "# no comment\n# none either"}},
	{text: "A='B=1\nC=2'\nD=3", want: []string{"A", "B=1\nC=2", "D", "3"}},

	{text: `A="a\nb"`, want: []string{"A", "a\nb"}},
	{text: `A="\d\.\'"`, want: []string{"A", `\d\.\'`}},
	{text: `A="a\tb"`, want: []string{"A", "a\tb"}, node: []string{"A", `a\tb`}},
	{text: `A="a\rb"`, want: []string{"A", "a\rb"}, node: []string{"A", `a\rb`}},
	{text: `A="a\\b"`, want: []string{"A", `a\b`}, node: []string{"A", `a\\b`}},
	{text: `A="a\\nb"`, want: []string{"A", `a\nb`}, node: []string{"A", "a\\\nb"}},
	{text: `A="say \"hi\""`, want: []string{"A", `say "hi"`}, node: []string{"A", `say \`}},
	{text: `A="\$a"`, want: []string{"A", "$a"}, node: []string{"A", `\$a`}},
	{text: "A=\"\\`\"", want: []string{"A", "`"}, node: []string{"A", "\\`"}},
	{text: `A="\ü\🔑"`, want: []string{"A", `\ü\🔑`}},

	{text: "A=1\nA=2", want: []string{"A", "1", "A", "2"}},
	{text: "A=kh://v/i/f\nB=kh://v@p/a/b/", want: []string{"A", "kh://v/i/f", "B", "kh://v@p/a/b/"}},
	{text: "A=postgres://u:{{ kh://v/i | url }}@h # db\nB=\"{{kh://v/i}}\"", want: []string{"A", "postgres://u:{{ kh://v/i | url }}@h", "B", "{{kh://v/i}}"}},
}

// flat returns the entries as name and value in turn.
func flat(entries []dotenv.Entry) (flat []string) {
	for _, e := range entries {
		flat = append(flat, e.Name, e.Value.Reveal())
	}
	return flat
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range inputs {
		got, err := dotenv.Parse([]byte(tt.text))
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, flat(got)); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

func TestLinesAndQuotes(t *testing.T) {
	t.Parallel()
	got, err := dotenv.Parse([]byte("# c\nA=1\r\n\nB='x\ny'\nexport C=\"\\n\nz\" # c\nA=`2`"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range got {
		fmt.Fprintf(&text, "%d %s %q\n", e.Line, e.Name, e.Quote)
	}
	const want = "2 A '\\x00'\n4 B '\\''\n6 C '\"'\n8 A '`'\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		line    int
		name    string
		problem string
	}{
		{"A", 1, "", "no ="},
		{"A=1\nexport B\n", 2, "", "no ="},
		{"A=1\n\nB C=canary", 3, "", "no ="},
		{"=canary", 1, "", "a name has"},
		{"9A=canary", 1, "", "a name has"},
		{"Ü=canary", 1, "", "a name has"},
		{"A+=canary", 1, "", "no ="},
		{"A: canary", 1, "", "no ="},
		{"export =", 0, "", ""},
		{"A=1\nB='canary\n\nC=2", 2, "B", "closing ' is missing"},
		{`A="canary\"`, 1, "A", `closing " is missing`},
		{"A=\"canary\\", 1, "A", `closing " is missing`},
		{"A=`canary", 1, "A", "closing ` is missing"},
		{"A='", 1, "A", "closing ' is missing"},
		{"A='x'canary", 1, "A", "after a space"},
		{"A='canary'\"'\"'x'", 1, "A", "after a space"},
		{"A=\"x\"#canary", 1, "A", "after a space"},
		{"A='x' canary", 1, "A", "after a space"},
		{"A=1\nB=canary\x00", 2, "", "NUL"},
		{"A=1\nB=canary\xff", 2, "", "UTF-8"},
		{"A=1\nB=canary\rC=1", 2, "", "carriage return"},
		{"A=1\n\xff\xfeA", 2, "", "UTF-8"},
	}
	for _, tt := range tests {
		got, err := dotenv.Parse([]byte(tt.text))
		if tt.line == 0 {
			if err != nil {
				t.Errorf("%q: %v", tt.text, err)
			}
			continue
		}
		var bad *dotenv.ParseError
		if !errors.As(err, &bad) || got != nil {
			t.Errorf("%q: %v, %v", tt.text, flat(got), err)
			continue
		}
		if bad.Line != tt.line || bad.Name != tt.name || !strings.Contains(bad.Problem, tt.problem) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %+v, want line %d, name %q, about %q", tt.text, bad, tt.line, tt.name, tt.problem)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, want, anyway string }{
		{"", "''", ""},
		{"abc-9_./:@%+,", "abc-9_./:@%+,", ""},
		{"a b", "'a b'", ""},
		{"~", "'~'", ""},
		{"#", "'#'", ""},
		{"$2a$10$x", "'$2a$10$x'", ""},
		{`a\nb"`, `'a\nb"'`, ""},
		{"a\nb\n", "'a\nb\n'", ""},
		{"it's", `"it's"`, ""},
		{"it's $5", "", `"it's \$5"`},
		{"'\"\\`", "", "\"'\\\"\\\\\\`\""},
		{"a\r\nb", "", "\"a\\r\nb\""},
		{"\xff", "", ""},
		{"a\x00", "", ""},
	}
	for _, tt := range tests {
		got, err := dotenv.Quote(tt.value)
		var bad *dotenv.QuoteError
		if got != tt.want || (err != nil) != (tt.want == "") || err != nil && !errors.As(err, &bad) {
			t.Errorf("Quote(%q) = %s, %v, want %s", tt.value, got, err, tt.want)
		}
		want := tt.anyway
		if want == "" {
			want = tt.want
		}
		got, err = dotenv.QuoteAny(tt.value)
		if got != want || (err != nil) != (want == "") || err != nil && !errors.As(err, &bad) {
			t.Errorf("QuoteAny(%q) = %s, %v, want %s", tt.value, got, err, want)
		}
	}
}

// values generates values with everything that some reader gives a meaning.
func values() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching("[ab'\"`\\\\$#!{}()=~ \t\n\r-]{0,8}"),
		rapid.StringMatching(`\$[a-z{(]|\\[nrt"'$]| #|#|it's.|export A=1|a\\`),
		rapid.String(),
	)
}

func TestQuoteRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := values().Draw(t, "value")
		for _, quote := range []func(string) (string, error){dotenv.Quote, dotenv.QuoteAny} {
			text, err := quote(want)
			if err != nil {
				continue
			}
			got, err := dotenv.Parse([]byte("A=1\nexport V=" + text + "\nB=2 # c\n"))
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if diff := cmp.Diff([]string{"A", "1", "V", want, "B", "2"}, flat(got)); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, in := range inputs {
		f.Add([]byte(in.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := dotenv.Parse(data)
		if err != nil {
			var bad *dotenv.ParseError
			if !errors.As(err, &bad) || entries != nil {
				t.Fatalf("%v, %v", flat(entries), err)
			}
			if n := 1 + strings.Count(string(data), "\n"); bad.Line < 1 || bad.Line > n {
				t.Fatalf("line %d of %d", bad.Line, n)
			}
			return
		}
		// What was read can be written and reads alike.
		var text strings.Builder
		for _, e := range entries {
			value, err := dotenv.QuoteAny(e.Value.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			text.WriteString(e.Name + "=" + value + "\n")
		}
		again, err := dotenv.Parse([]byte(text.String()))
		if err != nil {
			t.Fatalf("%q: %v", text.String(), err)
		}
		if diff := cmp.Diff(flat(entries), flat(again)); diff != "" {
			t.Fatal(diff)
		}
	})
}
