#!/usr/bin/env bash
# Applies the kinds to the cluster that kubectl speaks to, and waits until the API server serves them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kubectl=${KUBECTL:-kubectl}

go tool -modfile=hack/tools/go.mod kustomize build config/crd | $kubectl apply --server-side -f -
$kubectl wait --for=condition=Established --timeout=60s crd/oauthclients.gatehouse.dev crd/resourceservers.gatehouse.dev \
	crd/oauthclientpolicies.gatehouse.dev
