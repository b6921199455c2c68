#!/bin/sh
# Runs every test, after making sure that what they need is there. What go test
# prints comes last.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

# missing collects the Debian packages that a test needs and this machine lacks.
missing=
need() { # need PROGRAM PACKAGE...
	command -v "$1" >/dev/null 2>&1 && return
	shift
	missing="$missing $*"
}

check_go
need git git
need "${CC:-cc}" gcc libc6-dev # for -race
need keyctl keyutils
need dbus-run-session dbus
need gnome-keyring-daemon gnome-keyring
need bash bash
[ -e /usr/share/bash-completion/bash_completion ] || missing="$missing bash-completion"
need ps procps
need less less
need vi vim-tiny
need zsh zsh
need fish fish
need make make
need Xvfb xvfb
need xclip xclip
need xsel xsel
need node nodejs # before 20.12 it is too old for some tests, which are skipped

if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing:$missing. On Debian: sudo apt-get install$missing"
	fi
	echo "installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	quietly apt-get update || die "apt-get update does not work"
	# shellcheck disable=SC2086 # a list of packages
	quietly apt-get install -y --no-install-recommends $missing || die "apt-get install$missing does not work"
fi

check_format
quietly "$GO" mod tidy -diff || die "go.mod is not tidy: run go mod tidy"
"$GO" vet ./...
sh scripts/conformance.sh
exec "$GO" test -race -timeout 15m ./...
