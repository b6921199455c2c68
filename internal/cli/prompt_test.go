//go:build unix

package cli_test

import "testing"

// Ctrl-D at a question is a no: status 3.
func TestPrompt_endOfInput(t *testing.T) {
	t.Parallel()
	for question, args := range map[string][]string{
		"API token of Cloudflare: ": {"login", "store", "--url", "http://127.0.0.1:1/client/v4"},
		"Address of the service":    {"login", "vault"},
		"password of mail: ":        {"put", "mail", "--password-file", passwordFile(t)},
	} {
		t.Run(args[0]+" "+args[1], func(t *testing.T) {
			t.Parallel()
			cmd := newHome(t, "KEYHOLD_KEYRING=file").command(args...)
			term := startOnTerminal(t, cmd)
			term.expect(t, question)
			term.send(t, "\x04")
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
				t.Errorf("status %d, %v: %s", cmd.ProcessState.ExitCode(), err, term.seen)
			}
		})
	}
}
