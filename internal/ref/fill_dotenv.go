package ref

import (
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/dotenv"
)

// fillDotenv lets the reader of .env files find out where the placeholders are,
// and in the end whether the filled template says what it should.
func (f filler) fillDotenv() ([]byte, error) {
	marked, words := f.marks()
	before, err := dotenv.Parse([]byte(marked))
	if err != nil {
		return nil, fmt.Errorf("the template is no .env file: %w", err)
	}
	spots := make([]spot, len(f.pieces))
	for _, e := range before {
		if i := wordIn(e.Name, words); i >= 0 {
			return nil, &TemplateError{Line: f.pieces[i].Line, Problem: "a placeholder cannot be part of a name"}
		}
		for i, word := range words {
			if word != "" && strings.Contains(e.Value.Reveal(), word) {
				spots[i] = dotenvSpot(e, word)
			}
		}
	}
	out, err := f.fill(spots, encodeDotenv)
	if err != nil {
		return nil, err
	}
	if err := f.checkDotenv(before, out, words); err != nil {
		return nil, err
	}
	return out, nil
}

func dotenvSpot(e dotenv.Entry, word string) spot {
	switch {
	case e.Quote == '"':
		return spot{kind: double}
	case e.Quote == '\'':
		return spot{kind: single}
	case e.Quote == '`':
		return spot{kind: backtick}
	case e.Value.Reveal() == word:
		return spot{kind: whole}
	}
	return spot{kind: part}
}

func encodeDotenv(s spot, value string) (text, problem string) {
	quoted, err := dotenv.QuoteAny(value)
	if err != nil {
		return "", err.Error()
	}
	const other = "; put the placeholder in double quotes"
	switch s.kind {
	case comment:
		return encodeComment(value)
	case whole:
		return quoted, ""
	case double:
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`", "\r", `\r`).Replace(value), ""
	case single:
		if strings.ContainsAny(value, "'\r") {
			return "", "it has a ' or a carriage return" + other
		}
	case backtick:
		if strings.ContainsAny(value, "`\r") {
			return "", "it has a ` or a carriage return" + other
		}
	default:
		if value != "" && quoted != value {
			return "", "it cannot stand inside of text without quotes; put double quotes around all of it"
		}
	}
	return value, ""
}

// checkDotenv compares what the filled template says with what it should say.
func (f filler) checkDotenv(before []dotenv.Entry, filled []byte, words []string) error {
	after, err := dotenv.Parse(filled)
	same := err == nil && len(before) == len(after)
	values := f.unmarker(words)
	for i := 0; same && i < len(before); i++ {
		same = before[i].Name == after[i].Name && after[i].Value.Reveal() == values.Replace(before[i].Value.Reveal())
	}
	if !same {
		return &ValueError{Problem: "a value would change what else the template says; put the placeholders in double quotes"}
	}
	return nil
}
