#!/bin/sh
# Runs every fuzz target of the module, one after the other, FUZZTIME each.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

time=${FUZZTIME:-1m}
check_go
dirs=$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal pkg 2>/dev/null | sed 's|/[^/]*$||' | sort -u) || true
[ -n "$dirs" ] || die "there are no fuzz targets"

# fuzz DIR TARGET runs one target. Where the machine is busy, go test now and then
# takes the end of the time for a failure ("context deadline exceeded"); what it
# found it would have written down.
fuzz() {
	log=$("$GO" test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" 2>&1) && return
	case $log in
	*"Failing input written"*) ;;
	*"context deadline exceeded"*) return ;;
	esac
	printf '%s\n' "$log" >&2
	die "$2 of $1 found something: its input is in $1/testdata/fuzz/$2"
}

for dir in $dirs; do
	targets=$("$GO" test -list '^Fuzz' "./$dir" | grep '^Fuzz') || die "cannot list the targets of $dir"
	for target in $targets; do
		printf '%s %s, %s\n' "$dir" "$target" "$time"
		fuzz "$dir" "$target"
	done
done
