package output_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/keyhold/keyhold/internal/output"
)

// FuzzDocuments checks that any text comes back from JSON and YAML, and that
// neither has anything in it that deceives a terminal.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{"mail", "yes", "No", "0x1f", "1:20", "2026-01-01", "~", "null", "<<", "- a", "a: b", "a #b", " a", "a ", "a\n b\n\n",
		"\n x", "\u202e", "\u2028\u0085", "\ufeff", "👩‍💻", "\xff", "<&>", "\U000e0041", "---\na", "a\r\nb", "%x", "\ufffe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := map[string]any{"value": string([]rune(s)), "list": []any{string([]rune(s))}}
		o := output.Object{{"value", s}, {"list", []string{s}}}
		for format, decode := range map[output.Format]func([]byte, any) error{
			output.JSON: json.Unmarshal,
			output.YAML: yaml.Unmarshal,
		} {
			var b bytes.Buffer
			if err := output.New(&b, output.Options{Format: format}).Object(o); err != nil {
				t.Fatal(err)
			}
			if !harmless(b.String(), "\n") {
				t.Errorf("%s: %q", format, b.String())
			}
			var got map[string]any
			if err := decode(b.Bytes(), &got); err != nil {
				t.Fatalf("%s: %v in %q", format, err, b.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %q: -want +got\n%s", format, b.String(), diff)
			}
		}
	})
}
