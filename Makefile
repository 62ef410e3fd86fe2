# Tansu. `make help` lists what can be done here.

.DEFAULT_GOAL := help
SHELL := bash

# git is absent from source archives, and refuses folders of other owners.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --verify -q HEAD 2>/dev/null || echo unknown)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

# The version comes from LDFLAGS, so the go command need not ask git.
BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
TOOL  = go tool -modfile=tools/go.mod

CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# Test binaries at once: many of them start a PostgreSQL server of their own.
TEST_P       ?= $(shell n=$(CORES); echo $$(( n > 4 ? 4 : n )))
TEST_TIMEOUT ?= 30m
TEST_FLAGS   ?=
PACKAGES     ?= ./...
BENCH_ARGS   ?= all

# What generate writes and verify expects to be committed.
GENERATED = sql/db api/openapi.json api/asyncapi.json

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/tansu (static, reproducible)
	$(BUILD) -o bin/tansu ./cmd/tansu

.PHONY: run
run: build ## Build and run everything on this machine: tansu dev (RUN_ARGS="--http-addr ...")
	./bin/tansu dev $(RUN_ARGS)

.PHONY: test
test: test-deps ## Run the whole test suite (PACKAGES=./eventstore/... TEST_FLAGS="-run Append -v")
	CGO_ENABLED=1 go test -race -shuffle=on -p $(TEST_P) -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) $(PACKAGES)

.PHONY: test-deps
test-deps: ## Find, or as root on Debian install, what the tests need (PostgreSQL, RabbitMQ, Redis, Node.js, a C compiler)
	@tools/test-deps.sh

.PHONY: bench
bench: build ## Run the benchmarks, each beside its raw line (BENCH_ARGS="append -o jsonl")
	./bin/tansu bench $(BENCH_ARGS)

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...

.PHONY: verify
verify: lint verify-generated verify-modules verify-licences ## Everything that must hold of the sources: lint, generated code, modules, licences

.PHONY: verify-generated
verify-generated: generate ## Generate again; fail if the result is not what is committed
	@changed=$$(git status --porcelain --untracked-files=all -- $(GENERATED)) || exit 1; \
	if [ -n "$$changed" ]; then \
		git --no-pager diff -- $(GENERATED); \
		echo "generated files are not what is committed; run make generate and commit:"; echo "$$changed"; exit 1; \
	fi

.PHONY: verify-modules
verify-modules: ## Fail if go.mod or tools/go.mod is not tidy
	go mod tidy -diff
	cd tools && go mod tidy -diff

.PHONY: verify-licences
verify-licences: ## Fail if a module's licence does not fit Apache-2.0
	go test -count=1 -run '^TestLicences$$' .

.PHONY: generate
generate: ## Write the generated code again: queries (sqlc), the OpenAPI and AsyncAPI documents
	$(TOOL) sqlc generate
	go generate ./...

.PHONY: secrets
secrets: ## Make the secrets that docker-compose.yml mounts (existing ones are kept)
	@deploy/make-secrets.sh

.PHONY: image
image: ## Build the container image tansu:<version> with Docker
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --build-arg DATE=$(DATE) --tag tansu:$(VERSION) .

.PHONY: clean
clean: ## Remove what building made; data folders stay
	rm -rf bin dist
