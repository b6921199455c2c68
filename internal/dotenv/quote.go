package dotenv

import (
	"strings"
	"unicode/utf8"
)

// A QuoteError reports a value that a .env file cannot hold. It says nothing
// about what the value is.
type QuoteError struct{ Problem string }

func (e *QuoteError) Error() string { return "no .env file can hold the value: " + e.Problem }

// Quote returns value as it stands after NAME= to be read back alike by Parse,
// by node --env-file and by sh and bash sourcing the file. Where there is no
// such form the error is a *QuoteError; QuoteAny may have one that fewer
// readers understand.
//
// The text kh://… or {{ kh://… }} in a value is kept; to those who resolve
// references in what Parse returns, it is one again.
func Quote(value string) (string, error) {
	switch {
	case !utf8.ValidString(value):
		return "", &QuoteError{"it is not UTF-8"}
	case strings.Contains(value, "\x00"):
		return "", &QuoteError{"it has a NUL character"}
	case strings.Contains(value, "\r"):
		return "", &QuoteError{"it has a carriage return, which some readers drop"}
	case plain(value):
		return value, nil
	case !strings.Contains(value, "'"):
		return "'" + value + "'", nil
	case !strings.ContainsAny(value, "\"\\$`"):
		return `"` + value + `"`, nil
	}
	return "", &QuoteError{"it has a ' and also one of \" \\ $ `, which readers of .env files write in different ways"}
}

// QuoteAny is like Quote, but where Quote has no form returns one that Parse
// reads back and, if value has no carriage return, sh and bash. Only a value
// that is not UTF-8 or has a NUL character is a *QuoteError.
func QuoteAny(value string) (string, error) {
	quoted, err := Quote(value)
	if err == nil || !utf8.ValidString(value) || strings.Contains(value, "\x00") {
		return quoted, err
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`", "\r", `\r`).Replace(value) + `"`, nil
}

// plain reports whether value needs no quotes anywhere.
func plain(value string) bool {
	for _, c := range []byte(value) {
		if !nameStart(c) && strings.IndexByte("0123456789./:@%+,-", c) < 0 {
			return false
		}
	}
	return value != ""
}
