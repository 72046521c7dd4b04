# The developer's front door. Each target does its own set-up.

.DEFAULT_GOAL := help
.PHONY: help setup dev build components test test-clients test-ingest lint lint-board bench bench-peers soak schemathesis up migrate clean install-backend setup-db dev-backend

CARGO := cargo
# The folder of the native build; the components are always built into ./target, where spin.toml looks for them.
NATIVE := $(or $(CARGO_TARGET_DIR),target)
ORCHESTRATOR := $(NATIVE)/release/orchestrator
# The components, which spin.toml lists.
COMPONENTS := $(shell sed -n 's/^\[component\.\([a-z]*\)\]$$/-p \1/p' spin.toml)

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | \
		while IFS='|' read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done

setup: ## Install what the build needs: the wasm target, and see that there is a C compiler
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: install gcc or clang"; exit 1; }
	@test -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-wasip2" || rustup target add wasm32-wasip2

components: setup ## Build the components
	$(CARGO) build --locked --profile component --target wasm32-wasip2 --target-dir target $(COMPONENTS)

build: components ## Build the components and the dev-server
	$(CARGO) build --locked --release --workspace --bin orchestrator

dev: build ## Serve everything on http://localhost:8000
	@$(ORCHESTRATOR) serve

test: components ## Run all tests
	$(CARGO) test --locked --release --workspace

test-clients: $(ORCHESTRATOR) target/clients/python/ready clients/typescript/node_modules/.package-lock.json ## Run the tests of the clients and of examples/claude-code against the real server
	cd clients/python && PATH="$(CURDIR)/target/clients/python/bin:$$PATH" && \
		ruff format --config pyproject.toml --check . ../../examples/claude-code && \
		ruff check --config pyproject.toml . ../../examples/claude-code && mypy && \
		pytest && pytest --config-file pyproject.toml --rootdir . ../../examples/claude-code
	cd clients/typescript && npm run --silent lint && npm test --silent

# One that `make test` has built will do: with other features of what it is made of, all that would be built again.
$(ORCHESTRATOR):
	$(MAKE) build

test-ingest: $(ORCHESTRATOR) target/ingest/ready ## Run agents of real frameworks and see what their exporters tell the real server
	cd dev-server/tests/ingest && $(CURDIR)/target/ingest/bin/pytest -p no:cacheprovider

# The exporters and frameworks that it takes.
target/ingest/ready: dev-server/tests/ingest/requirements.txt
	python3 -m venv --clear target/ingest
	target/ingest/bin/pip install --quiet --require-hashes --requirement $<
	touch $@

# The tools and libraries of the Python client.
target/clients/python/ready: clients/python/requirements-dev.txt
	python3 -m venv --clear target/clients/python
	target/clients/python/bin/pip install --quiet --require-hashes --requirement clients/python/requirements-dev.txt
	touch $@

# The same for the TypeScript client.
clients/typescript/node_modules/.package-lock.json: clients/typescript/package-lock.json
	cd clients/typescript && npm ci --silent
	touch $@

lint: setup lint-board ## Check format, lints and dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --release --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --profile component --target wasm32-wasip2 --target-dir target $(COMPONENTS) -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; \
		else echo "cargo-deny is not installed: dependencies are not checked"; fi

# The board's types, and that its Markdown parser is that of its package. npm also brings axe-core, for `make test`.
BOARD := components/backend/assets/dashboard
lint-board:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory node_modules && node_modules/.bin/tsc -p . && \
		{ echo '// @ts-nocheck'; grep -v '^//# sourceMappingURL' node_modules/marked/lib/marked.esm.js; } | \
		cmp - $(BOARD)/vendor/marked.js; \
		elif [ -n "$$CI" ]; then echo "npm is missing"; exit 1; else echo "npm is not installed: the board is not checked"; fi

node_modules: package-lock.json
	npm ci --no-audit --no-fund
	@touch node_modules

bench: build ## Measure, and write docs/benchmark.md; with PEERS=1 others too, and docs/peers.md
	@command -v wrk >/dev/null || { apt-get update -qq && apt-get install -y -qq wrk; } || \
		{ echo "wrk is missing: install it with your package manager"; exit 1; }
	$(CARGO) run --locked --release --bin bench
	@if [ -n "$(PEERS)" ]; then $(MAKE) --no-print-directory bench-peers; fi

# What `make bench PEERS=1` does after that: PocketBase and a FastAPI service with the same data.
bench-peers: build target/peers/ready
	target/peers/bin/python bench/peers/run --orchestrator $(ORCHESTRATOR) --output docs/peers.md

target/peers/ready: bench/peers/requirements.txt
	python3 -m venv --clear target/peers
	target/peers/bin/pip install --quiet --requirement bench/peers/requirements.txt
	touch $@

soak: build ## Run a server into trouble for MINUTES (10), and see what it has lost
	@scripts/soak --minutes $(or $(MINUTES),10)

schemathesis: build ## Ask everything that the API's document describes, each in so many ways at most: EXAMPLES (100)
	@scripts/schemathesis --examples $(or $(EXAMPLES),100)

up: build ## Serve REST with Spin and the live feed beside it, on one port
	@scripts/up $(ORCHESTRATOR)

migrate: ## Bring the database at DATABASE_PATH up to date
	$(CARGO) run --locked --release --bin orchestrator -- migrate

clean: ## Remove what was built (the data stay)
	$(CARGO) clean
	rm -rf target

# The names that the specification uses.
install-backend: build ## The same as build
setup-db: migrate ## The same as migrate
dev-backend: dev ## The same as dev
