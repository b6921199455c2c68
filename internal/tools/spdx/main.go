// Command spdx writes the software bill of materials of a Go binary, as an
// SPDX 2.3 document in JSON, from what the go command noted in the binary
// itself. The same binary and arguments give the same document.
//
//	spdx -version 1.2.3 -created 2026-01-02T03:04:05Z -o keyhold.spdx.json keyhold
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	var (
		b       build
		created string
		out     string
	)
	flag.StringVar(&b.version, "version", "", "`version` of the binary, which its build info does not know")
	flag.StringVar(&created, "created", "", "`time` of the document, RFC 3339: that of the commit, so that it can be made again")
	flag.StringVar(&out, "o", "", "`file` to write")
	flag.Parse()
	if flag.NArg() != 1 || b.version == "" || created == "" || out == "" {
		fmt.Fprintln(os.Stderr, "usage: spdx -version VERSION -created TIME -o FILE BINARY")
		os.Exit(2)
	}
	if err := run(b, flag.Arg(0), created, out); err != nil {
		fmt.Fprintln(os.Stderr, "spdx:", err)
		os.Exit(1)
	}
}

func run(b build, binary, created, out string) error {
	var err error
	if b.created, err = time.Parse(time.RFC3339, created); err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("read the build info of %s: %w", binary, err)
	}
	sum := sha256.Sum256(data)
	b.file, b.sha256, b.info = filepath.Base(binary), hex.EncodeToString(sum[:]), info
	b.name = strings.TrimSuffix(b.file, ".exe")

	text, err := json.MarshalIndent(b.document(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}
