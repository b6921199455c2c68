#!/bin/sh
# Formatting, go vet for every system we build for, and the rules of
# internal/archtest.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

check_go
check_format
for os in linux darwin windows; do
	GOOS=$os CGO_ENABLED=0 "$GO" vet ./... || die "go vet finds fault on $os"
done
quietly "$GO" test -short ./internal/archtest || die "the rules of internal/archtest are broken"
