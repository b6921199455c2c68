#!/bin/sh
# Runs every fuzz target of the module, one after the other, FUZZTIME each.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

time=${FUZZTIME:-1m}
check_go
dirs=$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal pkg 2>/dev/null | sed 's|/[^/]*$||' | sort -u) || true
[ -n "$dirs" ] || die "there are no fuzz targets"

for dir in $dirs; do
	targets=$("$GO" test -list '^Fuzz' "./$dir" | grep '^Fuzz') || die "cannot list the targets of $dir"
	for target in $targets; do
		printf '%s %s, %s\n' "$dir" "$target" "$time"
		quietly "$GO" test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" ||
			die "$target of $dir found something: its input is in $dir/testdata/fuzz/$target"
	done
done
