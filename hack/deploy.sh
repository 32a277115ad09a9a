#!/usr/bin/env bash
# Applies an installation to the cluster that kubectl speaks to: the kinds first, then everything else, because an API server
# takes no object of a kind that it does not serve yet.
#
#   IMAGE=registry.example.com/gatehouse:1.0 hack/deploy.sh config/default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:?the folder of the installation, for instance config/default}
kubectl=${KUBECTL:-kubectl}

kustomize() { go tool -modfile=hack/tools/go.mod kustomize build "$1"; }

manifests=$(kustomize "$folder")
if grep -Eq 'auth\.example\.com"?$' <<<"$manifests"; then
	echo "make deploy: the issuer is still that of the example, https://auth.example.com. Write the address under which browsers" \
		"reach your authorization server into settings.yaml of config/default, or of your copy, and run it again. Nothing was applied." >&2
	exit 1
fi
if grep -q '^kind: CustomResourceDefinition$' <<<"$manifests"; then
	kustomize config/crd | $kubectl apply --server-side -f -
	$kubectl wait --for=condition=Established --timeout=60s crd/oauthclients.gatehouse.dev crd/resourceservers.gatehouse.dev \
		crd/oauthclientpolicies.gatehouse.dev
fi
sed "s|image: gatehouse:latest|image: ${IMAGE:?the image of both programs}|" <<<"$manifests" | $kubectl apply --server-side -f -
