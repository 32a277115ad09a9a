# What can be done here. `make` prints it; .ci/run does what CI does.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGE ?= gatehouse:$(VERSION)
IMAGE_FOLDER ?= dist
PLATFORMS ?= linux/amd64,linux/arm64
KUBECTL ?= kubectl
CONFIG ?= config/default
HELM := go tool -modfile=hack/tools/helm/go.mod helm
LINT := go tool -modfile=hack/tools/lint/go.mod golangci-lint

##@ Try it
.PHONY: demo demo-clean run walkthroughs
demo: ## Walk the flows of every profile on a real API server, and print each step
	@go build -o bin/dev ./hack/dev
	@bin/dev demo

run: ## Start the same and keep serving, for a person with a browser; Ctrl-C ends it
	@go build -o bin/dev ./hack/dev
	@bin/dev run

demo-clean: ## Remove what a demo or run that was killed left in the cluster that DEMO_KUBECONFIG names
	@go build -o bin/dev ./hack/dev
	@bin/dev clean

walkthroughs: ## Follow docs/walkthrough-*.md, command by command, in the same environment
	@go build -o bin/dev ./hack/dev
	@bin/dev walkthroughs

##@ Work on it
.PHONY: test test-oldest acceptance acceptance-nightly acceptance-argocd chaos fuzz bench bench-operator lint fmt generate manifests check
test: ## Run every test, on a real control plane and in a real browser
	@hack/test.sh

test-oldest: ## Run the tests of what an API server does on the oldest Kubernetes, which is built first
	@assets=$$(hack/oldest.sh) && KUBEBUILDER_ASSETS=$$assets hack/test.sh ./api/... ./controllers/... ./authserver/access/... ./authserver/registry/... \
		./test/policy ./test/manifests ./test/operator ./test/isolation ./test/chart ./hack/dev

acceptance: ## Walk real programs that log in with Gatehouse, such as oauth2-proxy, Apache and Miniflux
	@hack/acceptance.sh acceptance

acceptance-nightly: ## The same, and the programs that take long to build
	@hack/acceptance.sh nightly

acceptance-argocd: ## Walk Argo CD, server and command line, alone: it takes very long to build
	@hack/acceptance.sh argocd

chaos: ## Run the long forms of the crash, failure and simulation tests (hours)
	@hack/chaos.sh

fuzz: ## Fuzz every target for FUZZTIME (default 30s) each
	@hack/fuzz.sh

bench: ## Measure the shipped server beside a bare handler and pgbench: what the design promises
	@go build -o bin/bench ./hack/bench
	@bin/bench

bench-operator: ## Measure the operator beside a bare writer of the same objects
	@go run ./hack/bench-operator

lint: ## Check import arrows, formatting, vet, staticcheck, generated files and modules
	@hack/lint.sh

fmt: ## Format the code
	@$(LINT) fmt ./...

generate manifests: ## Generate deep copies and CRDs from api/, and the objects of the charts from config/
	@hack/generate.sh

check: lint test acceptance demo ## Everything that CI runs

##@ Ship it
.PHONY: build plugin image push docker-build docker-push build-installer charts install uninstall deploy undeploy
build: ## Build bin/operator and bin/authserver
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/gatehouse-dev/gatehouse/internal/buildinfo.stamp=$(VERSION)" -o bin/ ./cmd/operator ./cmd/authserver ./cmd/kubectl-gatehouse

plugin: ## Write the archives of kubectl gatehouse for six platforms into dist, and krew's manifest with their checksums
	@VERSION='$(VERSION)' hack/plugin.sh dist

image: ## Write dist/image.tar, the image for PLATFORMS as an OCI archive, without a container engine; print its digest
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)} \
		go -C hack/image run . -version '$(VERSION)' -platforms '$(PLATFORMS)' -output '$(abspath $(IMAGE_FOLDER))'

push: ## Push dist/image.tar to a registry as IMAGE, without a container engine
	@go -C hack/image run . push '$(abspath $(IMAGE_FOLDER))/image.tar' '$(IMAGE)'

docker-build: ## Build the same with Docker, as IMAGE, for this machine alone
	@docker build --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

docker-push: ## Push what docker-build has built to a registry, as IMAGE
	@docker push $(IMAGE)

build-installer: ## Write the kinds into dist/crds.yaml, and CONFIG (config/default), with IMAGE, into dist/install.yaml
	@mkdir -p dist
	@go tool -modfile=hack/tools/go.mod kustomize build config/crd >dist/crds.yaml
	@IMAGE='$(IMAGE)' EXAMPLE_ISSUER='$(EXAMPLE_ISSUER)' hack/manifests.sh '$(CONFIG)' >dist/install.yaml.new && mv dist/install.yaml.new dist/install.yaml

charts: ## Write the charts gatehouse-crds and gatehouse as archives into dist
	@$(HELM) package --destination dist charts/gatehouse-crds charts/gatehouse

install: ## Apply the kinds alone to the cluster that kubectl speaks to
	@KUBECTL='$(KUBECTL)' hack/install.sh

uninstall: ## Remove the kinds, and with them every client, resource server and policy: only with PURGE=yes
	@KUBECTL='$(KUBECTL)' PURGE='$(PURGE)' hack/undeploy.sh config/crd

deploy: ## Apply CONFIG (config/default), with IMAGE, to the cluster that kubectl speaks to
	@IMAGE='$(IMAGE)' KUBECTL='$(KUBECTL)' hack/deploy.sh '$(CONFIG)'

undeploy: ## Remove the programs of CONFIG; with PURGE=yes also the kinds, every client, the three keys and the store's volume
	@KUBECTL='$(KUBECTL)' PURGE='$(PURGE)' hack/undeploy.sh '$(CONFIG)'

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } /^[a-z -]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
