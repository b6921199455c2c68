package ref

import "unicode/utf8"

// errBackslash is for a backslash that would take the first character of a value.
func errBackslash(p Piece) error {
	return &TemplateError{Line: p.Line, Problem: "a backslash stands right before the placeholder"}
}

// jsonSpots tells only between inside and outside of strings, so that formats
// close to JSON do as well. No string goes past the end of a line.
func jsonSpots(pieces []Piece) ([]spot, error) {
	spots := make([]spot, len(pieces))
	inside, escaped := false, false
	for i, p := range pieces {
		switch {
		case !p.Placeholder():
			inside, escaped = jsonText(p.Text, inside, escaped)
		case escaped:
			return nil, errBackslash(p)
		case inside:
			spots[i].kind = double
		default:
			spots[i].kind = whole
		}
	}
	return spots, nil
}

// jsonText reports whether the end of text is inside a string, and after a
// backslash there, from what was so at its beginning.
func jsonText(text string, inside, escaped bool) (insideAfter, escapedAfter bool) {
	for _, c := range []byte(text) {
		switch {
		case c == '\n':
			inside, escaped = false, false
		case escaped:
			escaped = false
		case c == '\\':
			escaped = inside
		case c == '"':
			inside = !inside
		}
	}
	return inside, escaped
}

func encodeJSON(s spot, value string) (text, problem string) {
	if !utf8.ValidString(value) {
		return "", notUTF8
	}
	text = string(jsonEscape([]byte(value)))
	if s.kind == whole {
		text = `"` + text + `"`
	}
	return text, ""
}
