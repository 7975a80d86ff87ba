# Needs Go and, for the local cluster, Linux, root, node and npm. Everything else is built from pinned modules, once, into a cache
# outside the work tree (LIGHTERMAN_CACHE, default ~/.cache/lighterman); each step says what it builds.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED ?= 0
# The patch release whose standard library has no known vulnerability; go.mod names it too, for those whose go command looks there.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO_RUN = cd hack/tools/$(1) && GOFLAGS= go build -o $(CURDIR)/bin/$(2) $(3)
FUZZTIME ?= 60s
RACE ?= ./webhook/... ./injector/... ./profile/... ./certs/... ./uploader/...
BENCHTIME ?= 2s
ROUNDS ?= 3

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: build
build: ## Build bin/lighterman and bin/uploader
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/lighterman .
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/uploader ./cmd/uploader

bin/cluster: FORCE
	@cd e2e && go build -o ../bin/cluster ./cmd/cluster
FORCE:

.PHONY: demo
demo: ## Show the main job from end to end, on a local cluster or on that of KUBECONFIG
	@$(MAKE) --no-print-directory bin/cluster
	@echo 'demo: the first run builds Kubernetes and an S3 server from source, about 15 minutes on two cores'
	@kubeconfig="$${KUBECONFIG:-}"; \
	if [ -z "$$kubeconfig" ]; then bin/cluster up; kubeconfig=$$(bin/cluster kubeconfig); fi; \
	(cd e2e && go run ./cmd/demo --kubeconfig "$$kubeconfig"); \
	if [ -z "$${KUBECONFIG:-}" ]; then printf '\nLook around:  export KUBECONFIG=%s\nEnd it:       make cluster-down\n' "$$kubeconfig"; fi

.PHONY: test
test: bin/cluster ## Run all tests: rules, API server, chart, and the local cluster with its store
	@echo 'test: the first run builds Kubernetes, helm, stores and backup tools from source, about 30 minutes on two cores'
	env="$$(bin/cluster testenv)"; eval "$$env"; go test ./...
	cd e2e && go test -timeout 45m -parallel 3 ./...

.PHONY: test-cluster
test-cluster: ## Run the cluster tests on the cluster of KUBECONFIG (images: LIGHTERMAN_IMAGE_REPOSITORY)
	cd e2e && LIGHTERMAN_E2E_KUBECONFIG="$${KUBECONFIG:?set it to the cluster to use}" go test -timeout 30m .

.PHONY: test-seaweedfs
test-seaweedfs: ## Run the tests with SeaweedFS, which test leaves out; the first time builds it, in seven minutes of CPU
	cd e2e && LIGHTERMAN_E2E_SEAWEEDFS=true go test -count 1 -timeout 30m ./upload -run TestSeaweedFS

.PHONY: test-race
test-race: bin/cluster ## Run what many goroutines share with the race detector; needs gcc (RACE: the packages)
	env="$$(bin/cluster testenv)"; eval "$$env"; CGO_ENABLED=1 go test -race $(RACE)

.PHONY: fuzz
fuzz: ## Fuzz every target that there is, FUZZTIME each
	@targets=$$(grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's,/[^/]+:func , ,' | sort); \
	[ -n "$$targets" ] || { echo 'fuzz: no target found'; exit 1; }; \
	while read -r dir target; do \
		echo "fuzz: $$target in $$dir"; \
		(cd "$$dir" && go test . -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x < /dev/null); \
	done <<< "$$targets"

.PHONY: bench
bench: ## Print what an admission costs, and time and memory at scale
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -cpu 1 ./injector ./webhook
	cd e2e && go run ./cmd/scale

.PHONY: bench-upload
bench-upload: ## Compare the uploader with bare SDK, s5cmd, rclone and aws, ROUNDS times, and print a table
	$(call GO_RUN,benchstat,benchstat,golang.org/x/perf/cmd/benchstat)
	@echo 'bench-upload: $(ROUNDS) rounds of about four minutes; nothing else should run, and 12 GiB of memory be free'
	@: > bin/bench-upload.txt; for round in $$(seq $(ROUNDS)); do \
		(cd e2e && go test ./upload -run '^$$' -bench 'Upload|Stream' -benchtime 1x -timeout 30m) | tee -a bin/bench-upload.txt; done
	bin/benchstat -col /tool -row /files -filter '.name:Upload' bin/bench-upload.txt
	bin/benchstat -row /size -filter '.name:Stream' bin/bench-upload.txt

.PHONY: golden
golden: bin/cluster ## Rewrite the golden files after a change that is meant
	env="$$(bin/cluster testenv)"; eval "$$env"; go test ./injector ./profile ./charts ./examples -update; go test ./internal/cli/lightermancmd -run TestInjectManifests -update

.PHONY: generate
generate: ## Generate deep copies, CRDs and the table of Amazon's partitions
	go run ./hack/partitions
	$(call GO_RUN,gen,controller-gen,sigs.k8s.io/controller-tools/cmd/controller-gen)
	bin/controller-gen object:headerFile=/dev/null paths=./api/...
	bin/controller-gen crd paths=./api/... output:crd:dir=charts/lighterman/files/crds

.PHONY: verify
verify: generate ## Fail if generated files or modules are not up to date, or a commit's subject is not as it should be
	hack/check-commits
	go mod tidy -diff
	cd e2e && go mod tidy -diff
	git diff --exit-code -- api charts/lighterman/files internal/partition

.PHONY: lint
lint: ## Run golangci-lint and lint the Dockerfile
	$(call GO_RUN,lint,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
	bin/golangci-lint run ./...
	cd e2e && ../bin/golangci-lint run --config ../.golangci.yml ./...
	cd hack/tools/dockerfile && GOFLAGS= go test . && GOFLAGS= go run . ../../../Dockerfile

.PHONY: vuln
vuln: ## Fail if the code reaches a known vulnerability, by the pinned database; see hack/tools/vuln/allow.yaml
	cd hack/tools/vuln && GOFLAGS= go test . && GOFLAGS= go run . ../../.. ../../../e2e

.PHONY: cluster-up cluster-down
cluster-up: bin/cluster ## Start the local cluster; prints its KUBECONFIG
	@bin/cluster up
cluster-down: bin/cluster ## End the local cluster and remove all of it
	@bin/cluster down
