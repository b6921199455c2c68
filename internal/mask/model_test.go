package mask

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A model masks by what the package promises, without any automaton.
type model struct {
	patterns map[string]bool // and whether they wrap
}

func newModel(values [][]byte) *model {
	m := &model{map[string]bool{}}
	for _, v := range values {
		v = bytes.TrimSpace(v)
		if length(v) < Shortest {
			continue
		}
		encodings(v, func(p []byte, wraps bool) {
			if len(p) >= Shortest {
				m.patterns[string(p)] = m.patterns[string(p)] || wraps
			}
		})
	}
	return m
}

func (m *model) mask(data []byte) []byte { return emit(data, m.marks(data)) }

func (m *model) marks(data []byte) []mark {
	marks := make([]mark, len(data))
	var all, text, wrapped []int // places in data
	var e escape
	for i, c := range data {
		var part bool
		e, part = e.next(c)
		all = append(all, i)
		if part {
			marks[i] |= escaped
			continue
		}
		text = append(text, i)
		if !breaks(c) {
			wrapped = append(wrapped, i)
		}
	}
	m.hide(data, marks, all, false)
	m.hide(data, marks, text, false)
	m.hide(data, marks, wrapped, true)
	return marks
}

func emit(data []byte, marks []mark) (out []byte) {
	inside := false
	for i, c := range data {
		switch {
		case marks[i]&hidden == 0:
			out = append(out, c)
			inside = inside && marks[i]&escaped != 0
		case marks[i]&joined == 0 || !inside:
			out = append(out, Hidden...)
			inside = true
		}
	}
	return out
}

func (m *model) hide(data []byte, marks []mark, places []int, onlyWrapping bool) {
	text := make([]byte, len(places))
	for i, at := range places {
		text[i] = data[at]
	}
	for p, wraps := range m.patterns {
		if onlyWrapping && !wraps {
			continue
		}
		for i := range text {
			if !bytes.HasPrefix(text[i:], []byte(p)) {
				continue
			}
			for k, at := range places[i : i+len(p)] {
				marks[at] |= hidden
				if k > 0 {
					marks[at] |= joined
				}
			}
		}
	}
}

// draw returns values and a text that is mostly made of them and of what is
// special.
func draw(t *rapid.T) (values [][]byte, text []byte) {
	letters := rapid.SampledFrom([][]byte{[]byte("ab"), []byte("ab\n"), []byte("a1m[\x1b;"), []byte("abcdefgh \"'<é\xff/+"), []byte("\r\na2")}).Draw(t, "letters")
	values = rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom(letters), 1, 14), 1, 4).Draw(t, "values")
	m := newModel(values)
	var patterns [][]byte
	for p := range m.patterns {
		patterns = append(patterns, []byte(p))
	}
	slices.SortFunc(patterns, bytes.Compare)
	if len(patterns) == 0 {
		patterns = [][]byte{[]byte("x")}
	}
	between := rapid.SampledFrom([]string{"", "\n", "\r\n", "\x1b[1m", "\x1b[", "\x1b]0;ab\a", "\x1b]", "\x1b(B", "\x1b\n", "\a", "\x1b]aaaa\x1b\\", "a", "ab"})
	for range rapid.IntRange(0, 6).Draw(t, "pieces") {
		p := rapid.SampledFrom(patterns).Draw(t, "pattern")
		p = p[:rapid.IntRange(0, len(p)).Draw(t, "length")]
		if rapid.Bool().Draw(t, "broken") {
			at := rapid.IntRange(0, len(p)).Draw(t, "at")
			text = append(text, p[:at]...)
			text = append(text, between.Draw(t, "between")...)
			p = p[at:]
		}
		text = append(text, p...)
		text = append(text, between.Draw(t, "after")...)
		text = append(text, rapid.SliceOfN(rapid.SampledFrom(letters), 0, 12).Draw(t, "noise")...)
	}
	return values, text
}

// TestModel compares with the model, however the text is cut.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values, text := draw(t)
		want := newModel(values).mask(text)
		var out bytes.Buffer
		w := New(values).Writer(&out)
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("values %q:\n%q became\n%q, want\n%q", values, text, out.Bytes(), want)
		}
	})
}

// TestPauses has pauses anywhere: of a value they let at most the first three
// characters go, and they change nothing else.
func TestPauses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values, text := draw(t)
		marks := newModel(values).marks(text)
		left := released // characters that may still be let go, of what is hidden in one piece
		var out bytes.Buffer
		w := New(values).Writer(&out)
		for i := range text {
			if _, err := w.Write(text[i : i+1]); err != nil {
				t.Fatal(err)
			}
			if !rapid.Bool().Draw(t, "pause") {
				continue
			}
			from := i + 1 - len(w.held)
			decided := slices.Clone(w.scan.marks[:len(w.held)])
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			for k := from; k < i+1-len(w.held); k++ {
				if marks[k]&hidden == 0 || decided[k-from]&hidden != 0 {
					continue
				}
				if marks[k]&joined == 0 {
					left = released
				}
				if left--; left < 0 {
					t.Fatalf("values %q: of %q too much was let go at %d", values, text, k)
				}
				marks[k] &^= hidden
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if want := emit(text, marks); !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("values %q:\n%q became\n%q, want\n%q", values, text, out.Bytes(), want)
		}
	})
}

func FuzzWriter(f *testing.F) {
	f.Add([]byte("secret-1"), []byte("a secret-1 b"), uint8(3))
	f.Add([]byte("a\nbcdefg"), []byte("a\r\nbcd\x1b[1mefg"), uint8(1))
	f.Add([]byte("\"quoted\""), []byte(`\"quo\nted\"`), uint8(0))
	f.Add([]byte("aaaaaaaa"), []byte("YWFhYWFh\nYWE="), uint8(7))
	f.Fuzz(func(t *testing.T, value, text []byte, n uint8) {
		values := [][]byte{value}
		var out bytes.Buffer
		w := New(values).Writer(&out)
		for rest := text; len(rest) > 0; {
			n := min(int(n)+1, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if want := newModel(values).mask(text); !bytes.Equal(out.Bytes(), want) {
			t.Errorf("value %q:\n%q became\n%q, want\n%q", value, text, out.Bytes(), want)
		}
	})
}
