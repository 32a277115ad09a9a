#!/usr/bin/env bash
# Fuzzes every target for FUZZTIME (default 30s) each. What go finds it writes into the package's testdata/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

found=0
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r dirname | sort -u); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
		found=$((found + 1))
		echo "==> $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "$package"
	done
done
echo "$found targets fuzzed"
((found))
