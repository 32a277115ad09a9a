#!/usr/bin/env bash
# Builds the control plane of the oldest Kubernetes that Gatehouse runs on, where it is missing, and prints the folder that holds it.
# `make test-oldest` runs the tests on it that ask what an API server does. With another version as argument it builds that one.
#
#   KUBEBUILDER_ASSETS=$(hack/oldest.sh) go test ./test/policy
#   hack/oldest.sh v1.33.6
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:-v1.32.2} # docs/versions.md, docs/install.md and the charts name the minor version; a test compares

# hack/controlplane names the newest version. A copy gets a go.mod for this one: what Kubernetes' own go.mod takes from its folder
# staging are modules of the same version.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/hack"
cp go.mod "$copy"
cp -r hack/controlplane "$copy/hack"
go build -o "$copy/controlplane" ./hack/controlplane
theirs=$(cd "$copy/hack" && go mod download -json "k8s.io/kubernetes@$version" | sed -n 's|^\t"GoMod": "\(.*\)",\{0,1\}$|\1|p')
module=$copy/hack/controlplane/kubernetes
{
	printf 'module github.com/gatehouse-dev/gatehouse/hack/controlplane/kubernetes\n\n'
	grep -E '^go [0-9.]+$' "$theirs"
	printf '\nrequire k8s.io/kubernetes %s\n\nreplace (\n' "$version"
	sed -nE "s#^[[:space:]]*(replace )?(k8s\.io/[a-z-]+) => \./staging/.*#\t\2 => \2 v0.${version#v1.}#p" "$theirs"
	printf ')\n'
} >"$module/go.mod"
rm "$module/go.sum"
(cd "$module" && go mod tidy >&2)
cd "$copy" && ./controlplane
