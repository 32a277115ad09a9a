#!/usr/bin/env bash
# Removes an installation from the cluster that kubectl speaks to. The kinds with every client, the namespace with the three keys, and
# the volume stay, unless PURGE=yes says otherwise: without them every client secret and every grant is gone for good.
#
#   hack/undeploy.sh config/default
#   hack/undeploy.sh config/crd      the kinds alone: with them goes everything, so nothing is done without PURGE=yes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kubectl=${KUBECTL:-kubectl}
folder=${1:?the folder of the installation, for instance config/default}

manifests=$(go tool -modfile=hack/tools/go.mod kustomize build "$folder")
if [[ ${PURGE:-} == yes ]]; then
	$kubectl delete --ignore-not-found -f - <<<"$manifests"
	exit
fi
rest=$(awk 'BEGIN { RS = "---\n" } !/(^|\n)kind: (CustomResourceDefinition|Namespace|PersistentVolumeClaim)\n/ { printf "---\n%s", $0 }' <<<"$manifests")
if [[ $rest != *kind:* ]]; then
	echo "Nothing was removed. Without the kinds every OAuthClient, ResourceServer and OAuthClientPolicy is gone, and with them the Secret of every" \
		"application; applied anew, they are other clients with other secrets. To remove them for good, say PURGE=yes." >&2
	exit 1
fi
$kubectl delete --ignore-not-found -f - <<<"$rest"
cat <<'END'
Kept: the kinds with every OAuthClient, ResourceServer and OAuthClientPolicy that the installation did not bring, the Secrets of the
applications, and the namespace with the three keys, your own Secrets and the volume of the store. An installation into the same
namespace goes on with all of it. The same command with PURGE=yes removes it for good; docs/install.md says what that means.
END
