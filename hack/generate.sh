#!/usr/bin/env bash
# Generates the code and the manifests that follow from api/: deep copies and CRDs. The roles in config/rbac are written by hand.
# With a folder as argument, it writes below that instead of into the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-.}
go tool -modfile=hack/tools/go.mod controller-gen \
	object:headerFile=hack/boilerplate.go.txt output:object:dir="$out/api/v1alpha1" \
	crd output:crd:dir="$out/config/crd/bases" \
	paths=./api/v1alpha1
