package main

import (
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

// A document is an SPDX 2.3 document: the members that we write, named as the
// specification names them. https://spdx.github.io/spdx-spec/v2.3/
type document struct {
	SPDXVersion   string         `json:"spdxVersion"`
	DataLicense   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	CreationInfo  creationInfo   `json:"creationInfo"`
	Packages      []pkg          `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type pkg struct {
	ID               string        `json:"SPDXID"`
	Name             string        `json:"name"`
	Version          string        `json:"versionInfo,omitempty"`
	FileName         string        `json:"packageFileName,omitempty"`
	Purpose          string        `json:"primaryPackagePurpose"`
	Supplier         string        `json:"supplier"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	Checksums        []checksum    `json:"checksums,omitempty"`
	LicenseConcluded string        `json:"licenseConcluded"`
	LicenseDeclared  string        `json:"licenseDeclared"`
	Copyright        string        `json:"copyrightText"`
	Comment          string        `json:"comment,omitempty"`
	ExternalRefs     []externalRef `json:"externalRefs"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const (
	documentID  = "SPDXRef-DOCUMENT"
	binaryID    = "SPDXRef-Binary"
	authors     = "Organization: The keyhold authors"
	license     = "Apache-2.0"
	noAssertion = "NOASSERTION"
)

// A build is what is known of a binary.
type build struct {
	name, version string
	file, sha256  string
	created       time.Time
	info          *debug.BuildInfo
}

// document describes the binary, the modules linked into it in the order of
// the build info, which is sorted, and the standard library. Which module needs
// which is not in a binary, so that it depends on all of them directly.
func (b build) document() document {
	name := fmt.Sprintf("%s_%s_%s_%s", b.name, b.version, b.setting("GOOS"), b.setting("GOARCH"))
	d := document{
		SPDXVersion: "SPDX-2.3",
		DataLicense: "CC0-1.0",
		ID:          documentID,
		Name:        name,
		// A namespace belongs to one document only: another binary gives another.
		Namespace: "https://" + b.info.Main.Path + "/spdx/" + url.PathEscape(name) + "-" + b.sha256,
		CreationInfo: creationInfo{
			Created:  b.created.UTC().Format("2006-01-02T15:04:05Z"),
			Creators: []string{authors, "Tool: keyhold-spdx"},
		},
		Packages:      []pkg{b.binary()},
		Relationships: []relationship{{documentID, "DESCRIBES", binaryID}},
	}
	// Whoever matches a document with known holes looks for this name.
	std := debug.Module{Path: "stdlib", Version: strings.TrimPrefix(b.goVersion(), "go")}
	for i, m := range append([]*debug.Module{&std}, b.info.Deps...) {
		p := module(i, m)
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, relationship{binaryID, "DEPENDS_ON", p.ID})
	}
	return d
}

func (b build) binary() pkg {
	return pkg{
		ID:               binaryID,
		Name:             b.name,
		Version:          b.version,
		FileName:         b.file,
		Purpose:          "APPLICATION",
		Supplier:         authors,
		DownloadLocation: noAssertion,
		Checksums:        []checksum{{"SHA256", b.sha256}},
		LicenseConcluded: license,
		LicenseDeclared:  license,
		Copyright:        noAssertion,
		Comment:          fmt.Sprintf("command %s, built with %s", b.info.Path, b.goVersion()),
		ExternalRefs:     []externalRef{purl(b.info.Main.Path, "v"+strings.TrimPrefix(b.version, "v"))},
	}
}

// goVersion is the version of Go without the experiments that may follow it.
func (b build) goVersion() string {
	v, _, _ := strings.Cut(b.info.GoVersion, " ")
	return v
}

func (b build) setting(key string) string {
	for _, s := range b.info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return "unknown"
}

// module describes number i of the modules in a binary. The sum of go.sum is
// that of a list of files, no checksum as SPDX knows them, hence a comment.
func module(i int, m *debug.Module) pkg {
	var comment []string
	switch {
	case m.Replace == nil:
	case m.Replace.Version == "":
		comment = append(comment, "replaced by a folder")
		m = &debug.Module{Path: m.Path}
	default:
		comment = append(comment, fmt.Sprintf("in place of %s %s", m.Path, m.Version))
		m = m.Replace
	}
	if m.Sum != "" {
		comment = append(comment, "go.sum "+m.Sum)
	}
	return pkg{
		ID:               fmt.Sprintf("SPDXRef-Module-%d-%s", i, idText(m.Path)),
		Name:             m.Path,
		Version:          m.Version,
		Purpose:          "LIBRARY",
		Supplier:         noAssertion,
		DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion,
		LicenseDeclared:  noAssertion,
		Copyright:        noAssertion,
		Comment:          strings.Join(comment, "; "),
		ExternalRefs:     []externalRef{purl(m.Path, m.Version)},
	}
}

// idText is s with only the characters that an SPDX id may have.
func idText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, s)
}

// purl names a module as a package URL, which is in lower case for Go.
func purl(module, version string) externalRef {
	var segments []string
	for s := range strings.SplitSeq(strings.ToLower(module), "/") {
		segments = append(segments, escape(s))
	}
	at := ""
	if version != "" {
		at = "@" + escape(version)
	}
	return externalRef{"PACKAGE-MANAGER", "purl", "pkg:golang/" + strings.Join(segments, "/") + at}
}

// escape leaves as they are the characters that a package URL does.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
