# The tree's own Node (24) and tools come first; nats-server and grpcurl of the machine come before those in .tools.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):$(CURDIR)/.tools/bin

installed := node_modules/.installed

.PHONY: help run test soak conformance verify bench ci fmt generate
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: $(installed) ## start Signet and a NATS server on loopback, and show the first calls
	@node scripts/run.ts

test: $(installed) ## run all tests; some only: make test T='test/token/*'
	@scripts/tools.sh nats-server grpcurl >/dev/null || [ -z "$$CI" ]
	@ava $(AVA_FLAGS) $(T)

soak: $(installed) ## run the tests of replicas and of their keys for long: make soak SOAK=50 is fifty times the rounds
	@scripts/tools.sh nats-server >/dev/null
	@SOAK=$${SOAK:-10} ava --timeout=24h --concurrency=1 'test/fault/replicas/*' test/keys/rotating/lifecycle.test.ts

conformance: $(installed) ## run the acceptance rows of the vendors' dialects, with a line for each
	@scripts/tools.sh nats-server >/dev/null || [ -z "$$CI" ]
	@node scripts/conformance.ts

verify: $(installed) ## check generated code, contract, format, lint, types and dead code
	@scripts/verify.sh

bench: $(installed) ## measure
	@node bench/main.ts

ci: ## what the pipeline runs: test, then verify, and a last line of counts
	@bash .ci/run

fmt: $(installed) ## format, and fix what can be fixed by itself
	@buf format --write
	@biome check --write .

generate: $(installed) ## make src/gen and proto/signet.binpb from the contract; refuses a breaking change
	@scripts/generate.sh

$(installed): package.json package-lock.json
	@scripts/install.sh
