package client_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/keyhold/keyhold/pkg/client"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	s := client.NewSecret(canary)
	type hidden struct {
		Open   client.Secret
		closed client.Secret
	}
	for _, v := range []any{s, &s, []client.Secret{s}, map[string]client.Secret{"a": s}, hidden{s, s}, &hidden{s, s}, client.Request{Body: s}} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		out := log.String()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			out += fmt.Sprintf(verb, v)
		}
		j, _ := json.Marshal(v)
		j2, _ := jsonv2.Marshal(v)
		x, _ := xml.Marshal(v)
		out += string(j) + string(j2) + string(x)
		if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
			t.Errorf("%T prints the secret:\n%s", v, out)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	a, b, zero := client.NewSecret("a"), client.NewSecret("b"), client.Secret{}
	if a.Reveal() != "a" || zero.Reveal() != "" || !zero.IsZero() || a.IsZero() || !client.NewSecret("").IsZero() {
		t.Error("Reveal or IsZero is wrong")
	}
	if !a.Equal(client.NewSecret("a")) || a.Equal(b) || a.Equal(zero) || !zero.Equal(client.Secret{}) {
		t.Error("Equal is wrong")
	}
}

// TestSecretsTravel sends a secret in a body and reads one from the answer.
func TestSecretsTravel(t *testing.T) {
	t.Parallel()
	var got string
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		got = b.String()
		answer(http.StatusOK, "application/json", `{"token":"new","none":null}`)(w, r)
	})
	body := struct {
		Token client.Secret `json:"token"`
		Empty client.Secret `json:"empty,omitzero"`
	}{Token: client.NewSecret(canary)}
	var out struct {
		Token client.Secret `json:"token"`
		None  client.Secret `json:"none"`
	}
	if err := c.Do(t.Context(), client.Request{Method: http.MethodPost, Body: body}, &out); err != nil {
		t.Fatal(err)
	}
	if want := `{"token":"` + canary + `"}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if out.Token.Reveal() != "new" || !out.None.IsZero() {
		t.Errorf("read %q and %q", out.Token.Reveal(), out.None.Reveal())
	}
}
