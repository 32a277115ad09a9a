#!/usr/bin/env bash
# Applies an installation to the cluster that kubectl speaks to: the kinds first, then everything else, because an API server
# takes no object of a kind that it does not serve yet.
#
#   IMAGE=registry.example.com/gatehouse:1.0 hack/deploy.sh config/default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kubectl=${KUBECTL:-kubectl}

manifests=$(hack/manifests.sh "${1:?the folder of the installation, for instance config/default}")
if grep -q '^kind: CustomResourceDefinition$' <<<"$manifests"; then
	hack/install.sh
fi
$kubectl apply --server-side -f - <<<"$manifests"
