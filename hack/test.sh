#!/usr/bin/env bash
# Runs every test, with the race detector, on a real control plane, a real PostgreSQL and a real browser, which it provides where
# they are missing. Fails when a test fails or is skipped, or when a process is left behind. Arguments go to go test:
#
#   hack/test.sh ./controllers -run Secret
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

hack/require.sh "gcc cc clang" gcc libc6-dev >/dev/null # for the race detector
GATEHOUSE_CHROMIUM=${GATEHOUSE_CHROMIUM:-$(hack/require.sh "chromium chromium-browser google-chrome google-chrome-stable" chromium)}
hack/require.sh "initdb /usr/lib/postgresql/*/bin/initdb" postgresql >/dev/null # which is not in PATH on Debian
hack/require.sh promtool prometheus >/dev/null # reads and runs the alerts and the dashboard
hack/require.sh "pgbouncer /usr/sbin/pgbouncer" pgbouncer >/dev/null
hack/require.sh "slapd /usr/sbin/slapd" slapd >/dev/null
hack/require.sh npm nodejs npm >/dev/null # test/e2e/javascript has another server of OpenID Connect, and what finds faults in pages
go tool -n -modfile=hack/tools/helm/go.mod helm >/dev/null # test/chart runs it; its first build takes minutes
go build -o "$tools" ./hack/contain ./hack/testreport ./hack/controlplane
KUBEBUILDER_ASSETS=$("$tools/controlplane")
export CGO_ENABLED=1 GATEHOUSE_CHROMIUM KUBEBUILDER_ASSETS

(($#)) || set -- ./...
mkdir -p .artifacts # what tests keep with T.ArtifactDir, such as screenshots
"$tools/contain" go test -json -race -count=1 -timeout=25m -artifacts -outputdir="$PWD/.artifacts" "$@" |
	"$tools/testreport"
