# What people run most; `make` alone lists the targets. CARGO can name another cargo.
CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-table lint fmt docs advisories

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## replay a recorded Flink job and show what was decided and why (ARGS=… is passed on)
	@$(CARGO) run --locked --profile demo -p dras-examples --bin demo -- $(ARGS)

test: ## all tests of the workspace, doc-tests included
	$(CARGO) test --locked --workspace

# Criterion first, then counts of instructions (where valgrind is installed), fleets, and at the end the tables with ratios to what is written by
# hand: dras, and the other engines. Those have a workspace of their own, so that nothing else needs what they depend on.
PEERS := benches/peers
bench: ## all benchmarks, at the end tables with ratios (ARGS=… picks among those of criterion)
	$(CARGO) bench --locked -p dras-benches --bench language --bench windows --bench snapshot --bench engine -- $(ARGS)
	$(CARGO) bench --locked -p dras-benches --bench instructions --bench fleet
	$(CARGO) bench --locked --manifest-path $(PEERS)/Cargo.toml --target-dir target/peers --features unsafe-vars --bench peers --no-run
	$(CARGO) bench --locked -p dras-benches --bench summary
	$(CARGO) bench --locked --manifest-path $(PEERS)/Cargo.toml --target-dir target/peers --features unsafe-vars --bench peers

bench-table: ## the tables with ratios alone, without criterion
	$(CARGO) bench --locked -p dras-benches --bench summary
	$(CARGO) bench --locked --manifest-path $(PEERS)/Cargo.toml --target-dir target/peers --features unsafe-vars --bench peers

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

# --- the Python package --------------------------------------------------------------------------------------------------------------------
# All of it happens in target/python: pinned tools, the wheel, an environment with nothing but the wheel, and one with the tools for the tests.
PYTHON ?= python3
PY := target/python
PY_BIN := $(CURDIR)/$(PY)/venv/bin
PIP := -m pip --disable-pip-version-check --quiet install

.PHONY: wheel wheel-free-threaded test-python lint-python docs-python bench-python lock-python
test: test-python
lint: lint-python

$(PY)/venv/.ready: dras-py/requirements/test.txt
	@echo "== Python tools"
	@$(PYTHON) -m venv --clear $(PY)/venv
	@$(PY_BIN)/python $(PIP) --require-hashes --only-binary :all: -r $<
	@touch $@

wheel: $(PY)/venv/.ready ## the Python wheel, as target/python/wheels/dras-*.whl
	@echo "== wheel"
	@rm -rf $(PY)/wheels
	@cd dras-py && $(PY_BIN)/maturin build --quiet --release --locked --out ../$(PY)/wheels

wheel-free-threaded: $(PY)/venv/.ready ## the wheel for CPython 3.14 without the global lock, which need not be installed, as target/python/free-threaded/dras-*.whl
	@cd dras-py && $(PY_BIN)/maturin build --quiet --release --locked --no-default-features --interpreter python3.14t --out ../$(PY)/free-threaded

test-python: wheel ## the Python package as installed: alone in an empty environment, pytest, types, stubs
	@echo "== the wheel alone in an empty environment"
	@$(PYTHON) -m venv --clear $(PY)/empty
	@$(PY)/empty/bin/python $(PIP) --no-index --no-deps $(PY)/wheels/*.whl
	@for example in one_task custom_rule; do $(PY)/empty/bin/python dras-py/examples/$$example.py >/dev/null || exit 1; done
	@$(PY)/empty/bin/dras --version 2>&1 | grep --quiet "pip install 'dras\[cli\]'"
	@echo "== pytest"
	@$(PY_BIN)/python $(PIP) --no-index --no-deps --force-reinstall $(PY)/wheels/*.whl
	@cd dras-py && $(PY_BIN)/pytest --quiet tests
	@echo "== types and stubs"
	@cd dras-py && $(PY_BIN)/mypy --no-incremental tests examples
	@cd dras-py && $(PY_BIN)/python -m mypy.stubtest dras --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt

lint-python: $(PY)/venv/.ready ## format, lints and types of the Python files
	@echo "== Python"
	@$(PY_BIN)/ruff format --quiet --config dras-py/pyproject.toml --check dras-py benches/python
	@$(PY_BIN)/ruff check --quiet --no-cache --config dras-py/pyproject.toml dras-py benches/python
	@cd dras-py && $(PY_BIN)/mypy --no-incremental python/dras

$(PY)/docs/.ready: dras-py/requirements/docs.txt
	@$(PYTHON) -m venv --clear $(PY)/docs
	@$(PY)/docs/bin/python $(PIP) --require-hashes --only-binary :all: -r $<
	@touch $@

docs: docs-python
docs-python: wheel $(PY)/docs/.ready ## the API reference of the Python package, as target/doc/dras-py/index.html
	@$(PY)/docs/bin/python $(PIP) --no-index --no-deps --force-reinstall $(PY)/wheels/*.whl
	@$(PY)/docs/bin/python dras-py/scripts/api_reference.py target/doc/dras-py dras.plot

$(PY)/bench/.ready: benches/python/peers.txt
	@$(PYTHON) -m venv --clear $(PY)/bench
	@$(PY)/bench/bin/python $(PIP) --require-hashes --only-binary :all: -r $<
	@touch $@

bench-python: wheel $(PY)/bench/.ready ## the Python package beside Rust, other rule libraries and plain Python
	@$(PY)/bench/bin/python $(PIP) --no-index --no-deps --force-reinstall $(PY)/wheels/*.whl
	@$(PY)/bench/bin/python benches/python/peers.py

lock-python: $(PY)/venv/.ready ## pin the Python tools anew, with hashes (needs PyPI)
	@$(PY_BIN)/python $(PIP) uv
	@$(PY_BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header -o dras-py/requirements/test.txt dras-py/requirements/test.in
	@$(PY_BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header -o dras-py/requirements/docs.txt dras-py/requirements/docs.in
	@$(PY_BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header -o benches/python/peers.txt benches/python/peers.in

# --- the npm package (dras-node) -------------------------------------------------------------------------------------------------------------
.PHONY: node pack-node test-node docs-node bench-node
NPM ?= npm

dras-node/node_modules/.package-lock.json: dras-node/package-lock.json
	cd dras-node && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

node: dras-node/node_modules/.package-lock.json ## build the addon of the npm package
	cd dras-node && $(NPM) run --silent build

pack-node: node ## the npm package and the one with the addon for this machine, as target/npm/dras-*.tgz
	node dras-node/scripts/pack.mjs target/npm

test: test-node
test-node: node ## pack the npm package, install it in an empty folder, and test it there
	node dras-node/scripts/test.mjs

docs: docs-node
docs-node: dras-node/node_modules/.package-lock.json ## the documentation of the npm package, as target/doc/dras-node/index.html
	cd dras-node && $(NPM) run --silent docs

bench-node: node ## the npm package beside Rust, other rule engines for Node and plain JavaScript
	cd benches/node && $(NPM) install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	node --expose-gc benches/node/peers.mjs
