package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	kindText kind = iota
	kindProfile
	kindWord
	kindURL
	kindEmail
	kindDuration
	kindList
	kindChoice
	kindBool
	kindCount
)

const (
	maxText        = 4096
	badProfileName = "is no name of a profile: 1 to 64 of a-z 0-9 . _ -, the first a letter or digit"
)

// Check returns value as a Value of this setting has it, or says why the
// setting cannot have it.
func (k Key) Check(value string) (string, error) {
	if err := checkText(value); err != nil {
		return "", err
	}
	switch k.kind {
	case kindText:
		if k.Name == "key" && strings.HasPrefix(value, "unkey_") {
			return "", fmt.Errorf("this is a root key; it names the account and never holds a secret")
		}
	case kindProfile:
		if !IsProfileName(value) && !IsProfileFile(value) {
			return "", fmt.Errorf("%s %s", printable(value), badProfileName)
		}
	case kindWord:
		if !isWord(value) {
			return "", fmt.Errorf("%s has other characters than a-z 0-9 _ -", printable(value))
		}
	case kindURL:
		return value, checkURL(value)
	case kindEmail:
		if at := strings.LastIndexByte(value, '@'); at < 1 || at == len(value)-1 || strings.ContainsAny(value, " \t") {
			return "", fmt.Errorf("%s is no e-mail address", printable(value))
		}
	case kindDuration:
		if d, err := time.ParseDuration(value); err != nil || d <= 0 {
			return "", fmt.Errorf("%s is no duration above 0, like 90s, 15m or 1h30m", printable(value))
		}
	case kindList:
		return checkList(strings.Split(value, ","))
	case kindChoice:
		if !slices.Contains(k.Choices, value) {
			return "", fmt.Errorf("%s is not one of %s", printable(value), strings.Join(k.Choices, ", "))
		}
	case kindBool:
		return checkBool(value)
	case kindCount:
		return k.checkCount(value)
	}
	return value, nil
}

// checkFile is Check for a value in the file, where a profile is always a name.
func (k Key) checkFile(value string) (string, error) {
	if k.kind == kindProfile && IsProfileFile(value) {
		return "", fmt.Errorf("%s %s", printable(value), badProfileName)
	}
	return k.Check(value)
}

// checkText refuses what no setting can be, and what would not come back from
// the file as it went in.
func checkText(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("it is empty")
	case len(s) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	case !utf8.ValidString(s):
		return fmt.Errorf("it is not UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || r == '\ufeff' || r >= 0xfffe && r&0xfffe == 0xfffe
	}):
		return fmt.Errorf("it has control characters")
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("it is no address like https://host/api")
	case u.User != nil:
		return fmt.Errorf("an address has no user and no password in it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return fmt.Errorf("the address of a service has no ? and no #")
	}
	return nil
}

func checkList(words []string) (string, error) {
	for i, word := range words {
		words[i] = strings.TrimSpace(word)
		if !isWord(words[i]) {
			return "", fmt.Errorf("%s has other characters than a-z 0-9 _ -", printable(words[i]))
		}
		if slices.Contains(words[:i], words[i]) {
			return "", fmt.Errorf("%s is there twice", words[i])
		}
	}
	return strings.Join(words, ","), nil
}

func checkBool(s string) (string, error) {
	switch strings.ToLower(s) {
	case "1", "true", "yes":
		return "true", nil
	case "0", "false", "no":
		return "false", nil
	}
	return "", fmt.Errorf("%s is not one of 1, true, yes, 0, false, no", printable(s))
}

// checkCount takes a number; a count of -v is also a boolean, and stops at 9.
func (k Key) checkCount(s string) (string, error) {
	if strings.Trim(s, "0123456789") == "" && len(s) <= 9 {
		s = strings.TrimLeft(s[:len(s)-1], "0") + s[len(s)-1:]
		if k.Name == "verbose" && len(s) > 1 {
			s = "9"
		}
		return s, nil
	}
	if k.Name == "verbose" {
		if b, err := checkBool(s); err == nil {
			return map[string]string{"true": "1", "false": "0"}[b], nil
		}
		return "", fmt.Errorf("%s is neither a number nor one of true, yes, false, no", printable(s))
	}
	return "", fmt.Errorf("%s is no number", printable(s))
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func isWord(s string) bool {
	for i := range len(s) {
		if !isLower(s[i]) && (i == 0 || s[i] != '-' && s[i] != '_') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// IsProfileName reports whether a profile may have this name.
func IsProfileName(s string) bool {
	for i := range len(s) {
		if !isLower(s[i]) && (i == 0 || strings.IndexByte("._-", s[i]) < 0) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// IsProfileFile reports whether s, which was given as a profile, is the path of
// a file that holds one: it has a separator in it, as ./ci.yaml does.
func IsProfileFile(s string) bool { return strings.ContainsAny(s, `/\`) }

// isSecretName reports whether a key that means nothing to keyhold would hold
// a secret, by its name.
func isSecretName(s string) bool {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-. ", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	switch s {
	case "pw", "pass", "pwd", "pin", "otp", "totp", "seed", "mnemonic":
		return true
	}
	for _, part := range [...]string{
		"password", "passwd", "passphrase", "secret", "token", "credential",
		"apikey", "privatekey", "rootkey", "accesskey", "sessionkey", "masterkey", "vaultkey",
	} {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
