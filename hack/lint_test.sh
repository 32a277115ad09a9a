#!/usr/bin/env bash
# Proves that the linter bites: in a repository of stubs with our configuration, it must refuse exactly the files that are
# named here as forbidden, and none of those that are allowed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ours=github.com/gatehouse-dev/gatehouse
cp .golangci.yml "$work"
cd "$work"
printf 'module %s\n\ngo 1.26.0\n' "$ours" >go.mod
: >want

# plant FOLDER FILE BODY: adds a file to the package in FOLDER.
plant() {
	mkdir -p "$1"
	[[ -f $1/doc.go ]] || printf '// Package %s is a stub.\npackage %s\n' "$(basename "$1")" "$(basename "$1")" >"$1/doc.go"
	printf 'package %s\n\n%s\n' "$(basename "$1")" "$3" >"$1/$2"
}

# allowed FOLDER IMPORT...: what the package in FOLDER may import.
allowed() {
	local folder=$1 import i=0
	shift
	for import in "$@"; do
		plant "$folder" "allowed$((i += 1)).go" "import _ \"$import\""
	done
}

# forbidden FOLDER IMPORT...: what it may not. Of our packages it imports a leaf below, or imports would go in circles.
forbidden() {
	local folder=$1 import i=0
	shift
	for import in "$@"; do
		case $import in $ours/*) plant "${import#"$ours"/}/leaf" stub.go "" && import=$import/leaf ;; esac
		plant "$folder" "forbidden$((i += 1)).go" "import _ \"$import\""
		echo "$folder/forbidden$i.go" >>want
	done
}

# refused FOLDER FILE BODY: code that is refused for what it calls.
refused() {
	plant "$@"
	echo "$1/$2" >>want
}

# Kubernetes is only named: one stub stands for each of its two hosts.
stub() {
	mkdir -p "stubs/$1" && printf 'module %s\n' "$1" >"stubs/$1/go.mod" && printf 'package stub\n' >"stubs/$1/stub.go"
	go mod edit -require "$1@v0.0.0" -replace "$1=./stubs/$1"
}
stub k8s.io/api
stub sigs.k8s.io/yaml

for folder in api/v1alpha1 internal/credential internal/testenv controllers authserver cmd/operator \
	authserver/{oauth1,oauth2,web,registry,access,identity,store,store/sqlite}; do
	plant "$folder" stub.go ""
done

allowed api/v1alpha1 k8s.io/api
forbidden api/v1alpha1 $ours/controllers $ours/authserver $ours/internal/credential
forbidden internal/credential $ours/api/v1alpha1 $ours/authserver
allowed controllers $ours/api/v1alpha1 $ours/internal/credential k8s.io/api
forbidden controllers $ours/authserver $ours/authserver/registry $ours/internal/testenv math/rand
allowed authserver $ours/internal/credential net/url
forbidden authserver net/http net/http/httptest database/sql k8s.io/api sigs.k8s.io/yaml $ours/api/v1alpha1 \
	$ours/controllers $ours/authserver/oauth2 $ours/authserver/web $ours/authserver/store/sqlite
allowed authserver/oauth1 $ours/authserver net/http
forbidden authserver/oauth1 $ours/authserver/oauth2 $ours/authserver/web $ours/api/v1alpha1
allowed authserver/oauth2 $ours/authserver
forbidden authserver/oauth2 $ours/authserver/oauth1 $ours/authserver/store
allowed authserver/web $ours/authserver $ours/authserver/oauth1 $ours/authserver/oauth2 $ours/authserver/identity
forbidden authserver/web $ours/authserver/registry $ours/authserver/store/sqlite $ours/authserver/access $ours/controllers
allowed authserver/registry $ours/authserver $ours/api/v1alpha1 k8s.io/api
forbidden authserver/registry $ours/authserver/store $ours/controllers
allowed authserver/access $ours/authserver k8s.io/api
forbidden authserver/access $ours/authserver/web $ours/authserver/registry
allowed authserver/identity $ours/authserver
forbidden authserver/identity $ours/authserver/web $ours/api/v1alpha1
allowed authserver/store/sqlite $ours/authserver $ours/authserver/store database/sql
forbidden authserver/store/sqlite $ours/authserver/oauth2 $ours/api/v1alpha1 math/rand/v2

refused authserver background.go 'import "context"

var _ = context.Background()'
refused authserver clock.go 'import "time"

var _ = time.Now()'
plant authserver field.go 'import "time"

var _ = struct{ Now func() time.Time }{Now: time.Now}'
refused authserver print.go 'import "fmt"

func init() { fmt.Println() }'
refused authserver builtin.go 'func init() { println() }'
plant authserver own.go 'func print() {}

func init() { print() }'
refused controllers aliases.go 'import core "k8s.io/api/core/v1"

var _ core.Stub'
mkdir stubs/k8s.io/api/core stubs/k8s.io/api/core/v1
printf 'package v1\n\ntype Stub int\n' >stubs/k8s.io/api/core/v1/stub.go
refused controllers skip_test.go 'import "testing"

func TestNothing(t *testing.T) { t.Skip() }'
plant controllers fine_test.go 'import _ "github.com/gatehouse-dev/gatehouse/internal/testenv"'
refused controllers meets_test.go 'import _ "github.com/gatehouse-dev/gatehouse/authserver/leaf"'
printf 'package main\n\nimport (\n\t"context"\n\t"fmt"\n\t"time"\n)\n\nfunc main() { fmt.Println(context.Background(), time.Now()) }\n' >cmd/operator/main.go
rm cmd/operator/stub.go cmd/operator/doc.go

status=0
go tool -modfile="$root/hack/tools/lint/go.mod" golangci-lint run \
	--enable-only=depguard,forbidigo,importas --output.text.path=stdout --output.text.colors=false \
	--show-stats=false --output.text.print-issued-lines=false ./... >said 2>errors || status=$?
((status <= 1)) || { cat said errors && exit 1; }
grep -oE '^[^ :]+\.go' said | sort -u >got || true
sort -u -o want want
diff -u want got || { cat said && echo "the linter refused other files (+) than it should (-)" && exit 1; }
echo "    $(wc -l <want) forbidden files refused, nothing else"
