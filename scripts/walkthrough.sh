#!/bin/sh
# Walks through the main job of keyhold in a home that is thrown away:
# walkthrough.sh BINARY
set -eu

case ${1:?walkthrough.sh BINARY} in
/*) keyhold=$1 ;;
*) keyhold=$PWD/$1 ;;
esac

# Nothing of the user's own settings reaches the walk, nor the other way round.
for name in $(env | sed -n 's/^\(KEYHOLD_[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done
home=$(mktemp -d)
export KEYHOLD_HOME="$home/keyhold"
password='a password for this walk only'

finish() {
	status=$?
	trap - EXIT
	"$keyhold" lock >/dev/null 2>&1 || true
	rm -rf "$home"
	[ "$status" = 0 ] || printf 'walkthrough: the last command ended with status %s\n' "$status" >&2
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n# %s\n' "$1"; }

step() {
	printf '$ keyhold %s\n' "$*"
	"$keyhold" "$@"
}

# piped gives its first argument to the command's standard input.
piped() {
	value=$1
	shift
	printf '$ printf %s | keyhold %s\n' "$value" "$*"
	printf %s "$value" | "$keyhold" "$@"
}

# refused wants a command to end with a status.
refused() {
	want=$1
	shift
	printf '$ keyhold %s\n' "$*"
	got=0
	"$keyhold" "$@" || got=$?
	printf '(status %s)\n' "$got"
	[ "$got" = "$want" ] || { printf 'walkthrough: want status %s\n' "$want" >&2; exit 1; }
}

step version

say 'The first item makes the vault. The password comes from the environment here; else keyhold asks.'
printf '$ export KEYHOLD_PASSWORD=…\n'
export KEYHOLD_PASSWORD="$password"
piped hunter2 put mail username=me@example.com -
step get mail
step get -f username mail
step ls
piped correct-horse put web/github.com username=me url=https://github.com -
step ls -l

say 'Unlocked once, keyhold needs no password until the session ends.'
step unlock
printf '$ unset KEYHOLD_PASSWORD\n'
unset KEYHOLD_PASSWORD
step get mail
step status

say 'Locked, it gives nothing away.'
step lock
refused 4 get mail

say 'With the password again.'
printf '$ export KEYHOLD_PASSWORD=…\n'
export KEYHOLD_PASSWORD="$password"
step vault list
step rm mail
step ls
