# `make` alone does what CI does, except installing Debian's packages, soaking and benchmarks.

GO    ?= go
BUF   := $(GO) tool -modfile=tools/buf.mod buf
LINT  := $(GO) tool -modfile=tools/golangci-lint.mod golangci-lint
ACTIONLINT := $(GO) tool -modfile=tools/actionlint.mod actionlint
VULN  := $(GO) tool -modfile=tools/govulncheck.mod govulncheck
FUZZTIME ?= 20s

# The commit whose contract buf compares with: where this branch left main, or, on main, the commit
# before.
BASE ?= $(shell git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null)
ifeq ($(BASE),$(shell git rev-parse HEAD 2>/dev/null))
BASE := $(shell git rev-parse --verify --quiet HEAD^)
endif

.PHONY: all
all: checkgenerate lint protoc breaking test race conformance examples checkdeploy explorer e2e fuzz ## Check everything (the default)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve the sandbox on 127.0.0.1:50051
	$(GO) run ./cmd/pelcro-grpc serve --sandbox

.PHONY: build
build: ## Build a static binary in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pelcro-grpc ./cmd/pelcro-grpc

# The CAs with which the image verifies Pelcro's certificate.
CA_FILE ?= /etc/ssl/certs/ca-certificates.crt

.PHONY: imagefiles
imagefiles: build ## Put the files that deploy/Dockerfile copies into bin/
	install -m 644 $(CA_FILE) bin/ca-certificates.crt

IMAGE ?= pelcro-grpc

.PHONY: image
image: imagefiles ## Build the container image IMAGE (pelcro-grpc) with buildah
	buildah build --isolation chroot -f deploy/Dockerfile -t $(IMAGE) .

.PHONY: release
release: ## Build a release in dist/: binaries, image, bills of materials, checksums; VERSION=0.1.0
	.ci/release "$(VERSION)"

.PHONY: checkdeploy
checkdeploy: imagefiles ## Check deploy/ (image, manifests, unit, alerts) with the programs that read it
	$(GO) test -count=1 -timeout 20m -tags e2e ./deploy

.PHONY: test
test: ## Run all tests
	$(GO) test ./...

.PHONY: race
race: ## Run all tests with the race detector
	$(GO) test -race ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (20s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
		done; \
	done

.PHONY: soak
soak: ## Run the promises (test/promises) with their full numbers; SOAK="-run R16" for some
	PELCRO_GRPC_SOAK=1 $(GO) test -count=1 -timeout 30m $(SOAK) ./test/promises

.PHONY: bench
bench: ## Compare the gateway with a handler by hand and vanguard-go, then run every benchmark
	$(GO) run ./internal/bench
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: generate
generate: ## Generate gen/ and proto/pelcro.protoset from proto/, and docs/errors.md from mapping
	$(BUF) generate
	$(MAKE) --no-print-directory protoset
	$(GO) test ./mapping -run '^TestDocs' -update

.PHONY: checkgenerate
checkgenerate: generate ## Fail if generated files are not committed
	@changed=$$(git status --porcelain -- gen docs proto/pelcro.protoset); \
	if [ -n "$$changed" ]; then echo "stale; run make generate and commit:"; echo "$$changed"; git diff -- gen docs proto/pelcro.protoset; exit 1; fi

.PHONY: protoset
protoset: ## Write proto/pelcro.protoset: the contract with the types of the error details
	@$(GO) run ./tools/descriptors > proto/pelcro.protoset.new
	@mv proto/pelcro.protoset.new proto/pelcro.protoset

# The folders of the examples in other languages. make conformance builds them.
LANGUAGES := python ruby node java

.PHONY: languages
languages: ## Build the stubs of the clients in other languages, with their dependencies
	@set -e; for language in $(LANGUAGES); do $(MAKE) --no-print-directory -C examples/$$language build; done

.PHONY: conformance
conformance: languages ## Check that clients in all languages get the same errors; UPDATE=1 writes docs/conformance.md
	$(GO) test -count=1 -tags e2e ./test/conformance $(if $(UPDATE),-update)
	$(GO) test -count=1 -tags e2e -run '^TestR37InOtherLanguages$$' ./test/promises

# The Debian packages that the end-to-end tests need. As root, make e2e installs missing ones.
E2E_PACKAGES := php-laravel-framework php8.2-cli php8.2-sqlite3 php8.2-mbstring php8.2-xml nginx

.PHONY: laravel
laravel: ## Install PHP, Laravel and nginx for make e2e, if one is missing; as root
	@if dpkg -s $(E2E_PACKAGES) >/dev/null 2>&1; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "make e2e needs packages of Debian; as root run: apt-get update && apt-get install --no-install-recommends $(E2E_PACKAGES)"; exit 1; \
	fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $(E2E_PACKAGES) >/dev/null

.PHONY: e2e
e2e: laravel ## Test the gateway in front of a real Laravel and nginx; UPDATE=1 writes a vector for each new response
	$(GO) test -count=1 -timeout 15m -parallel 8 -tags e2e ./test/e2e $(if $(UPDATE),-update)

.PHONY: examples
examples: languages ## Run the examples in other languages against a sandbox
	@set -e; for language in $(LANGUAGES); do $(MAKE) --no-print-directory -C examples/$$language check; done

.PHONY: explorer
explorer: ## Test the error explorer in a real browser (CHROMIUM, or Debian's)
	cd internal/explorer/browser && npm ci && npm test

.PHONY: screenshots
screenshots: ## Take docs/explorer.png; with SHOTS=FOLDER also the page in both schemes and on a phone
	cd internal/explorer/browser && npm ci && node screenshots.js $(abspath $(SHOTS))

.PHONY: lint
lint: ## Run gofmt, golangci-lint, buf lint, buf format and actionlint
	$(LINT) run
	$(BUF) lint
	$(BUF) format --diff --exit-code
	$(ACTIONLINT) -shellcheck= -pyflakes=

# The list of known vulnerabilities: Go's database, a mirror, or a copy (file:///FOLDER).
VULNDB ?= https://vuln.go.dev

# Not a part of `all`: its result depends on the network and on the day. govulncheck exits with 3
# when it has found a vulnerability, and with 1 when it could not check; make exits with 2 in both
# cases.
.PHONY: vulncheck
vulncheck: ## Look up known vulnerabilities in VULNDB (https://vuln.go.dev)
	@status=0; $(VULN) -db $(VULNDB) -tags e2e ./... || status=$$?; \
	case $$status in \
	0) ;; \
	3) echo "vulncheck: the code calls what is listed above (exit code 3); go get the versions that fix it" ;; \
	*) echo "vulncheck: NOTHING WAS CHECKED (exit code $$status). Usually $(VULNDB) cannot be reached from here: run it where it can, or set VULNDB to a mirror or a copy" ;; \
	esac; exit $$status

# The contract is kept from the first commit that has proto/pelcro.protoset. Before it, nothing was
# released and anything could change.
.PHONY: breaking
breaking: ## Fail if a change of the contract breaks its clients
	@if [ -z "$(BASE)" ] && [ "$$(git rev-list --count HEAD)" -gt 1 ]; then \
		echo "breaking: no earlier commit found; set BASE"; exit 1; \
	elif [ -z "$(BASE)" ] || ! git cat-file -e "$(BASE):proto/pelcro.protoset" 2>/dev/null; then \
		echo "breaking: there is no earlier contract to compare with"; \
	else \
		echo "breaking: comparing with $(BASE)"; $(BUF) breaking --against '.git#ref=$(BASE)'; \
	fi

.PHONY: protoc
protoc: ## Compile the contract with Debian's protoc, without other include paths
	@out=$$(mktemp -d); protoc -I proto --python_out=$$out proto/pelcro/v1/*.proto && ls $$out/pelcro/v1; rm -rf $$out
