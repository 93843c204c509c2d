# The checkout's own Node (24) and tools come first. nats-server and grpcurl come from the machine, else from .tools.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):$(CURDIR)/.tools/bin
# The tests start hundreds of processes and threads, and Node strips and compiles the sources for each.
test soak conformance: export NODE_COMPILE_CACHE := $(CURDIR)/node_modules/.cache/compiled

installed := node_modules/.installed

.PHONY: help run test soak conformance verify bench ci fmt generate
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: $(installed) ## start Signet and a NATS server on loopback, and print the first calls
	@node scripts/run.ts

test: $(installed) ## run all tests, or some: make test T='test/token/*'
	@scripts/tools.sh nats-server grpcurl >/dev/null || [ -z "$$CI" ]
	@ava $(AVA_FLAGS) $(T)

soak: $(installed) ## run the tests of replicas, hostile clients, keys, decoding, expressions and Centrifugo's server with ten times the rounds; for fifty times: make soak SOAK=50
	@scripts/tools.sh nats-server >/dev/null
	@scripts/tools.sh centrifugo >/dev/null || true
	@SOAK=$${SOAK:-10} ava --timeout=24h --concurrency=1 'test/fault/replicas/*' test/fault/hostile-clients/hostile-clients.test.ts test/keys/rotating/lifecycle.test.ts test/keys/rotating/hostile-random.test.ts test/grpc/wire/decode-request.test.ts test/profile/cel/metered-values.test.ts test/fault/service/many-revocations.test.ts test/e2e/example-profiles.test.ts

conformance: $(installed) ## run the acceptance tests of the vendors' dialects, and print one line for each row
	@scripts/tools.sh nats-server >/dev/null || [ -z "$$CI" ]
	@node scripts/conformance.ts

verify: $(installed) ## check generated code, contract, format, lint, types and dead code
	@scripts/verify.sh

bench: $(installed) ## measure throughput and latency
	@node bench/main.ts

ci: ## run what the pipeline runs: test, then verify, then a last line of counts
	@bash .ci/run

fmt: $(installed) ## format, and apply automatic fixes
	@buf format --write
	@biome check --write .

generate: $(installed) ## generate src/gen and proto/signet.binpb from the contract; refuses a breaking change
	@scripts/generate.sh

$(installed): package.json package-lock.json
	@scripts/install.sh
