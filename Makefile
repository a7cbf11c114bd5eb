# Every target does its own set-up: see scripts/setup.sh, which says what it installs and why.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-jvm test-browser bindings lint lint-code lint-deps bench fuzz soak release

# rustup puts cargo here; a shell that has not read its profile yet does not know.
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET_DIR := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)

# What `make bench` runs; `load` takes longer and belongs to `make soak`.
BENCHES := seal picture loopback memory connections recovery console

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## The main job before your eyes, then the console in your browser until Ctrl-C (DEMO_ARGS="--once", "--keep DIR")
	@scripts/setup.sh build
	cargo build --release --locked -p safelight-gateway
	$(TARGET_DIR)/release/safelight demo $(DEMO_ARGS)

# Most tests wait for other programs, so there are twice as many at once as cores.
test: ## All tests, and the proof that the core is pure
	@scripts/setup.sh build test jvm browser
	scripts/core-purity.sh
	cargo build --workspace --lib --bins --tests --locked
	RUST_TEST_THREADS=$$((2 * $$(nproc))) cargo test --workspace --locked
	scripts/test-jvm.sh --built
	scripts/test-browser.sh --built

test-jvm: ## Of these, the Android app and the Kotlin bindings on a plain JVM, against a running gateway
	@scripts/setup.sh build jvm
	scripts/test-jvm.sh

test-browser: ## Of these, the console in a real browser; screenshots in target/browser-shots
	@scripts/setup.sh build browser
	scripts/test-browser.sh

bindings: ## Kotlin, Swift and Python for apps, from the built library, into target/bindings
	@scripts/setup.sh build
	cargo build --locked -p safelight-mobile
	cargo run --quiet --locked -p safelight-bindgen -- $(TARGET_DIR)/debug/libsafelight_mobile.so $(TARGET_DIR)/bindings

lint: lint-code lint-deps ## Format, clippy and docs with warnings denied, dependencies

lint-code: ## Format, clippy, docs
	@scripts/setup.sh build lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked

lint-deps: ## Licences, bans, sources and advisories of the dependencies
	@scripts/setup.sh build
	scripts/deny.sh

bench: ## The figures, printed as ratios of one run (docs/BENCHMARKS.md)
	@scripts/setup.sh build
	cargo build --release --locked -p safelight-gateway
	cargo bench --locked -p safelight-tests $(addprefix --bench ,$(BENCHES))

fuzz: ## Every fuzz target for FUZZ_SECONDS (default 1800), with a nightly compiler
	@scripts/setup.sh build
	scripts/fuzz.sh all $(or $(FUZZ_SECONDS),1800)

soak: ## What takes hours: a large clinic, power cuts, fuzzing, two release builds compared
	@scripts/setup.sh build test
	cargo build --release --locked -p safelight-gateway
	cargo bench --locked -p safelight-tests --bench load
	POWER_CUTS=$(or $(POWER_CUTS),1000..6000) cargo test --locked -p safelight-tests --test power_cut
	scripts/reproduce.sh
	scripts/fuzz.sh all $(or $(FUZZ_SECONDS),1800)

release: ## What would be released, with its list of dependencies, into target/dist
	@scripts/setup.sh build
	scripts/release.sh
