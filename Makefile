# Every entry point of the repository. What the machine lacks is installed by scripts/setup.sh,
# which says what it installs and asks nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build dashboard test lint bench py screenshot soak

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

# vas-py is an extension module: only a Python interpreter can link it, so `cargo test` leaves it out.
RUST_TESTS := --workspace --exclude vas-py --all-features

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: dashboard ## Build the dashboard and the server (release), and start it with two built-in cameras
	cargo build --locked --release -p vas-server --features embed-dashboard
	$(TARGET_DIR)/release/vas-server demo

dashboard: ## Build the dashboard's files into vas-server/dashboard/dist, and hold them against their budgets
	@scripts/setup.sh dashboard
	npm run build --prefix vas-server/dashboard --silent

build: ## Build the server (release) as target/release/vas-server; with FEATURES=embed-dashboard, its dashboard within
	@scripts/setup.sh build
	cargo build --locked --release -p vas-server $(if $(FEATURES),--features $(FEATURES))

test: ## Install what the tests need, lint, and run every test but the long ones
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory dashboard
	npm test --prefix vas-server/dashboard --silent
	cargo build --locked $(RUST_TESTS) --bins --examples
	cargo test --locked $(RUST_TESTS) -- --show-output
	@$(MAKE) --no-print-directory py

lint: ## Formatting, clippy, documentation, licences and bans
	@scripts/setup.sh lint
	npm run lint --prefix vas-server/dashboard --silent
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps
	cargo deny --locked check --hide-inclusion-graph bans licenses sources

# Neither sound nor WHIP is measured, and both take long to build.
bench: ## Benchmarks: the hub; fan-out beside its floor; delay; memory and set-up of viewers; recording; the index
	@scripts/setup.sh build
	cargo bench --locked -p vas-core --bench hub
	cargo bench --locked -p vas-sfu --no-default-features --bench fanout
	cargo bench --locked -p vas-sfu --no-default-features --bench latency
	cargo bench --locked -p vas-examples --bench viewers
	cargo bench --locked -p vas-record --bench record
	cargo bench --locked -p vas-server --bench index

py: ## Build the Python module into .venv, check its stubs and run its tests
	@scripts/setup.sh build
	@scripts/setup.sh py
	cargo build --locked $(RUST_TESTS) --example test_camera
	test -x .venv/bin/python || python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check "maturin~=1.16" "mypy~=2.4" "pytest~=9.2"
	VIRTUAL_ENV="$(CURDIR)/.venv" .venv/bin/maturin develop --locked --quiet --manifest-path vas-py/Cargo.toml
	.venv/bin/mypy --config-file vas-py/pyproject.toml vas-py/python vas-py/tests
	.venv/bin/stubtest --mypy-config-file vas-py/pyproject.toml vas
	PYTHONDONTWRITEBYTECODE=1 .venv/bin/pytest vas-py/tests

screenshot: ## Take the README's picture of the running page anew
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory dashboard
	cargo test --locked $(RUST_TESTS) --test it -- dashboard::
	cp $(TARGET_DIR)/tmp/dashboard/dashboard-dark.png docs/dashboard.png
	cp $(TARGET_DIR)/tmp/dashboard/live-dark.png docs/live.png

# Only unit and integration tests: with --ignored, cargo would also run the documentation's fragments.
soak: ## The long tests, those marked #[ignore], one after the other, and each parser fuzzed for a minute
	@scripts/setup.sh test
	cargo build --locked $(RUST_TESTS) --bins --examples
	cargo test --locked $(RUST_TESTS) --tests -- --ignored --nocapture --test-threads=1
	fuzz/run.sh 60
