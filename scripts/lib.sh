# Shared by the scripts beside it: sourced by sh, not run.
# shellcheck shell=sh

GO=${GO:-go}

die() {
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	exit 1
}

# quietly runs a command and shows what it printed only if it fails.
quietly() {
	quietly_log=$(mktemp) || exit 1
	if "$@" >"$quietly_log" 2>&1; then
		rm -f "$quietly_log"
		return 0
	fi
	cat "$quietly_log" >&2
	rm -f "$quietly_log"
	return 1
}

check_go() {
	command -v "$GO" >/dev/null || die "Go 1.26 or newer is needed: see https://go.dev/doc/install"
	version=$("$GO" env GOVERSION)
	minor=${version#go1.}
	minor=${minor%%[!0-9]*}
	case $version in
	go1.*) [ "${minor:-0}" -ge 26 ] || die "Go 1.26 or newer is needed, this is $version" ;;
	esac
}

check_format() {
	# Hidden folders are not ours; testdata holds what tests compare.
	unformatted=$(find . -name '.?*' -prune -o -name testdata -prune -o -name '*.go' -exec gofmt -l {} +)
	[ -z "$unformatted" ] || die "not formatted, run gofmt -w on:
$unformatted"
}
