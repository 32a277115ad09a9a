#!/usr/bin/env bash
# Checks what can be checked without running it. Every check runs; the sum is at the end. It needs no clean working tree
# and changes nothing in it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
failed=()

check() {
	local what=$1 start=$SECONDS
	shift
	echo "==> $what"
	"$@" || failed+=("$what")
	echo "    $((SECONDS - start)) s"
}

modules() { find . -name go.mod -not -path './.*' -not -path '*/testdata/*' -exec dirname {} + | sort; }

sources() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [[ -f $file ]] && echo "$file"; done; }

golangci() {
	local linter=(go tool -modfile=hack/tools/lint/go.mod golangci-lint)
	echo "    (on a fresh machine the linter is built first, which takes some minutes)"
	"${linter[@]}" run --build-tags=acceptance,nightly,argocd ./...
}

generated() {
	mkdir -p "$work/api/v1alpha1"
	hack/generate.sh "$work" || return
	local status=0
	diff -u api/v1alpha1/zz_generated.deepcopy.go "$work/api/v1alpha1/zz_generated.deepcopy.go" || status=1
	diff -ru config/crd/bases "$work/config/crd/bases" || status=1
	diff -ru charts/gatehouse/files "$work/charts/gatehouse/files" || status=1
	diff -ru charts/gatehouse-crds/files "$work/charts/gatehouse-crds/files" || status=1
	((status == 0)) || echo "generated files are stale: run make generate"
	return $status
}

tidy() {
	local status=0 module
	for module in $(modules); do
		(cd "$module" && go mod tidy -diff) || { status=1 && echo "$module: run go mod tidy there"; }
	done
	return $status
}

replaces() {
	local status=0 module
	for module in $(modules); do
		if (cd "$module" && go mod edit -json) | grep -E '"Path": "(\.|/)'; then
			status=1 && echo "$module/go.mod replaces a module by a path"
		fi
	done
	return $status
}

lengths() {
	sources '*.go' | grep -v -e '_test\.go$' -e 'zz_generated' | xargs wc -l |
		awk '$2 != "total" && $1 > 300 { print $2 " has " $1 " lines: at most 300"; long = 1 } END { exit long }'
}

headers() {
	local status=0 file
	for file in $(sources '*.go'); do
		head -n 3 "$file" | grep -q '^// SPDX-License-Identifier: Apache-2.0$' || { status=1 && echo "$file lacks the licence line"; }
	done
	return $status
}

check "golangci-lint: import arrows, formatting, vet, staticcheck and more (.golangci.yml)" golangci
check "the linter refuses what it should" hack/lint_test.sh
check "generated files are current" generated
check "go.mod and go.sum are tidy" tidy
check "no module is replaced by a path" replaces
check "no file has more than 300 lines" lengths
check "every file names the licence" headers

((${#failed[@]} == 0)) || { printf 'FAILED: %s\n' "${failed[@]}" && exit 1; }
