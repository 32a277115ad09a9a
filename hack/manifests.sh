#!/usr/bin/env bash
# Prints the manifests of an installation, with the image of both programs.
#
#   IMAGE=registry.example.com/gatehouse:1.0 hack/manifests.sh config/default
#
# The issuer of the example is refused, unless EXAMPLE_ISSUER is keep: a release holds a file into which people write their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(cd "${1:?the folder of the installation, for instance config/default}" && pwd -P)
image=${IMAGE:?the image of both programs}

root=$PWD
kustomize() { go tool -modfile="$root/hack/tools/go.mod" kustomize "$@"; }

# A kustomization on top of the folder, which stays as it is. kustomize takes only relative paths.
mkdir -p bin
top=$(mktemp -d "$root/bin/manifests.XXXXXX")
trap 'rm -rf "$top"' EXIT
up=$(cd "$top" && pwd -P | sed -e 's|/[^/]*|../|g')
printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: ["%s"]\n' "$up${folder#/}" >"$top/kustomization.yaml"
(cd "$top" && kustomize edit set image "gatehouse=$image")
manifests=$(kustomize build "$top")
if [[ ${EXAMPLE_ISSUER:-} != keep ]] && grep -Eq 'auth\.example\.com"?$' <<<"$manifests"; then
	echo "The issuer is still that of the example, https://auth.example.com. Write the address under which browsers" \
		"reach your authorization server into settings.yaml of config/default, or of your copy, and try again. Nothing was done." >&2
	exit 1
fi
printf '%s\n' "$manifests"
