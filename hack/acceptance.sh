#!/usr/bin/env bash
# Walks programs of others that log people in with Gatehouse: see test/acceptance/README.md. What is missing is installed through apt
# and npm, or built, once. A program that cannot be had fails its test. The first argument is the suite; the others go to go test:
#
#   hack/acceptance.sh acceptance -run Miniflux
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
suite=$1
shift

begin=$SECONDS
GATEHOUSE_CHROMIUM=${GATEHOUSE_CHROMIUM:-$(hack/require.sh "chromium chromium-browser google-chrome google-chrome-stable" chromium)}
hack/require.sh "initdb /usr/lib/postgresql/*/bin/initdb" postgresql >/dev/null
hack/require.sh "npm" nodejs npm >/dev/null
hack/require.sh --libraries nginx-light apache2-bin libapache2-mod-auth-openidc
[[ $suite == acceptance ]] || hack/require.sh --libraries redis-server
go build -o "$tools" ./hack/contain ./hack/testreport ./hack/controlplane ./hack/acceptance
KUBEBUILDER_ASSETS=$("$tools/controlplane")
"$tools/acceptance" "$suite"
export GATEHOUSE_CHROMIUM KUBEBUILDER_ASSETS
provided=$((SECONDS - begin))

case $suite in
	nightly) tags=acceptance,nightly,argocd ;;
	argocd) tags=acceptance,argocd && set -- -run ArgoCD "$@" ;;
	*) tags=acceptance ;;
esac
mkdir -p .artifacts
begin=$SECONDS status=0
"$tools/contain" go test -json -count=1 -timeout=30m -artifacts -outputdir="$PWD/.artifacts" -tags "$tags" "$@" ./test/acceptance |
	"$tools/testreport" || status=$?
echo "$suite: $provided s to provide the programs, $((SECONDS - begin)) s to walk them"
exit "$status"
