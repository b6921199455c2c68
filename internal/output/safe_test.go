package output_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/output"
)

func TestSafe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, safe, lines, tsv string
	}{
		{"empty", "", "", "", ""},
		{"ascii", "mail/work #1", "mail/work #1", "mail/work #1", "mail/work #1"},
		{"letters", "Größe 日本語 עברית مرحبا é", "Größe 日本語 עברית مرحبا é", "Größe 日本語 עברית مرحبا é", "Größe 日本語 עברית مرحبا é"},
		{"backslash", `a\nb`, `a\nb`, `a\nb`, `a\\nb`},
		{"lines", "a\n\tb\r\n", `a\n\tb\r\n`, "a\n\tb" + `\r` + "\n", `a\n\tb\r\n`},
		{"escape", "\x1b[2Jx\x07\x00", `\x1b[2Jx\x07\x00`, `\x1b[2Jx\x07\x00`, `\x1b[2Jx\x07\x00`},
		{"delete", "a\x7fb", `a\x7fb`, `a\x7fb`, `a\x7fb`},
		{"c1", "a\u009b2J\u0085", `a\u009b2J\u0085`, `a\u009b2J\u0085`, `a\u009b2J\u0085`},
		{"bidi", "a\u202eb\u2066\u200f\u061c", `a\u202eb\u2066\u200f\u061c`, `a\u202eb\u2066\u200f\u061c`, "a\u202eb\u2066\u200f\u061c"},
		{"invisible", "a\u200bb\u00adc\ufeff\u2060\u3164\u034f", `a\u200bb\u00adc\ufeff\u2060\u3164\u034f`, `a\u200bb\u00adc\ufeff\u2060\u3164\u034f`, "a\u200bb\u00adc\ufeff\u2060\u3164\u034f"},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`, `a\u2028b\u2029`, "a\u2028b\u2029"},
		{"tags", "a\U000e0041", `a\U000e0041`, `a\U000e0041`, "a\U000e0041"},
		{"not utf-8", "a\xffb\xc3", `a\xffb\xc3`, `a\xffb\xc3`, `a\xffb\xc3`},
		{"replacement", "a\ufffd", "a\ufffd", "a\ufffd", "a\ufffd"},
		{"emoji", "👩‍💻 ❤️‍🔥 👍🏽", "👩‍💻 ❤️‍🔥 👍🏽", "👩‍💻 ❤️‍🔥 👍🏽", "👩‍💻 ❤️‍🔥 👍🏽"},
		{"joiner alone", "ma\u200dil 👩\u200dx x\ufe0f", `ma\u200dil 👩\u200dx x\ufe0f`, `ma\u200dil 👩\u200dx x\ufe0f`, "ma\u200dil 👩\u200dx x\ufe0f"},
		{"selector twice", "❤\ufe0f\ufe0f", "❤\ufe0f" + `\ufe0f`, "❤\ufe0f" + `\ufe0f`, "❤\ufe0f\ufe0f"},
		{"arabic number mark", "\u06dd1", "\u06dd1", "\u06dd1", "\u06dd1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for what, got := range map[string][2]string{
				"Safe":      {output.Safe(tt.in), tt.safe},
				"SafeLines": {output.SafeLines(tt.in), tt.lines},
				"EscapeTSV": {output.EscapeTSV(tt.in), tt.tsv},
			} {
				if got[0] != got[1] {
					t.Errorf("%s = %q, want %q", what, got[0], got[1])
				}
			}
			if got := unescape(t, tt.tsv); got != tt.in {
				t.Errorf("unescaped: %q, want %q", got, tt.in)
			}
		})
	}
}

func TestSafeAllocatesNothingForPlainText(t *testing.T) {
	for _, s := range []string{"mail/work", "Größe 日本語 👩‍💻"} {
		if n := testing.AllocsPerRun(100, func() { _ = output.Safe(s) }); n != 0 {
			t.Errorf("Safe(%q) allocates %v times", s, n)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"mail", "\x1b]0;x\x07", "a\u202eb", "👩‍💻\u200d", "❤\ufe0f\u200d🔥", "\xff\xc2\x9b", "\U000e0041\u2028\n\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		safe, lines := output.Safe(s), output.SafeLines(s)
		if !harmless(safe, "") {
			t.Errorf("Safe(%q) = %q", s, safe)
		}
		if !harmless(lines, "\n\t") {
			t.Errorf("SafeLines(%q) = %q", s, lines)
		}
		if again := output.Safe(safe); again != safe {
			t.Errorf("Safe twice: %q, then %q", safe, again)
		}
	})
}

func FuzzEscapeTSV(f *testing.F) {
	for _, s := range []string{"mail", `a\tb`, "a\tb\nc\r\\", "\x00\x7f\x80\xff", "\u0085\u009b\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		field := output.EscapeTSV(s)
		for _, r := range field {
			if r < ' ' || r >= 0x7f && r <= 0x9f {
				t.Errorf("EscapeTSV(%q) = %q", s, field)
			}
		}
		if got := unescape(t, field); got != s {
			t.Errorf("EscapeTSV(%q) = %q, back: %q", s, field, got)
		}
	})
}

// harmless is a list of its own, so that a gap in Safe's shows.
func harmless(s, allowed string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		switch {
		case strings.ContainsRune(allowed, r):
		case r < ' ', r >= 0x7f && r <= 0x9f, r == 0xad, r == 0x61c, r == 0x180e, r == 0x200b, r == 0x200c, r == 0x200e, r == 0x200f,
			r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
			return false
		}
	}
	return true
}

// unescape undoes the escapes of a TSV field.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for {
		text, rest, found := strings.Cut(s, `\`)
		b.WriteString(text)
		if !found {
			return b.String()
		}
		if rest == "" {
			t.Fatalf("%q ends in a backslash", s)
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[0]]
		if digits == 0 {
			c, ok := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\'}[rest[0]]
			if !ok {
				t.Fatalf("unknown escape in %q", s)
			}
			b.WriteByte(c)
			s = rest[1:]
			continue
		}
		n, err := strconv.ParseUint(rest[1:1+digits], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if digits == 2 {
			b.WriteByte(byte(n))
		} else {
			b.WriteRune(rune(n))
		}
		s = rest[1+digits:]
	}
}
