#!/bin/sh
# Writes again whatever is made by a program and committed: what go generate
# makes, test vectors, golden files. On a clean tree it leaves no diff.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

check_go
before=$(git status --short 2>/dev/null) || before=
"$GO" generate ./...

# A package whose tests have the flag -update writes its own files. A test that
# reads an old file before it is replaced may fail the first time.
update() { quietly "$GO" test "./$1" -run 'Vector|Golden|Regenerate' -count 1 -update; }

{ grep -rlE --include='*_test.go' 'flag\.Bool(Var)?\((&[a-zA-Z]+, )?"update"' cmd internal pkg 2>/dev/null || true; } |
	sed 's|/[^/]*$||' | sort -u | while read -r dir; do
	update "$dir" 2>/dev/null || update "$dir" || die "cannot regenerate the files of $dir"
done

after=$(git status --short 2>/dev/null) || after=
[ "$before" = "$after" ] || printf 'generated files changed, commit them:\n%s\n' "$after"
