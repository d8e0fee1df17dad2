# make help lists the targets. Nothing but Go, make and a network to the public registries is needed: the real parts are
# built or unpacked once per version into the user's cache folder ($WUKONG_CACHE).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
TOOL := $(GO) tool -modfile=e2e/tools/go.mod
KUSTOMIZE := $(GO) tool -modfile=e2e/tools/kustomize/go.mod kustomize
FETCH := $(GO) run ./e2e/parts/fetch
PURE := ./api/... ./conflicts/... ./ipam/... ./nmstate/... ./render/...
GENERATED := api charts config dist docs
# Modules of tests that need what the product must not depend on.
MODULES := e2e/gitops e2e/monitoring e2e/release
ARGS ?=
NODES ?= 5000
WUKONGS ?= 10000
FUZZTIME ?= 1m
FUZZ ?=

# A commit is built to the same bytes wherever and whenever it is built, and tests share what was compiled for them.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath
BUILD := -trimpath -buildvcs=true -ldflags=-s
RELEASE := $(GO) -C e2e/release run . -root '$(CURDIR)'
BIN ?= bin
# What ko puts into the image beside the program, as /var/run/ko.
KODATA := cmd/wukong-network/kodata
PLATFORMS ?=

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ For users

.PHONY: demo
demo: controlplane ## Run the main job on an embedded control plane (ARGS=--once checks it and ends)
	@bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; $(GO) build -o "$$bin/demo" ./e2e/demo && "$$bin/demo" $(ARGS)

.PHONY: build
build: ## Build the manager and the kubectl plugin into bin/
	$(GO) build $(BUILD) -o '$(BIN)/' ./cmd/...

# ko needs no container engine. Without IMAGE nothing leaves this machine but the download of the base image.
.PHONY: image
image: ## Build the container image into bin/image.tar (an OCI layout), or push it (IMAGE=registry/name:tag)
	@name='$(IMAGE)'; tag=$${name##*:}; \
	[ -z "$$name" ] || case "$$tag" in "$$name"|*/*|"") echo "IMAGE=$$name has no tag: write IMAGE=registry/name:tag" >&2; exit 2;; esac; \
	ko=$$($(GO) -C e2e/release tool -n ko); mkdir -p '$(BIN)' '$(KODATA)'; trap 'rm -rf "$(KODATA)"' EXIT; \
	cp LICENSE '$(KODATA)/'; $(RELEASE) third-party wukong-network >'$(KODATA)/THIRD_PARTY_LICENSES'; \
	set -- ./cmd/wukong-network --bare --image-user 65532:65532 --sbom-dir '$(BIN)'; \
	[ -z '$(PLATFORMS)' ] || set -- "$$@" --platform '$(PLATFORMS)'; \
	if [ -n "$$name" ]; then \
	  KO_DOCKER_REPO="$${name%:*}" "$$ko" build "$$@" --tags "$$tag"; \
	else \
	  rm -rf '$(BIN)/image' '$(BIN)/image.tar'; \
	  KO_DOCKER_REPO=wukong-network "$$ko" build "$$@" --push=false --oci-layout-path '$(BIN)/image'; \
	  tar -C '$(BIN)/image' -cf '$(BIN)/image.tar' --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 .; \
	fi

##@ For releases

.PHONY: release
release: ## Build archives, checksums, SBOMs and the krew manifest into bin/release (VERSION=v1.2.3 URL=https://…)
	@$(RELEASE) -build '$(BUILD)' -out '$(abspath $(BIN))/release' -version '$(VERSION)' -url '$(URL)' -platforms '$(PLATFORMS)' archives

.PHONY: sbom
sbom: build ## Write the software bill of materials of both programs, with licenses, beside them in bin/
	@$(RELEASE) sbom '$(abspath $(BIN))/kubectl-wukong' '$(abspath $(BIN))/wukong-network'

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities, where their database can be reached (DB=file:///… or https://…)
	@$(RELEASE) -db '$(DB)' vulncheck ./cmd/...

##@ For developers

.PHONY: unit
unit: ## Run the fast tests: the pure packages, the command line, and whether all of the documentation is run
	$(GO) test -short $(PURE) ./query/... ./cmd/... ./e2e/walkthrough

.PHONY: test
test: controlplane judges check-generated lint ## Run all that CI runs
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	$(GO) test -timeout 30m $$($(GO) list ./... | grep -v '/e2e/demo$$') 2>&1 | tee "$$log" || { \
	  echo; echo "What failed, from the output above:"; \
	  awk -f e2e/failed.awk "$$log" | tail -n 150; exit 1; }
	@$(MAKE) --no-print-directory modules throughput rollout demo vulncheck ARGS=--once

.PHONY: modules
modules: ## Run the tests of the modules beside the root's
	@for module in $(MODULES); do echo "$$module"; $(GO) -C "$$module" test -timeout 30m ./...; done

# Seeds are run by every test. This looks for new ones, and keeps those that fail in testdata/fuzz beside the test.
.PHONY: fuzz
fuzz: ## Fuzz all that parses, one function after the other (FUZZTIME=1m for each, FUZZ=Parse: those whose names match)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | sort | while read -r file; do \
	  grep -oE '^func Fuzz[A-Za-z0-9]+' "$$file" | cut -c 6- | { grep -E '$(FUZZ)' || :; } | while read -r name; do \
	    echo "$$name in $$(dirname "$$file")"; \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime '$(FUZZTIME)' "$$(dirname "$$file")" </dev/null; \
	  done; \
	done

# Alone, because it compares rates that whatever else the machine does would distort.
.PHONY: throughput
throughput: controlplane ## Lease up to 10,000 pool addresses, and compare with a bare client
	WUKONG_THROUGHPUT=1 $(GO) test -timeout 30m -count=1 -v -run 'TestAddressesAreLeased' ./e2e/addresses

# Alone, because it is the work of thousands of nodes.
.PHONY: rollout
rollout: controlplane ## Roll a network out over 5,000 nodes, and count what is written (NODES=1000: fewer)
	WUKONG_ROLLOUT_NODES=$(NODES) $(GO) test -timeout 40m -count=1 -v -run 'TestRolloutOverManyNodes' ./e2e/rollouts

# Alone, because it wants memory, and minutes of both cores. CI runs it with fewer.
.PHONY: scale
scale: controlplane ## Measure the controller's memory and start with 10,000 Wukongs on 1,000 nodes (WUKONGS=1000: fewer)
	@mkdir -p bin
	WUKONG_SCALE=$(WUKONGS) WUKONG_SCALE_PROFILE=$(CURDIR)/bin/heap.pprof $(GO) test -timeout 90m -count=1 -v -run 'TestTheManagerAtScale' ./e2e/scale

# The source of the earlier release comes from git.
.PHONY: upgrade
upgrade: controlplane judges ## Replace the controller of another revision (FROM=v0.1.0) by this one, and look for what that writes
	@[ -n '$(FROM)' ] || { echo 'which revision? write FROM=v0.1.0, or another that git knows' >&2; exit 2; }
	@from=$$(mktemp -d); trap 'rm -rf "$$from"' EXIT; git archive '$(FROM)' | tar -x -C "$$from"; \
	(cd "$$from" && $(GO) build -trimpath -o wukong-network ./cmd/wukong-network); \
	WUKONG_UPGRADE_FROM="$$from/wukong-network" $(GO) test -timeout 10m -count=1 -v -run 'TestAnUpgrade' ./e2e/upgrades

.PHONY: e2e
e2e: controlplane judges ## Run revisions and guests on a real kernel: nmstatectl, cloud-init, systemd-networkd (root)
	$(GO) test -timeout 10m -count=1 -v ./e2e/kernel

# Not among what CI runs: it takes minutes of an emulated processor. docs/guest-boot.md is the record of a run.
.PHONY: e2e-guest
e2e-guest: ## Boot a Debian guest on QEMU with what is rendered, and again with another address (root)
	@$(FETCH) nmstatectl qemu guestimage
	@mkdir -p bin
	WUKONG_GUEST_BOOT=1 $(GO) test -timeout 60m -count=1 -v -artifacts -outputdir bin -run 'TestAGuest' ./e2e/guestboot

.PHONY: lint
lint: ## Check format, code and import directions
	@lint=$$($(TOOL) -n golangci-lint); for module in . $(MODULES); do echo "golangci-lint run in $$module"; (cd "$$module" && "$$lint" run); done

.PHONY: generate
generate: ## Write what is generated from the Go types, markers, reasons, metrics and config
	$(TOOL) controller-gen object paths=./api/...
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd
	$(TOOL) controller-gen rbac:roleName=wukong-network paths=./controllers/... output:rbac:dir=config/rbac
	$(GO) run ./e2e/reference
	$(KUSTOMIZE) build config/default -o dist/install.yaml
	{ cat dist/install.yaml; echo ---; $(KUSTOMIZE) build config/monitoring; } | $(GO) run ./charts/generate charts/wukong-network/templates
	$(GO) tool -modfile=e2e/tools/apidocs/go.mod crd-ref-docs --config e2e/tools/apidocs/config.yaml --renderer markdown \
	  --log-level ERROR --source-path api --output-path docs/api.md
	$(GO) test -count=1 -run TestTheReferenceOfCommandsIsThatOfTheProgram ./cmd/kubectl-wukong -update

.PHONY: check-generated
check-generated: ## Check that generating leaves no difference, and that modules with code are tidy
	@for module in . $(MODULES); do $(GO) -C "$$module" mod tidy -diff || { \
	  echo "$$module/go.mod is not tidy: go -C $$module mod tidy" >&2; exit 1; }; done
	@before=$$(git ls-files -s $(GENERATED) | sha256sum; git diff -- $(GENERATED) | sha256sum); \
	$(MAKE) --no-print-directory generate; \
	after=$$(git ls-files -s $(GENERATED) | sha256sum; git diff -- $(GENERATED) | sha256sum); \
	if [ "$$before" != "$$after" ]; then git --no-pager diff --stat -- $(GENERATED); \
	  echo "generated files are not up to date: run make generate and commit what it changed" >&2; exit 1; fi

##@ Real parts

.PHONY: controlplane
controlplane: ## Build the API server, etcd and the CRDs of KubeVirt, nmstate and Multus into the cache
	@$(FETCH) controlplane crds

.PHONY: judges
judges: ## Build nmstatectl, and unpack netplan, cloud-init and a guest's system into the cache: the judges of what is rendered
	@$(FETCH) nmstatectl netplan cloud-init guestroot || { [ "$${CI:-}" != true ] && \
	  echo "a judge is missing: tests that need it are skipped and say so" >&2; }
