package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encodings calls add with every form in which the value v is looked for, some of
// them more than once. wraps says that line breaks may be between its characters.
func encodings(v []byte, add func(p []byte, wraps bool)) {
	add(v, false)
	addLines(v, add)
	addBase64(v, add)
	add(hex.AppendEncode(nil, v), true)
	add(bytes.ToUpper(hex.AppendEncode(nil, v)), true)
	if !plain(v) {
		addPercent(v, add)
		addJSON(v, add)
		addQuoted(v, add)
	}
}

// plain reports whether v is the same in every encoding but base64 and
// hexadecimal.
func plain(v []byte) bool {
	for _, c := range v {
		if !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// addLines adds what a value of several lines looks like: whole, with the line
// ends of a terminal or without them, and line by line.
func addLines(v []byte, add func([]byte, bool)) {
	if !bytes.ContainsAny(v, "\r\n") {
		return
	}
	lf, crlf := []byte("\n"), []byte("\r\n")
	bare := bytes.ReplaceAll(v, crlf, lf)
	add(bare, false)
	add(bytes.ReplaceAll(bare, lf, crlf), false)
	add(bytes.ReplaceAll(v, lf, crlf), false)
	for line := range bytes.FieldsFuncSeq(v, func(r rune) bool { return r == '\r' || r == '\n' }) {
		line = bytes.TrimSpace(line)
		if length(line) >= Shortest && !bytes.HasPrefix(line, []byte("-----")) {
			add(line, false)
		}
	}
}

// addBase64 adds the three forms that v has in base64, by the number of bytes
// before it: what v alone determines, and what ends with v.
func addBase64(v []byte, add func([]byte, bool)) {
	for before := range 3 {
		text := append(make([]byte, before, before+len(v)), v...)
		first := (8*before + 5) / 6 // the first letter without bits of what is before
		last := 8 * len(text) / 6   // the first one with bits of what is behind
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			p := enc.AppendEncode(nil, text)[first:]
			add(p[:last-first], true)
			add(bytes.TrimRight(p, "="), true)
			add(p, true)
		}
	}
}

// percentStyles are the characters besides letters and digits that are left as
// they are: of most libraries, of forms, of JavaScript, and of the parts of a
// URL; plus says that a space can be a plus sign.
var percentStyles = []struct {
	safe string
	plus bool
}{
	{"-_.~", true},
	{"-_.*", true},
	{"-_.~/", false},
	{"-_.!~*'()", true},
	{"-_.!~*'();/?:@&=+$,#", false},
	{"-_.~$&+=:@", false},
	{"-_.~$&+,;=", false},
	{"-_.~!$&'()*+,;=:@", false},
	{"-_.~!$&'()*+,;=:@/", false},
}

func addPercent(v []byte, add func([]byte, bool)) {
	for _, style := range percentStyles {
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			var p []byte
			for _, c := range v {
				if alphanumeric(c) || strings.IndexByte(style.safe, c) >= 0 {
					p = append(p, c)
				} else {
					p = append(p, '%', digits[c>>4], digits[c&15])
				}
			}
			add(p, false)
			if style.plus && bytes.IndexByte(v, ' ') >= 0 {
				add(bytes.ReplaceAll(p, []byte("%20"), []byte("+")), false)
			}
		}
	}
}

// A jsonStyle is how a library writes strings: which characters it escapes that
// it need not, and how.
type jsonStyle struct {
	escaped string // characters written as \uXXXX
	ascii   bool   // nothing but ASCII
	slash   bool   // \/
	upper   bool   // digits as capital letters
	long    bool   // \u0008 for \b, \u000c for \f
}

var jsonStyles = []jsonStyle{
	{},
	{long: true},
	{escaped: "<>&\u2028\u2029"}, // Go, Rails
	{escaped: "<>&\u2028\u2029", long: true},
	{escaped: "<>&='\u2028\u2029"}, // Gson
	{escaped: "\u007f"},
	{ascii: true}, // Python
	{ascii: true, upper: true},
	{slash: true},
	{slash: true, ascii: true}, // PHP
	{escaped: "<>&'\"+`\u007f", ascii: true, upper: true}, // .NET
	{escaped: "<>&'\"+`\u007f", upper: true},
}

func addJSON(v []byte, add func([]byte, bool)) {
	for _, style := range jsonStyles {
		var p []byte
		for rest := v; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				p = append(p, rest[0])
			} else {
				p = style.append(p, r)
			}
			rest = rest[size:]
		}
		add(p, false)
	}
}

func (s jsonStyle) append(p []byte, r rune) []byte {
	format := `\u%04x`
	if s.upper {
		format = `\u%04X`
	}
	short := strings.IndexRune("\"\\\n\r\t\b\f", r)
	switch {
	case strings.ContainsRune(s.escaped, r), s.long && (r == '\b' || r == '\f'):
		return fmt.Appendf(p, format, r)
	case short >= 0:
		return append(p, '\\', `"\nrtbf`[short])
	case r == '/' && s.slash:
		return append(p, '\\', '/')
	case r < ' ':
		return fmt.Appendf(p, format, r)
	case s.ascii && r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(p, format+format, high, low)
	case s.ascii && r >= utf8.RuneSelf:
		return fmt.Appendf(p, format, r)
	}
	return utf8.AppendRune(p, r)
}

// quotings are what becomes of special characters inside quotes: in a shell,
// in CSV and SQL, in HTML and XML.
var quotings = []*strings.Replacer{
	strings.NewReplacer(`'`, `'\''`),
	strings.NewReplacer(`'`, `'"'"'`),
	strings.NewReplacer(`'`, `''`),
	strings.NewReplacer(`"`, `""`),
	strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`"),
	strings.NewReplacer(`\`, `\\`, `'`, `\'`),
	strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`),
	strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`),
	strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`),
	strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&#34;`, `'`, `&#39;`),
	strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`, `'`, `&#39;`),
	strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`, `'`, `&#x27;`),
	strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`, `'`, `&apos;`),
}

// backslashed are what the %q of a shell's printf puts a backslash before.
const backslashed = " !\"#$&'()*,;<>?[\\]^`{|}~"

func addQuoted(v []byte, add func([]byte, bool)) {
	for _, q := range quotings {
		add([]byte(q.Replace(string(v))), false)
	}
	var p []byte
	for _, c := range v {
		if strings.IndexByte(backslashed, c) >= 0 {
			p = append(p, '\\')
		}
		p = append(p, c)
	}
	add(p, false)
	add(bytes.ReplaceAll(p, []byte(`\~`), []byte("~")), false)
}
