#!/bin/sh
# Formatting, go vet for every system we build for, the rules of
# internal/archtest, and golangci-lint.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

check_go
check_format
for os in linux darwin windows; do
	GOOS=$os CGO_ENABLED=0 "$GO" vet ./... || die "go vet finds fault on $os"
done
quietly "$GO" test -short ./internal/archtest || die "the rules of internal/archtest are broken"

tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
linter=$PWD/bin/tools/golangci-lint
"$linter" run ./... || die "golangci-lint finds fault"

# Our own programs among the tools.
quietly "$GO" test -C internal/tools ./... || die "a test of internal/tools fails"
(cd internal/tools && "$linter" run ./...) || die "golangci-lint finds fault in internal/tools"
