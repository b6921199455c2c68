package output_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/internal/exit"
	"github.com/keyhold/keyhold/internal/output"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	const warning = "keyhold: warning: no network: last synced an hour ago\n"
	const failure = "keyhold: no item \\x1b[2Jx\\nhint: rm\n"
	const jsonWarning = `{"warning":{"code":"offline","message":"no network: last synced an hour ago"}}` + "\n"
	const jsonFailure = `{"error":{"code":"not_found","exit":5,"message":"no item \u001b[2Jx\nhint: rm","hint":"keyhold ls \u202e","retryable":false}}` + "\n" +
		`{"error":{"code":"rate_limited","exit":9,"message":"slow down","retryable":true}}` + "\n"
	tests := []struct {
		name    string
		options output.MessageOptions
		want    string
	}{
		{"pipe", output.MessageOptions{}, warning + failure + "hint: keyhold ls \\u202e\nkeyhold: slow down\n"},
		{"terminal", output.MessageOptions{Terminal: true}, warning + "keyhold: synced\n" + failure + "hint: keyhold ls \\u202e\nkeyhold: slow down\n"},
		{"quiet", output.MessageOptions{Terminal: true, Quiet: true}, warning + failure + "keyhold: slow down\n"},
		{"json", output.MessageOptions{JSON: true}, jsonWarning + jsonFailure},
		{"json, quiet", output.MessageOptions{JSON: true, Terminal: true, Quiet: true}, jsonWarning + jsonFailure},
		{"json on a terminal", output.MessageOptions{JSON: true, Terminal: true}, jsonWarning + `{"notice":{"message":"synced"}}` + "\n" + jsonFailure},
		{"server", output.MessageOptions{Program: "keyhold-server", Quiet: true}, strings.ReplaceAll(warning+failure+"keyhold: slow down\n", "keyhold:", "keyhold-server:")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			m := output.NewMessages(&b, tt.options)
			m.Warn("offline", "no network: last synced an hour ago")
			m.Notice("synced")
			m.Fail("not_found", exit.NotFound, "no item \x1b[2Jx\nhint: rm", "keyhold ls \u202e", false)
			m.Fail("rate_limited", exit.Service, "slow down", "", true)
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestMessagesFromManyGoroutines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	m := output.NewMessages(&b, output.MessageOptions{JSON: true})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { m.Warn("offline", "bad \xff byte") })
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 50 {
		t.Errorf("%d lines, want 50", len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %q", line)
		}
	}
}
