package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestModule(t *testing.T) {
	t.Parallel()
	for _, v := range check(read(t, root)) {
		t.Error(v)
	}
}

// TestRead makes sure that TestModule looks at something.
func TestRead(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range read(t, root) {
		names = append(names, s.name)
	}
	for _, want := range []string{"internal/secret/secret.go", "internal/archtest/doc.go", "internal/archtest/arch_test.go"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s was not read", want)
		}
	}
}

// read returns every Go file of the module below dir. Folders that the go
// command ignores and modules of their own are left out.
func read(t *testing.T, dir string) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != dir && skipped(p, d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		all = append(all, source{filepath.ToSlash(name), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func skipped(dir, base string) bool {
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
