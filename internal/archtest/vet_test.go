package archtest

import (
	"os"
	"os/exec"
	"testing"
)

// TestVet builds and vets the module for the systems that this one is not.
func TestVet(t *testing.T) {
	if testing.Short() {
		t.Skip("vetting for other systems takes long")
	}
	t.Parallel()
	for _, target := range []struct{ os, arch string }{
		{"darwin", "amd64"},
		{"darwin", "arm64"},
		{"windows", "amd64"},
	} {
		// One after the other: each uses every core.
		t.Run(target.os+"-"+target.arch, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "vet", "./...")
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "GOOS="+target.os, "GOARCH="+target.arch, "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("go vet ./...: %v\n%s", err, out)
			}
		})
	}
}
