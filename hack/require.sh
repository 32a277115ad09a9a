#!/usr/bin/env bash
# Prints the path of a program. Where it is absent and we are root on Debian, it is installed first.
#
#   hack/require.sh "NAME [OTHER NAME]..." PACKAGE...
set -euo pipefail

names=$1
shift

find_program() {
	local name
	for name in $names; do
		command -v "$name" && return
	done
	return 1
}

find_program && exit
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
	echo "none of these programs is installed: $names. Please install $* (only root on Debian has it done here)." >&2
	exit 1
fi
echo "installing $* through apt" >&2
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } >&2
find_program
