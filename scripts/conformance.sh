#!/bin/sh
# Runs the cryptography of package seal against the vectors of Project
# Wycheproof, and the server against official SDKs. Downloads them, 107 MB and
# 14 MB, the first time. Prints a row per set of vectors: the set, its file, its
# cases, those that fit; internal/conformance/README.md explains the rest.
set -eu
cd "$(dirname "$0")/../internal/conformance"
. ../../scripts/lib.sh

vectors=github.com/c2sp/wycheproof
check_go
if [ -z "$("$GO" list -m -f '{{.Dir}}' $vectors)" ]; then
	echo "downloading $vectors, 107 MB, once"
	quietly "$GO" mod download $vectors || die "$vectors cannot be downloaded"
fi
quietly "$GO" vet ./... || die "go vet finds fault; if go.mod is out of date: cd internal/conformance && go mod tidy"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "$GO" test -v ./... >"$log" 2>&1; then
	cat "$log" >&2
	die "keyhold does not do what a vector or an SDK says"
fi
sed -n 's/^ *[a-z0-9_]*\.go:[0-9]*: //p; /^ok/p' "$log"
