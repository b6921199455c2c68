package otp_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyhold/keyhold/internal/otp"
	"github.com/keyhold/keyhold/internal/secret"
)

// seedOf is the seed of RFC 6238, appendix B, as long as the hash.
func seedOf(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		unix                 int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		for _, tt := range []struct {
			algorithm otp.Algorithm
			seed      []byte
			want      string
		}{{otp.SHA1, seedOf(20), v.sha1}, {otp.SHA256, seedOf(32), v.sha256}, {otp.SHA512, seedOf(64), v.sha512}} {
			for digits := 6; digits <= 8; digits++ {
				url := fmt.Sprintf("otpauth://totp/x?secret=%s&algorithm=%s&digits=%d", base32.StdEncoding.EncodeToString(tt.seed), tt.algorithm, digits)
				k, err := otp.Parse(secret.TextOf(url))
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := k.Code(time.Unix(v.unix, 0)); got != tt.want[8-digits:] {
					t.Errorf("%s, %d digits at %d: %s, want %s", tt.algorithm, digits, v.unix, got, tt.want[8-digits:])
				}
			}
		}
	}
}

func TestValidFor(t *testing.T) {
	t.Parallel()
	k := otp.Key{Secret: secret.Of(seedOf(20)), Digits: 8}
	for _, tt := range []struct {
		period time.Duration
		at     time.Time
		want   time.Duration
	}{
		{0, time.Unix(59, 0), time.Second},
		{0, time.Unix(60, 0), 30 * time.Second},
		{0, time.Unix(60, 1), 30*time.Second - 1},
		{0, time.Unix(89, 999_999_999), 1},
		{0, time.Unix(-1, 0), time.Second},
		{0, time.Unix(-30, 0), 30 * time.Second},
		{0, time.Unix(-31, 5e8), 500 * time.Millisecond},
		{time.Second, time.Unix(7, 25e7), 750 * time.Millisecond},
		{7 * time.Second, time.Unix(13, 0), time.Second},
		{time.Hour, time.Unix(3601, 0), 3599 * time.Second},
	} {
		k.Period = tt.period
		code, got := k.Code(tt.at)
		if got != tt.want {
			t.Errorf("period %v at %v: valid for %v, want %v", tt.period, tt.at, got, tt.want)
		}
		if last, _ := k.Code(tt.at.Add(got - 1)); last != code {
			t.Errorf("period %v at %v: another code before its end", tt.period, tt.at)
		}
		if next, _ := k.Code(tt.at.Add(got)); next == code {
			t.Errorf("period %v at %v: the same code after its end", tt.period, tt.at)
		}
	}
	// The same count at another period is the same code.
	k.Period = 60 * time.Second
	if got, _ := k.Code(time.Unix(119, 0)); got != "94287082" {
		t.Errorf("code = %s", got)
	}
}

func TestUsual(t *testing.T) {
	t.Parallel()
	k := otp.Key{Secret: secret.Of(seedOf(20))}
	if code, left := k.Code(time.Unix(59, 0)); code != "287082" || left != time.Second {
		t.Errorf("code %s for %v", code, left)
	}
}

const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestParse(t *testing.T) {
	t.Parallel()
	usual := otp.Key{Algorithm: otp.SHA1, Digits: 6, Period: 30 * time.Second}
	named := func(issuer, account string) otp.Key {
		k := usual
		k.Issuer, k.Account = issuer, account
		return k
	}
	for _, tt := range []struct {
		text string
		want otp.Key
	}{
		{seed, usual},
		{strings.ToLower(seed), usual},
		{" gezd gnbv gy3t qojq GEZD-GNBV-GY3T-QOJQ\n", usual},
		{seed + "==", usual},
		{"otpauth://totp/?secret=" + seed, usual},
		{"otpauth://totp?secret=" + seed, usual},
		{"OTPAUTH://TOTP/a?secret=" + seed, named("", "a")},
		{"otpauth://totp/a@b.c?secret=gezd+gnbv%20gy3t-qojqgezdgnbvgy3tqojq%3D", named("", "a@b.c")},
		{"otpauth://totp/ACME%20Co:a%3Ab?secret=" + seed, named("ACME Co", "a:b")},
		{"otpauth://totp/ACME:%20a?secret=" + seed + "&issuer=Acme+Inc", named("Acme Inc", "a")},
		{"otpauth://totp/ACME%3Aa?secret=" + seed + "&image=x&foo", named("ACME", "a")},
		{"otpauth://totp/a?issuer=&digits=&period=&algorithm=&secret=" + seed, named("", "a")},
		{
			"otpauth://totp/a?algorithm=sha-256&digits=8&period=86400&secret=" + seed,
			otp.Key{Algorithm: otp.SHA256, Digits: 8, Period: 24 * time.Hour, Account: "a"},
		},
		{
			"otpauth://totp/a?algorithm=HmacSHA512&digits=7&period=1&secret=" + seed,
			otp.Key{Algorithm: otp.SHA512, Digits: 7, Period: time.Second, Account: "a"},
		},
	} {
		got, err := otp.Parse(secret.TextOf(tt.text))
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if string(got.Secret.Reveal()) != string(seedOf(20)) {
			t.Errorf("%q: another seed", tt.text)
		}
		want := fmt.Sprintf("%+v", tt.want)
		if got := fmt.Sprintf("%+v", got); got != want {
			t.Errorf("%q:\n%s, want\n%s", tt.text, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, problem string
		foreign       bool
	}{
		{"", "empty", false},
		{" - = ", "empty", false},
		{"CANARY1", "character 7", false},
		{"CANARY0X", "character 7", false},
		{"CANARYÄ", "character 7", false},
		{"CANARYſ", "character 7", false},
		{"CANARY==A", "character 7", false},
		{"CANARYAAA", "never 9 long", false},
		{"CAN", "never 3 long", false},
		{"A", "never 1 long", false},
		{"CANARY", "never 6 long", false},
		{"otpauth://hotp/a?counter=1&secret=CANARYAA", "count (hotp)", true},
		{"otpauth://steam/a?secret=CANARYAA", "Steam", true},
		{"otpauth://totp/Steam:a?secret=CANARYAA&issuer=Steam", "Steam", true},
		{"otpauth://totp/a?secret=CANARYAA&encoder=steam", "Steam", true},
		{"otpauth://totp/a?secret=CANARYAA&encoder=other", "encoder", true},
		{"steam://CANARYAA", "Steam", true},
		{"otpauth-migration://offline?data=CANARYAA", "several accounts", true},
		{"https://CANARYAA", "only those", false},
		{"otpauth://yotp/a?secret=CANARYAA", "no known type", false},
		{"otpauth://totp/CANARY", "empty", false},
		{"otpauth://totp/a?secret=", "empty", false},
		{"otpauth://totp/a?secret=CANARY1A", "character 7", false},
		{"otpauth://totp/a?secret=CANARYAA&secret=CANARYAB", "more than one secret", false},
		{"otpauth://totp/a?secret=CANARYAA&algorithm=MD5", "algorithm is", false},
		{"otpauth://totp/a?secret=CANARYAA&digits=5", "digits is", false},
		{"otpauth://totp/a?secret=CANARYAA&digits=9", "digits is", false},
		{"otpauth://totp/a?secret=CANARYAA&digits=six", "digits is", false},
		{"otpauth://totp/a?secret=CANARYAA&period=0", "period is", false},
		{"otpauth://totp/a?secret=CANARYAA&period=-30", "period is", false},
		{"otpauth://totp/a?secret=CANARYAA&period=86401", "period is", false},
		{"otpauth://totp/a?secret=CANARYAA&period=99999999999999999999", "period is", false},
		{"otpauth://totp/%zz?secret=CANARYAA", "malformed", false},
		{"otpauth://totp/a?secret=CANARY%A", "malformed", false},
		{"otpauth://totp/a?secret=CANARYAA;digits=8", "malformed", false},
		{"otpauth://to\x00tp/a?secret=CANARYAA", "malformed", false},
	} {
		k, err := otp.Parse(secret.TextOf(tt.text))
		var bad *otp.SeedError
		if !errors.As(err, &bad) || k.Secret.Len() > 0 {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if !strings.Contains(bad.Problem, tt.problem) || strings.Contains(err.Error(), "CANARY") || errors.Is(err, errors.ErrUnsupported) != tt.foreign {
			t.Errorf("%q: %v, want about %q", tt.text, err, tt.problem)
		}
	}
}

// Every seed is read back from base32, however it is spaced and padded.
func TestSeedRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 1, 70).Draw(t, "seed")
		text := base32.StdEncoding.EncodeToString(want)
		if rapid.Bool().Draw(t, "bare") {
			text = strings.TrimRight(text, "=")
		}
		if rapid.Bool().Draw(t, "lower") {
			text = strings.ToLower(text)
		}
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		text = text[:at] + rapid.SampledFrom([]string{"", " ", "-", " - "}).Draw(t, "gap") + text[at:]
		k, err := otp.Parse(secret.TextOf(text))
		if err != nil || string(k.Secret.Reveal()) != string(want) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{seed, "otpauth://totp/A:b?secret=" + seed + "&digits=8&period=60&algorithm=SHA512&issuer=A", "steam://A", "otpauth://", "://"} {
		f.Add(s, int64(59))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		k, err := otp.Parse(secret.TextOf(s))
		if err != nil {
			var bad *otp.SeedError
			if !errors.As(err, &bad) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		code, left := k.Code(time.Unix(unix, 0))
		if len(code) != k.Digits || strings.Trim(code, "0123456789") != "" || left <= 0 || left > k.Period || k.Secret.Len() == 0 {
			t.Fatalf("%+v: %q for %v", k, code, left)
		}
	})
}
