GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

FUZZTIME   ?= 1m
COVER_MIN  ?= 90
BENCHFLAGS ?=

export GO FUZZTIME COVER_MIN

.DEFAULT_GOAL := build
.PHONY: build run test lint generate bench cover fuzz release-snapshot clean help

build: ## build bin/keyhold and bin/keyhold-server
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/keyhold ./cmd/keyhold-server

run: build ## build, then walk through the main job in a throw-away home
	@sh scripts/walkthrough.sh bin/keyhold

test: ## check formatting, go.mod and vet, then run every test with -race
	@sh scripts/test.sh

lint: ## gofmt, go vet for three systems, import rules, golangci-lint
	@sh scripts/lint.sh

generate: ## go generate, test vectors, golden files; leaves no diff
	@sh scripts/generate.sh

bench: build ## whole-process times as ratios to a Go hello-world, beside pass (BENCHFLAGS)
	@$(GO) build -trimpath -o bin/bench ./internal/bench
	@bin/bench -keyhold bin/keyhold $(BENCHFLAGS)

cover: ## statement coverage of the core, at least COVER_MIN (90) percent
	@sh scripts/cover.sh

fuzz: ## run every fuzz target for FUZZTIME (1m)
	@sh scripts/fuzz.sh

release-snapshot: ## all that a release has, for every system, in dist/; publishes nothing
	@sh scripts/release.sh

clean: ## remove what was built
	@rm -rf bin dist coverage.*

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r t d; do printf '  %-16s %s\n' "$$t" "$$d"; done
