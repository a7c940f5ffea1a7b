# `make` alone does what CI does, but for installing Debian's packages and soaking.

GO    ?= go
BUF   := $(GO) tool -modfile=tools/buf.mod buf
LINT  := $(GO) tool -modfile=tools/golangci-lint.mod golangci-lint
VULN  := $(GO) tool -modfile=tools/govulncheck.mod govulncheck
FUZZTIME ?= 20s

# What buf compares the contract with: where this branch left main, or, on main,
# the commit before.
BASE ?= $(shell git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null)
ifeq ($(BASE),$(shell git rev-parse HEAD 2>/dev/null))
BASE := $(shell git rev-parse --verify --quiet HEAD^)
endif

.PHONY: all
all: checkgenerate lint protoc breaking test race conformance examples checkdeploy explorer e2e fuzz ## Everything that CI checks

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve the sandbox on 127.0.0.1:50051
	$(GO) run ./cmd/pelcro-grpc serve --sandbox

.PHONY: build
build: ## A static binary in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pelcro-grpc ./cmd/pelcro-grpc

# The CAs by which the image knows Pelcro.
CA_FILE ?= /etc/ssl/certs/ca-certificates.crt

.PHONY: imagefiles
imagefiles: build ## What deploy/Dockerfile copies, in bin/
	install -m 644 $(CA_FILE) bin/ca-certificates.crt

IMAGE ?= pelcro-grpc

.PHONY: image
image: imagefiles ## The container image IMAGE (pelcro-grpc), by buildah
	buildah build --isolation chroot -f deploy/Dockerfile -t $(IMAGE) .

.PHONY: checkdeploy
checkdeploy: imagefiles ## deploy/: image, manifests, unit and alerts, by the programs that read them
	$(GO) test -count=1 -timeout 20m -tags e2e ./test/deploy

.PHONY: test
test: ## All tests
	$(GO) test ./...

.PHONY: race
race: ## All tests with the race detector; those that measure times by themselves
	$(GO) test -race $$($(GO) list ./... | grep -v /test/promises)
	$(GO) test -race ./test/promises

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME (20s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
		done; \
	done

.PHONY: soak
soak: ## The promises (test/promises) with their full numbers; SOAK="-run R16" for some
	PELCRO_GRPC_SOAK=1 $(GO) test -count=1 -timeout 30m $(SOAK) ./test/promises

.PHONY: bench
bench: ## The gateway beside a handler written by hand, then each benchmark beside its baseline
	$(GO) run ./internal/bench
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: generate
generate: ## gen/ from proto/, docs/errors.md from mapping
	$(BUF) generate
	$(GO) test ./mapping -run '^TestDocs' -update

.PHONY: checkgenerate
checkgenerate: generate ## Fails when what is generated is not committed
	@changed=$$(git status --porcelain -- gen docs); \
	if [ -n "$$changed" ]; then echo "stale; commit what make generate wrote:"; echo "$$changed"; git diff -- gen docs; exit 1; fi

.PHONY: protoset
protoset: ## bin/pelcro.protoset for grpcurl and buf curl, bin/google-rpc.protoset for protoc
	@mkdir -p bin
	$(BUF) build --as-file-descriptor-set -o bin/pelcro.protoset#format=binpb
	$(GO) run ./test/descriptors > bin/google-rpc.protoset

# What the examples in other languages are called. make conformance builds them.
LANGUAGES := python ruby node

.PHONY: languages
languages: protoset ## Stubs of the clients in other languages, and what they need
	@set -e; for language in $(LANGUAGES); do $(MAKE) --no-print-directory -C examples/$$language build; done

.PHONY: conformance
conformance: languages ## Clients in all languages get the same errors; UPDATE=1 writes docs/conformance.md
	$(GO) test -count=1 -tags e2e ./test/conformance $(if $(UPDATE),-update)

# What the end-to-end tests need of Debian. As root make e2e installs what is missing.
E2E_PACKAGES := php-laravel-framework php8.2-cli php8.2-sqlite3 php8.2-mbstring php8.2-xml nginx

.PHONY: laravel
laravel: ## Installs PHP, Laravel and nginx for make e2e, if one is missing and this is root
	@if dpkg -s $(E2E_PACKAGES) >/dev/null 2>&1; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "make e2e needs packages of Debian; as root run: apt-get update && apt-get install --no-install-recommends $(E2E_PACKAGES)"; exit 1; \
	fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $(E2E_PACKAGES) >/dev/null

.PHONY: e2e
e2e: laravel ## The gateway in front of a real Laravel and nginx; UPDATE=1 writes a vector for each new reply
	$(GO) test -count=1 -timeout 5m -parallel 8 -tags e2e ./test/e2e $(if $(UPDATE),-update)

.PHONY: examples
examples: languages ## The examples in other languages, against a sandbox
	@set -e; for language in $(LANGUAGES); do $(MAKE) --no-print-directory -C examples/$$language check; done

.PHONY: explorer
explorer: ## The error explorer in a real browser (CHROMIUM, or Debian's)
	cd test/explorer && npm ci && npm test

.PHONY: screenshots
screenshots: ## docs/explorer.png; with SHOTS=FOLDER also the page in both schemes and on a phone
	cd test/explorer && npm ci && node screenshots.js $(abspath $(SHOTS))

.PHONY: lint
lint: ## gofmt, golangci-lint, buf lint, buf format
	$(LINT) run
	$(BUF) lint
	$(BUF) format --diff --exit-code

# Where the known vulnerabilities are listed: Go's database, a mirror, or a copy
# (file:///FOLDER).
VULNDB ?= https://vuln.go.dev

# Not a part of `all`: its result depends on the network and on the day. govulncheck
# exits with 3 when it has found something, and with 1 when it could not look;
# make itself ends with 2 in both cases.
.PHONY: vulncheck
vulncheck: ## Known vulnerabilities in what the code calls; needs VULNDB (https://vuln.go.dev)
	@status=0; $(VULN) -db $(VULNDB) -tags e2e ./... || status=$$?; \
	case $$status in \
	0) ;; \
	3) echo "vulncheck: the code calls what is listed above (exit code 3); go get the versions that fix it" ;; \
	*) echo "vulncheck: NOTHING WAS CHECKED (exit code $$status). Usually $(VULNDB) cannot be reached from here: run it where it can, or set VULNDB to a mirror or a copy" ;; \
	esac; exit $$status

.PHONY: breaking
breaking: ## Fails when the contract breaks its clients
	@if [ -z "$(BASE)" ] && [ "$$(git rev-list --count HEAD)" -gt 1 ]; then \
		echo "breaking: no earlier commit found; set BASE"; exit 1; \
	elif [ -z "$(BASE)" ] || ! git cat-file -e "$(BASE):buf.yaml" 2>/dev/null; then \
		echo "breaking: there is no earlier contract to compare with"; \
	else \
		echo "breaking: comparing with $(BASE)"; $(BUF) breaking --against '.git#ref=$(BASE)'; \
	fi

.PHONY: protoc
protoc: ## The contract compiles with Debian's protoc, without other include paths
	@out=$$(mktemp -d); protoc -I proto --python_out=$$out proto/pelcro/v1/*.proto && ls $$out/pelcro/v1; rm -rf $$out
