# The checkout's own Node (24) and tools come first. nats-server and grpcurl come from the machine, else from .tools.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):$(CURDIR)/.tools/bin
# The tests start hundreds of processes and threads, and Node strips and compiles the sources for each.
test soak conformance: export NODE_COMPILE_CACHE := $(CURDIR)/node_modules/.cache/compiled

installed := node_modules/.installed

.PHONY: help run demo build package image test soak conformance verify bench ci fmt generate manifests
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: $(installed) ## start Signet and a NATS server on loopback, and print the first calls
	@node scripts/run.ts

demo: $(installed) ## start Signet, NATS, an example gateway and backend, and print the address of a page that uses them
	@node scripts/demo.ts

build: $(installed) ## make the package that is published, in dist/package
	@node scripts/build.ts

package: build ## pack it into dist, as a tarball for npm install
	@npm pack --silent --pack-destination dist ./dist/package

image: ## build the container image, and pin its bases in the Dockerfile; by their newest digests: make image RENEW=1
	@scripts/image.sh $(if $(RENEW),--renew)

test: $(installed) ## run all tests, or some: make test T='test/token/*'
	@scripts/tools.sh nats-server grpcurl helm kubeconform hadolint prometheus promtool tlog-fsck >/dev/null || [ -z "$$CI" ]
	@scripts/browser.sh $${CI:+--install} >/dev/null || [ -z "$$CI" ]
	@scripts/commands.sh $${CI:+--install} zsh fish script ip mkfs.ext4 losetup nsenter setpriv systemctl python3 openssl curl || [ -z "$$CI" ]
	@scripts/test.sh $(AVA_FLAGS) $(T)

soak: $(installed) ## run the tests of replicas (also beside the version before), kills, sessions, the audit beside a NATS in trouble, hostile clients and messages, keys, decoding, expressions, Centrifugo's server, the nats command and the image as buildah builds it, with ten times the rounds; for fifty times: make soak SOAK=50
	@scripts/tools.sh nats-server >/dev/null
	@scripts/tools.sh centrifugo nats >/dev/null || true
	@scripts/commands.sh $${CI:+--install} buildah crun || [ -z "$$CI" ]
	@SOAK=$${SOAK:-10} ava --timeout=24h --concurrency=1 'test/fault/replicas/*' 'test/fault/sessions/*' 'test/fault/audit/*' test/compatibility/side-by-side.test.ts test/session/simulation/exactness.test.ts 'test/fault/hostile-clients/*' test/e2e/hostile.test.ts test/keys/rotating/lifecycle.test.ts test/keys/rotating/hostile-random.test.ts test/grpc/wire/decode-request.test.ts test/profile/cel/metered-values.test.ts test/fault/service/many-revocations.test.ts test/fault/service/restart.test.ts test/e2e/example-profiles.test.ts test/e2e/nats-command.test.ts test/container/engine.test.ts

conformance: $(installed) ## run the acceptance tests of the vendors' dialects, and print one line for each row
	@scripts/tools.sh nats-server >/dev/null || [ -z "$$CI" ]
	@node scripts/conformance.ts

verify: $(installed) ## check generated code, contract, format, lint, types and dead code
	@scripts/verify.sh

bench: $(installed) ## measure CPU, latency and memory beside peers (docs/bench.md); make bench PEERS=1 B='--table scale'
	@[ -z "$(PEERS)" ] || npm ci --prefix bench/peers/oidc-provider --loglevel=error --no-fund --no-audit
	@node bench/main.ts $(if $(PEERS),--peers) $(B)

ci: ## run what the pipeline runs: test, then verify, then a last line of counts
	@bash .ci/run

fmt: $(installed) ## format, and apply automatic fixes
	@buf format --exclude-path proto/grpc --exclude-path proto/spiffe --write
	@biome check --write .

generate: $(installed) ## generate src/gen and proto/signet.binpb (refuses a breaking change) and docs/command-line.md
	@scripts/generate.sh
	@node scripts/command-line.ts

manifests: $(installed) ## write what deploy/ has of the chart: deploy/kubernetes, and the schema of its value config
	@node scripts/kubernetes.ts

$(installed): package.json package-lock.json examples/gateway/package-lock.json
	@scripts/install.sh
