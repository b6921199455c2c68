package conformance

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/internal/seal"
)

type ed25519Group struct {
	PublicKey struct{ PK hexBytes }
	Tests     []ed25519Case
}

type ed25519Case struct {
	vector

	Msg, Sig hexBytes
}

func TestEd25519(t *testing.T) {
	t.Parallel()
	const file = "ed25519_test.json"
	var n tally
	for _, g := range load(t, file, func(g ed25519Group) int { return len(g.Tests) }) {
		key, err := seal.ParsePublicKey(g.PublicKey.PK)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			n.fit(t, c.vector)
			n.Seal++
			err := key.Verify(c.Msg, c.Sig)
			if c.Result == valid && err != nil {
				t.Errorf("%v: Verify: %v", c, err)
			}
			if c.Result != valid && !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("%v: Verify: error = %v, want ErrDamaged", c, err)
			}
		}
	}
	n.check(t, "Ed25519", file, tally{Valid: 88, Invalid: 63, Seal: 151})
}
