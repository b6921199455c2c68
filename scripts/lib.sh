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

# tool NAME PACKAGE makes bin/tools/NAME from the module internal/tools, at the
# version named there. It is built again when that module or Go has changed.
tool() {
	tool_made="$(cksum <internal/tools/go.sum) $("$GO" env GOVERSION)"
	if [ -x "bin/tools/$1" ] && [ "$(cat "bin/tools/$1.made" 2>/dev/null)" = "$tool_made" ]; then
		return
	fi
	echo "building $1, the first time takes minutes"
	rm -f "bin/tools/$1.made"
	quietly env GOOS= GOARCH= CGO_ENABLED=0 "$GO" build -C internal/tools -trimpath -o ../../bin/tools/ "$2" ||
		die "$1 cannot be built, see above. The first time, its sources come over the network."
	printf '%s\n' "$tool_made" >"bin/tools/$1.made"
}
