# Limpet. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

VERSION  ?= 0.1.0
ARCHES   := amd64 arm64
LDFLAGS  := -s -w -X github.com/limpet-security/limpet/internal/version.Version=$(VERSION)
GOBUILD  := go build -ldflags '$(LDFLAGS)'
# One setting for builds, vet and tests, so that everything is compiled once.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath
# The enforcer is bounded: it is copied into every image. It speaks HTTP/1.1 only, and what it
# uses now and then is compiled without inlining, which makes it smaller by 200 kB.
SELDOM         := crypto/tls crypto/x509 encoding/... go.yaml.in/yaml/v3 net/http
ENFORCER_FLAGS := -tags nethttpomithttp2 $(SELDOM:%=-gcflags=%=-l)
ENFORCER_BYTES := 12000000
# Kernel, Docker and PostgreSQL tests need root.
AS_ROOT  := $(if $(filter 0,$(shell id -u)),,sudo -E env PATH="$$PATH")
GO_FILES := $(shell git ls-files -co --exclude-standard '*.go' go.mod go.sum 2>/dev/null) \
            $(shell git ls-files -co --exclude-standard internal/kernel/seccomp internal/policy internal/verdict controlplane ':!controlplane/ui' 2>/dev/null | grep -E '\.(yaml|json|bpf|bin|sql)$$')
UI       := controlplane/ui
UI_FILES := $(shell git ls-files -co --exclude-standard $(UI) 2>/dev/null | grep -vE '\.go$$|/dist/|/e2e/')
PAYLOAD  := $(foreach a,$(ARCHES),layers/payload/bin/microenforcer-linux-$(a))
TAGS     := kernel docker postgres browser
SOAK_FOR ?= 20m
BENCH    ?= ./internal/... ./layers/... ./controlplane/... ./microenforcer/... ./infra/bench
comma    := ,
empty    :=
space    := $(empty) $(empty)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-unit test-ui test-system check bench soak images generate clean

help: ## this text
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## install and start what is missing (Debian, Ubuntu); elsewhere say what is
	@infra/dev/setup.sh test

build: .build/setup-build bin/limpet bin/limpet-gateway ## the console, the enforcers (amd64, arm64) and bin/limpet

demo: ## wrap a real server, run it, attack it, see the attacks detected and blocked
	@infra/dev/setup.sh demo
	@$(MAKE) --no-print-directory build
	@go build -o .build/demo ./infra/demo
	@.build/demo $(DEMO_FLAGS)

test: ## every test: units, console, kernel, Docker, PostgreSQL, browser
	@infra/dev/setup.sh test
	@$(MAKE) --no-print-directory build test-ui test-system

test-unit: ## the tests that need nothing installed and no root
	go test ./...

test-ui: $(UI)/node_modules/.installed ## the console's unit tests
	cd $(UI) && npm test --silent

test-system: build
	CGO_ENABLED=1 go test -count=1 -tags kernel -run Fresh ./internal/kernel/seccomp # links libseccomp
	$(AS_ROOT) infra/dev/test.sh '$(subst $(space),$(comma),$(TAGS))'

check: $(UI)/node_modules/.installed ## format, vet, static analysis, race detector
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt needed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet -tags '$(subst $(space),$(comma),$(TAGS))' ./...
	GOARCH=arm64 go vet ./microenforcer/... ./internal/kernel/... ./internal/intercept/... ./internal/enforcer ./internal/uplink
	go tool -modfile=infra/tools/go.mod staticcheck ./...
	cd $(UI) && npm run --silent check
	CGO_ENABLED=1 go test -race ./...

bench: build ## benchmarks, then each goal beside its figure, and the peers (BENCH=./infra/bench: only whole programs)
	$(AS_ROOT) go test -run '^$$' -bench . -benchtime 300ms -timeout 60m -p 1 -tags '$(subst $(space),$(comma),$(TAGS))' $(BENCH) | go run ./infra/bench/summary

soak: build ## long races, storms and load (hours; SOAK_FOR=20m is the length of the long run)
	LIMPET_SOAK=1 LIMPET_RACE_ROUNDS=1000000 $(AS_ROOT) go test -count=1 -p 1 -timeout 120m -tags '$(subst $(space),$(comma),$(TAGS))' ./internal/intercept/... ./microenforcer/...
	LIMPET_SOAK=1 LIMPET_SOAK_FOR=$(SOAK_FOR) $(AS_ROOT) go test -count=1 -v -timeout 0 -tags kernel -run '^(TestSoak|TestTenMillionEvents)$$' ./infra/e2e
	LIMPET_SOAK=1 $(AS_ROOT) go test -count=1 -v -timeout 480m -tags kernel,docker -run '^(TestCompat|Test.*Suite|TestImages)$$' ./infra/e2e

images: build ## container images: limpet (all in one) and limpet-gateway
	docker build -q -t limpet:$(VERSION) -f infra/images/limpet.Dockerfile bin
	docker build -q -t limpet-gateway:$(VERSION) -f infra/images/gateway.Dockerfile bin

generate: ## regenerate filters, protobuf and schemas (needs libseccomp-dev, protoc)
	infra/dev/generate.sh

clean: ## remove what the build made
	rm -rf bin .build layers/payload/bin/microenforcer-* $(UI)/dist/assets $(UI)/dist/index.html

.build/setup-build: infra/dev/setup.sh go.mod
	@infra/dev/setup.sh build
	@mkdir -p .build && touch $@

$(UI)/node_modules/.installed: $(UI)/package-lock.json
	cd $(UI) && npm ci --no-audit --no-fund --silent
	@touch $@

$(UI)/dist/index.html: $(UI_FILES) $(UI)/node_modules/.installed
	cd $(UI) && npm run --silent build
	@touch $@

layers/payload/bin/microenforcer-linux-%: $(GO_FILES)
	@echo "building microenforcer ($*)"
	@GOOS=linux GOARCH=$* $(GOBUILD) $(ENFORCER_FLAGS) -o $@ ./microenforcer/cmd/microenforcer
	@test $$(wc -c <$@) -le $(ENFORCER_BYTES) || { wc -c $@; echo "larger than $(ENFORCER_BYTES) bytes: see \"What the enforcer links\" in docs/HACKING.md"; rm $@; exit 1; }

bin/limpet: $(GO_FILES) $(PAYLOAD) $(UI)/dist/index.html
	@echo "building limpet"
	@$(GOBUILD) -o $@ .

bin/limpet-gateway: $(GO_FILES)
	@echo "building limpet-gateway"
	@$(GOBUILD) -o $@ ./controlplane/gateway/cmd/limpet-gateway
