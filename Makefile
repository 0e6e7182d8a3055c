# lameduck's make targets. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lameduck
LDFLAGS := -s -w -X main.version=$(VERSION)
GO      := CGO_ENABLED=0 go
LINT_VERSION := v2.15.0
LINT    := $(CACHE)/golangci-lint-$(LINT_VERSION)/golangci-lint
# The modules of go.work, and those with code of ours that stand outside it: their dependencies would raise ours.
OUTSIDE := test/registries/etcd graceful/examples
MODULES := $(shell sed -n 's/^\t//p' go.work) $(OUTSIDE)
IN      = cd $$m && export GOWORK=$$(case " $(OUTSIDE) " in *" $$m "*) echo off;; esac)

##@ Use
.PHONY: help demo test build images
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: ## three rollouts on a real cluster: as it is, with sleep 10, with lameduck (KEEP=1 leaves the cluster up, CONTEXT=name uses yours)
	@hack/deps.sh $(if $(CONTEXT),--none)
	@go run ./test/e2e/cmd/demo $(if $(CONTEXT),--context $(CONTEXT)) $(if $(filter loaded,$(IMAGES)),--images-loaded) $(if $(KEEP),--keep)

test: fast fuzz-briefly contract-test cluster-test ## everything that CI runs: unit, race, lint, generated pages, then a real cluster

build: ## bin/lameduck, bin/lameduck-agent and bin/lameduck-registry
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/lameduck ./cmd/lameduck
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/lameduck-agent ./cmd/lameduck-agent
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/lameduck-registry ./cmd/lameduck-registry
	@ls -l bin/lameduck bin/lameduck-agent bin/lameduck-registry | awk '{print $$9, $$5, "bytes"}'

images: ## the three images as archives in out/, for a cluster of yours
	@go run ./test/e2e/cmd/images out

##@ Test
.PHONY: fast unit vet lint generated fuzz fuzz-briefly bench bench-check contract-test cluster-test registries-test routers-test prove nightly
fast: vet unit lint generated ## all that needs no cluster

vet: ## go vet, every module, with the build tags of the larger tests too
	@for m in $(MODULES); do echo "vet $$m"; ($(IN) && go vet ./... && go vet -tags cluster,registries,routers,nightly ./...); done

unit: ## unit tests and fuzz seeds with the race detector
	@for m in $(MODULES); do echo "test $$m"; ($(IN) && go test -race -timeout 20m ./...); done

lint: $(LINT) ## golangci-lint, every module
	@for m in $(MODULES); do echo "lint $$m"; ($(IN) && $(LINT) run --config $(CURDIR)/.golangci.yml ./...); done

$(LINT):
	@echo "building golangci-lint $(LINT_VERSION) (once, about 4 minutes)"
	@GOBIN=$(dir $@) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

generated: ## fail when generated code is stale (generated pages are held to theirs by tests)
	@go generate ./workload/v1alpha1
	@git diff --exit-code --stat -- workload/v1alpha1 || { echo "generated code is stale: run make generate and commit"; exit 1; }

fuzz: ## every fuzz target for FUZZTIME (default 10s) each
	@hack/fuzz.sh $(or $(FUZZTIME),10s)

fuzz-briefly: ## the fuzz targets of manifests (reading, editing, fixing, injecting) for 10,000 inputs each
	@hack/fuzz.sh 10000x '^\./(check|manifest|inject/files)$$'

bench: ## benchmarks, ready for benchstat
	@go test -run '^$$' -bench . -benchmem -count $(or $(COUNT),6) $(or $(PKG),./...)

bench-check: ## check on 30,000 objects, written in five ways, and on ten times as many: time and most memory
	@go test -run '^$$' -bench '^BenchmarkCheckCommand$$' -benchtime 5x ./cmd/lameduck/command

cluster-test: ## the short proofs on a real cluster: low rates, nothing may be lost
	@hack/deps.sh
	@go test -tags cluster -count=1 -timeout 25m -v ./test/e2e

contract-test: ## the clients of registries and routers against the real programs, which it builds and starts on this machine
	@hack/deps.sh --registries
	@hack/deps.sh --routers
	@go test -tags registries,routers -count=1 -timeout 25m -p 3 ./test/contract/...

registries-test: ## all tests against real registries, the long ones too
	@hack/deps.sh --registries
	@go test -tags registries,nightly -count=1 -timeout 40m -v ./test/registries/... ./test/contract/...

routers-test: ## what the real routers answer when a pod fails them
	@hack/deps.sh --routers
	@go test -tags routers -count=1 -timeout 20m -v ./test/routers

prove: ## every proof with its control run (RUN=regexp for some, COUNT=10 for ten rounds, JSON=file for the figures, IPV6=1 for clusters of IPv6)
	@hack/deps.sh
	@proofs=$$(go run ./test/e2e/cmd/prove --list $(if $(RUN),--run '$(RUN)')) || exit; \
	case "$$proofs" in *registry/*) hack/deps.sh --registries || exit;; esac; \
	case "$$proofs" in *router/nginx*|*router/haproxy*|*router/envoy*) hack/deps.sh --routers;; esac
	@go run ./test/e2e/cmd/prove $(if $(RUN),--run '$(RUN)') $(if $(COUNT),--count $(COUNT)) $(if $(JSON),--json '$(JSON)') $(if $(IPV6),--ipv6)

nightly: ## all that CI is too short for: each fuzz target for a minute, the long tests against real registries, every proof (PARTS="fuzz proofs" for some)
	@hack/nightly.sh $(PARTS)

##@ Develop
.PHONY: generate tidy cluster cluster-down release
generate: ## write the generated files anew
	@hack/generate.sh

tidy: ## go mod tidy, every module
	@hack/tidy.sh $(MODULES)

cluster: ## a real three-node Kubernetes on this machine; prints the KUBECONFIG to use
	@hack/deps.sh
	@go -C test/cluster run . up --nodes $(or $(NODES),3) --proxy $(or $(PROXY),nftables)

cluster-down: ## take it down, with all that it made
	@go -C test/cluster run . down

release: ## check and tag a version of all modules that users name, as in make release VERSION=v0.1.0; pushes nothing
	@go run ./test/release $(if $(filter command,$(firstword $(origin VERSION))),-version '$(VERSION)')
