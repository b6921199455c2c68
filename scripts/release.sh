#!/bin/sh
# Makes in dist/ all that a release has, for every system, and publishes nothing.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

check_go
command -v git >/dev/null || die "git is needed"
git rev-parse --verify --quiet HEAD >/dev/null || die "a release is made from a commit, and there is none here"

skip=publish,sign
if [ ! -d completions ] || [ ! -d man ]; then
	echo "no completions/ or man/, so no packages: make generate writes them" >&2
	skip=$skip,nfpm
fi

# Without a remote goreleaser takes no notice of the commit at all.
if [ -z "$(git remote)" ]; then
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/keyhold/keyhold
fi

tool goreleaser github.com/goreleaser/goreleaser/v2
quietly env GOOS= GOARCH= CGO_ENABLED=0 "$GO" build -C internal/tools -trimpath -o ../../bin/tools/ ./spdx ||
	die "the writer of the bills of materials cannot be built"

quietly env PATH="$PWD/bin/tools:$PATH" bin/tools/goreleaser release --snapshot --clean --skip="$skip" ||
	die "goreleaser fails"
find dist -maxdepth 1 -type f ! -name '*.yaml' ! -name artifacts.json ! -name metadata.json | sort
