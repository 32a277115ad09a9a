#!/usr/bin/env bash
# Runs the long forms of the crash, failure and simulation tests: those that are named TestChaos, behind the build tag chaos.
# It takes hours. Arguments go to go test:
#
#   hack/chaos.sh ./test/simulation
#   hack/chaos.sh -run TestChaosKill ./authserver/store/sqlite
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $* != *./* ]]; then
	mapfile -t packages < <(grep -rl --include='*_test.go' '^//go:build .*\bchaos\b' . | xargs -r dirname | sort -u)
	((${#packages[@]})) || { echo "No package has a test behind the build tag chaos." >&2 && exit 1; }
	set -- "$@" "${packages[@]}"
fi
echo "chaos: $*"
exec hack/test.sh -tags chaos -run '^TestChaos' -timeout 12h -p 1 "$@"
