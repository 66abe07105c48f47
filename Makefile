# What people run most; `make` alone lists the targets. CARGO can name another cargo.
CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint fmt docs advisories

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## replay a recorded Flink job and show what was decided and why (ARGS=… is passed on)
	@$(CARGO) run --locked --profile demo -p dras-examples --bin demo -- $(ARGS)

test: ## all tests of the workspace, doc-tests included
	$(CARGO) test --locked --workspace

bench: ## all benchmarks (criterion; ARGS=… is passed on)
	$(CARGO) bench --locked --workspace -- $(ARGS)

lint: ## format, clippy, rustdoc, architecture, dependencies; warnings are errors
	@echo "== format"
	@$(CARGO) fmt --all --check
	@echo "== clippy"
	@$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings
	@echo "== rustdoc"
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --workspace --no-deps
	@echo "== architecture"
	@$(CARGO) test --quiet --locked -p dras-core --test architecture
	@echo "== dependencies"
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	    $(CARGO) deny --locked --all-features check bans licenses sources; \
	else \
	    echo "cargo-deny is not installed, so licences, bans and sources were not checked (cargo install --locked cargo-deny)"; \
	fi

advisories: ## known security holes in dependencies (needs cargo-deny, and GitHub for the database)
	$(CARGO) deny --locked --all-features check advisories

fmt: ## format all Rust code
	$(CARGO) fmt --all

docs: ## the API documentation, as target/doc/dras_core/index.html
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# --- the npm package (dras-node) -------------------------------------------------------------------------------------------------------------
.PHONY: node test-node docs-node bench-node
NPM ?= npm

dras-node/node_modules/.package-lock.json: dras-node/package-lock.json
	cd dras-node && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

node: dras-node/node_modules/.package-lock.json ## build the addon of the npm package
	cd dras-node && $(NPM) run --silent build

test: test-node
test-node: node ## pack the npm package, install it in an empty folder, and test it there
	node dras-node/scripts/test.mjs

docs: docs-node
docs-node: dras-node/node_modules/.package-lock.json ## the documentation of the npm package, as target/doc/dras-node/index.html
	cd dras-node && $(NPM) run --silent docs

bench-node: node ## the npm package against other rule engines for Node
	cd benches/node && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	node --expose-gc benches/node/peers.mjs
