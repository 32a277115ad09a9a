#!/usr/bin/env bash
# Provides programs and libraries. Where one is absent and we are root on Debian, it is installed first.
#
#   hack/require.sh "NAME [OTHER NAME]..." PACKAGE...   prints the path of a program
#   hack/require.sh --libraries PACKAGE...              makes sure that Debian packages are installed
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

# Prints those of the packages that are not installed.
missing() {
	local package
	for package in "$@"; do
		[[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
	done
}

install() {
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		echo "Please install $* (only root on Debian has it done here)." >&2
		exit 1
	fi
	echo "installing $* through apt" >&2
	export DEBIAN_FRONTEND=noninteractive
	forbid_services
	{ apt-get update -q && apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"; } >&2
	disable_services "$@" >&2
}

# Tests start the programs that they need: what is installed for them runs no service, now or after a restart of the machine, and
# makes no database.
forbid_services() {
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/gatehouse.conf
	[[ ! -e /usr/sbin/policy-rc.d ]] || return 0 # the machine's own policy counts
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
}

disable_services() {
	local package
	for package in "$@"; do
		[[ ! -e /etc/init.d/$package ]] || update-rc.d "$package" disable
	done
}

exec 9<"${BASH_SOURCE[0]}" && flock 9 # tests of several packages ask at the same time, and apt-get update does not wait
if [[ $names != --libraries ]]; then
	find_program && exit
	echo "none of these programs is installed: $names" >&2
	install "$@"
	find_program
elif ! command -v dpkg-query >/dev/null; then
	echo "This is not Debian: these packages, by Debian's names, are not looked for: $*" >&2 # who uses one fails without it
else
	mapfile -t absent < <(missing "$@")
	((${#absent[@]} == 0)) || install "${absent[@]}"
fi
