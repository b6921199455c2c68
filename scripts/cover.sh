#!/bin/sh
# Prints how much of the core's statements the tests of the whole module reach,
# package by package, and fails below COVER_MIN percent.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

min=${COVER_MIN:-90}
check_go

# Conformance suites are tests themselves, so kvtest does not count.
pkgs=
for dir in seal kv service vault device; do
	[ -d "internal/$dir" ] || continue
	case $dir in kv | service) all=/... ;; *) all= ;; esac
	pkgs="$pkgs $("$GO" list "./internal/$dir$all" | grep -v 'test$')" || die "cannot list internal/$dir"
done
[ -n "$pkgs" ] || die "nothing to measure yet"
pkgs=$(printf %s "$pkgs" | tr -s ' \n' ,)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
quietly "$GO" test -covermode=atomic -coverpkg="${pkgs#,}" -coverprofile="$dir/profile" ./... || die "a test fails"

# Each test binary reports every block: a block counts once, as reached if any
# of them reached it.
# shellcheck disable=SC2016 # awk's own variables
awk -v min="$min" -v module="$("$GO" list -m)/" '
	FNR == 1 { next }
	{ stmts[$1] = $2; if ($3 > 0) hit[$1] = 1 }
	END {
		for (b in stmts) {
			pkg = b; sub(/\/[^\/]*$/, "", pkg); sub("^" module, "", pkg)
			all[pkg] += stmts[b]
			if (b in hit) reached[pkg] += stmts[b]
		}
		for (p in all) {
			percent = 100 * reached[p] / all[p]
			low = percent < min
			bad += low
			printf "%-36s %6.1f %%  of %5d statements%s\n", p, percent, all[p], low ? "  too low" : "" | "sort"
		}
		close("sort")
		if (bad) { printf "%d below %s %%\n", bad, min; exit 1 }
	}' "$dir/profile"
