package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the command tree says.
func TestCommitted(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the commands say: run make generate (%v)", name, err)
		}
	}
	for _, dir := range []string{"completions", "man"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ok := files[dir+"/"+e.Name()]; !ok {
				t.Errorf("%s/%s belongs to no command: run make generate", dir, e.Name())
			}
		}
	}
}
