package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

var sample = build{
	name: "keyhold", version: "1.2.3", file: "keyhold.exe", sha256: strings.Repeat("ab", 32),
	created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)),
	info: &debug.BuildInfo{
		GoVersion: "go1.26.8 X:someexperiment",
		Path:      "example.com/Keyhold/cmd/keyhold",
		Main:      debug.Module{Path: "example.com/Keyhold", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "example.com/Up/v2", Version: "v2.0.0+incompatible", Sum: "h1:abc="},
			{Path: "example.com/a/b-c", Version: "v1.0.0"},
			{Path: "example.com/a/b/c", Version: "v1.0.0"},
			{
				Path: "example.com/forked", Version: "v1.0.0",
				Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1", Sum: "h1:def="},
			},
			{Path: "example.com/local", Version: "v1.0.0", Replace: &debug.Module{Path: "../local"}},
		},
		Settings: []debug.BuildSetting{{Key: "GOOS", Value: "windows"}, {Key: "GOARCH", Value: "arm64"}},
	},
}

func TestDocument(t *testing.T) {
	t.Parallel()
	d := sample.document()
	checkValid(t, d)
	if want := "keyhold_1.2.3_windows_arm64"; d.Name != want {
		t.Errorf("name %s, want %s", d.Name, want)
	}
	if want := "2026-01-02T02:04:05Z"; d.CreationInfo.Created != want {
		t.Errorf("created %s, want %s", d.CreationInfo.Created, want)
	}
	want := []struct{ name, version, purl, comment string }{
		{"keyhold", "1.2.3", "pkg:golang/example.com/keyhold@v1.2.3", "command example.com/Keyhold/cmd/keyhold, built with go1.26.8"},
		{"stdlib", "1.26.8", "pkg:golang/stdlib@1.26.8", ""},
		{"example.com/Up/v2", "v2.0.0+incompatible", "pkg:golang/example.com/up/v2@v2.0.0%2Bincompatible", "go.sum h1:abc="},
		{"example.com/a/b-c", "v1.0.0", "pkg:golang/example.com/a/b-c@v1.0.0", ""},
		{"example.com/a/b/c", "v1.0.0", "pkg:golang/example.com/a/b/c@v1.0.0", ""},
		{"example.com/fork", "v1.0.1", "pkg:golang/example.com/fork@v1.0.1", "in place of example.com/forked v1.0.0; go.sum h1:def="},
		{"example.com/local", "", "pkg:golang/example.com/local", "replaced by a folder"},
	}
	if len(d.Packages) != len(want) {
		t.Fatalf("%d packages, want %d", len(d.Packages), len(want))
	}
	for i, w := range want {
		p := d.Packages[i]
		if p.Name != w.name || p.Version != w.version || p.ExternalRefs[0].Locator != w.purl || p.Comment != w.comment {
			t.Errorf("package %d: %+v\nwant %+v", i, p, w)
		}
	}
}

var (
	validID   = regexp.MustCompile(`^SPDXRef-[a-zA-Z0-9.-]+$`)
	validPURL = regexp.MustCompile(`^pkg:golang/[a-z0-9._~%/-]+(@[A-Za-z0-9._~%-]+)?$`)
)

// checkValid checks what the specification asks of the members that we use.
func checkValid(t *testing.T, d document) {
	t.Helper()
	if d.SPDXVersion != "SPDX-2.3" || d.DataLicense != "CC0-1.0" || d.ID != documentID || d.Name == "" {
		t.Errorf("the document begins %q, %q, %q, %q", d.SPDXVersion, d.DataLicense, d.ID, d.Name)
	}
	if !strings.HasPrefix(d.Namespace, "https://") || strings.ContainsAny(d.Namespace, "# ") {
		t.Errorf("namespace %q", d.Namespace)
	}
	if _, err := time.Parse("2006-01-02T15:04:05Z", d.CreationInfo.Created); err != nil {
		t.Error(err)
	}
	related := map[string]string{}
	for _, r := range d.Relationships {
		related[r.Related] = r.Element + " " + r.Type
	}
	if len(related) != len(d.Packages) || len(d.Relationships) != len(d.Packages) {
		t.Errorf("%d relationships for %d packages", len(d.Relationships), len(d.Packages))
	}
	seen := map[string]bool{}
	for i, p := range d.Packages {
		if !validID.MatchString(p.ID) || seen[p.ID] {
			t.Errorf("id %q is not valid or not the only one", p.ID)
		}
		seen[p.ID] = true
		want := binaryID + " DEPENDS_ON"
		if i == 0 {
			want = documentID + " DESCRIBES"
		}
		if related[p.ID] != want {
			t.Errorf("%s is related as %q, want %q", p.ID, related[p.ID], want)
		}
		if p.Name == "" || p.DownloadLocation == "" || p.FilesAnalyzed || len(p.ExternalRefs) != 1 ||
			!validPURL.MatchString(p.ExternalRefs[0].Locator) {
			t.Errorf("package %+v", p)
		}
	}
}

// TestRun describes the binary that this test is.
func TestRun(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var made [2][]byte
	for i := range made {
		out := filepath.Join(t.TempDir(), "spdx.json")
		if err := run(build{version: "1.2.3"}, binary, "2026-01-02T03:04:05Z", out); err != nil {
			t.Fatal(err)
		}
		if made[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Errorf("two documents of one binary:\n%s\n%s", made[0], made[1])
	}
	var d document
	decoder := json.NewDecoder(bytes.NewReader(made[0]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	checkValid(t, d)
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if got := d.Packages[0].Checksums[0].Value; got != hex.EncodeToString(sum[:]) {
		t.Errorf("checksum %s of the binary, want %x", got, sum)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no binary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, binary, created string }{
		{"not a time", text, "yesterday"},
		{"no file", text + "x", "2026-01-02T03:04:05Z"},
		{"not a Go binary", text, "2026-01-02T03:04:05Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "spdx.json")
			if err := run(build{version: "1.2.3"}, tt.binary, tt.created, out); err == nil {
				t.Error("no error")
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a document was written")
			}
		})
	}
}
