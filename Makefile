# The two commands: `make run` serves edgehive.cue, `make test` tests everything.

GO        ?= go
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.version=$(VERSION)
BUILD     := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
COMMAND   := ./runtime/cmd/edge-hive
BINARY    := bin/edge-hive
TARGETS   := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

# The race detector needs a C compiler; without one the tests run without it. It
# watches all but two libraries that only compute, each time for one goroutine: SQLite's
# code and the compiler of WebAssembly, which take five times as long when each of their
# reads is watched. The drivers that call them are watched as all else. A package that
# makes a copy of generic code of sync, as the compiler's wazevoapi does, must be
# watched: of all copies the program has one.
RACE      := $(shell command -v $(or $(CC),cc) >/dev/null 2>&1 && echo -race)
WAZEVO    := github.com/tetratelabs/wazero/internal/engine/wazevo
UNWATCHED := $(if $(RACE),$(foreach of,github.com/ncruces/go-sqlite3-wasm/v6/... \
	$(WAZEVO)/backend/... $(WAZEVO)/frontend/... $(WAZEVO)/ssa/...,-gcflags=$(of)=-race=false))

# Tools of `make check`, pinned.
GOFUMPT       := mvdan.cc/gofumpt@v0.12.0
STATICCHECK   := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: run build cross surreal guests test check bench fuzz storm public seed clean

run: build
	$(BINARY) serve edgehive.cue

build:
	$(BUILD) -o $(BINARY) $(COMMAND)

# One static binary for each platform, in dist/.
cross:
	@for target in $(TARGETS); do \
		os=$${target%/*}; arch=$${target#*/}; suffix=; [ $$os = windows ] && suffix=.exe; \
		echo "dist/edge-hive-$$os-$$arch$$suffix"; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o dist/edge-hive-$$os-$$arch$$suffix $(COMMAND) || exit 1; \
	done

# The SurrealDB that tests run against, where neither SURREAL_URL names one nor a
# surreal binary is installed. Without npm the tests that need it fail, and say so.
SURREAL := runtime/store/surreal/surrealtest/server
surreal:
	@if [ -z "$$SURREAL_URL" ] && ! command -v surreal >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory $(SURREAL)/node_modules; \
	fi

$(SURREAL)/node_modules: $(SURREAL)/package-lock.json
	npm ci --prefix $(SURREAL) --no-audit --no-fund
	@touch $@

# The AssemblyScript compiler and the Extism kit that functions are built with in
# tests. Without npm those tests take the committed modules.
GUESTS := examples/internal/guest/npm
guests:
	@if command -v npm >/dev/null 2>&1; then $(MAKE) --no-print-directory $(GUESTS)/node_modules; fi

$(GUESTS)/node_modules: $(GUESTS)/package-lock.json
	npm ci --prefix $(GUESTS) --no-audit --no-fund
	@touch $@

# -p 2: several packages start servers and processes of their own. The kits are
# tested without the race detector: what it would watch there is a compiler, at a
# tenth of its speed.
test: surreal guests
	$(GO) vet ./...
	CGO_ENABLED=$(if $(RACE),1,0) $(GO) test $(RACE) $(UNWATCHED) -p 2 -timeout 20m $$($(GO) list ./... | grep -v /examples/kits)
	$(GO) test -timeout 20m ./examples/kits/...
	@$(GO) test -count=1 -v -run '^TestSuites$$' ./runtime/conformance | sed -n 's/^ *suites_test.go:[0-9]*: //p'
	@.ci/unexercised

# Formatting, vet, linters, a tidy module; fails on any difference.
check:
	@test -z "$$($(GO) run $(GOFUMPT) -l . | tee /dev/stderr)" || (echo "run: go run $(GOFUMPT) -w ." >&2; exit 1)
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(GOLANGCI_LINT) run
	$(GO) mod tidy -diff
	git diff --exit-code -- go.mod go.sum

# Ratios against the bare libraries, over HTTP on loopback and in process, and
# as a front door beside nginx and Caddy, which is built once (minutes).
bench: build
	$(GO) run ./runtime/bench -binary $(BINARY)

# Every fuzz target, FUZZTIME each.
FUZZTIME ?= 60s
fuzz:
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# The long forms of the tests that `make test` runs short.
storm:
	EDGEHIVE_STORM=200 EDGEHIVE_KILL_ROUNDS=50 EDGEHIVE_FAULTS=every EDGEHIVE_FEED_SECONDS=60 EDGEHIVE_AGREEMENT_CASES=5000 $(GO) test -count=1 -timeout 60m ./runtime/engine/... ./runtime/store/...
	EDGEHIVE_STORM=200 $(GO) test -count=1 -timeout 30m ./runtime/redis
	EDGEHIVE_ATTACK=full $(GO) test -count=1 -timeout 30m -v -run TestAttackSlow ./runtime/web
	EDGEHIVE_CHAOS_ROUNDS=20 $(GO) test -count=1 -timeout 60m -run TestChaos ./runtime/cmd/edge-hive
	EDGEHIVE_UPGRADES=50 EDGEHIVE_RELOADS=200 $(GO) test -count=1 -timeout 30m -v -run 'TestRestartStorm|TestUpgradeFunctions' ./runtime/cmd/edge-hive
	EDGEHIVE_KILL_ROUNDS=30 $(GO) test -count=1 -timeout 30m -v -run TestTriggersSurviveKills ./runtime/cmd/edge-hive
	EDGEHIVE_AGREEMENT_CASES=100000 $(GO) test -count=1 -timeout 60m -run 'TestStore/agrees_with_query.Holds' ./runtime/store/sqlite
	EDGEHIVE_AGREEMENT_CASES=500 $(GO) test -count=1 -timeout 60m ./runtime/data

# What the public looks at servers by: testssl.sh to its end, h2spec, h2load
# (apt: testssl.sh openssl nghttp2-client; minutes).
public:
	EDGEHIVE_PUBLIC=1 $(GO) test -count=1 -timeout 30m -v -run 'TestTestssl|TestH2spec|TestH2load' $(COMMAND)

# The made-up catalogue of the bookshop.
seed:
	$(GO) run examples/bookshop/seed/generate.go examples/bookshop/seed

clean:
	rm -rf bin dist
