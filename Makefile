# Everything a newcomer needs: `make demo` and `make test`. Each installs what it lacks.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Where cargo puts what it builds: CARGO_TARGET_DIR, a setting of cargo, or `target`.
TARGET = $(shell cargo metadata --no-deps --offline --format-version 1 2>/dev/null | grep -oE '"target_directory":"[^"]*"' | cut -d \" -f 4)
PROGRAM = $(TARGET)/debug/towpath
# Where `make install` puts the program.
PREFIX ?= $(HOME)/.local

.PHONY: help demo build page test check fmt clippy deny test-rust test-page evals clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: build ## Build everything, move the sample shop's tables after asking you, then serve the page
	@$(PROGRAM) demo

build: page ## Build the page and the program
	cargo build --locked

install: page ## Build with optimisation, and put `towpath` into PREFIX (default ~/.local)
	cargo build --locked --release
	install -d $(PREFIX)/bin $(PREFIX)/lib/towpath
	install -m 755 $(TARGET)/release/towpath $(PREFIX)/lib/towpath/towpath
	install -m 644 $${DUCKDB_LIB_DIR:-.deps/duckdb}/libduckdb.so $(PREFIX)/lib/towpath/libduckdb.so
	ln -sf $(PREFIX)/lib/towpath/towpath $(PREFIX)/bin/towpath
	@echo "$(PREFIX)/bin/towpath is installed."
.PHONY: install

page: deps
	cd web-chat && npm run --silent build

deps:
	@scripts/deps build
.PHONY: deps test-deps

test-deps:
	@scripts/deps test

test: test-deps page check test-page test-rust test-browser ## Install and start what the tests need, and run them all

check: fmt clippy ## Formatting and lints

fmt:
	cargo fmt --check

clippy: page
	cargo clippy --locked --all-targets --quiet -- -D warnings

test-rust: page ## Rust tests and evaluations against real servers; what uses the store, over both of its databases
	scripts/servers cargo nextest run --locked
	TOWPATH_TEST_STORE=postgres scripts/servers cargo nextest run --locked -E 'test(/^(agent|cli|http|runner)::/)'

test-page: page ## The page: types, unit tests
	cd web-chat && npm run --silent check && npm test --silent

chaos: page ## Strike runs at hundreds of points (processes, servers, wires), and print the tally; `CHAOS` times as many as the tests do
	@set -o pipefail; TOWPATH_TEST_CHAOS=$${CHAOS:-5} scripts/servers cargo nextest run --locked --success-output final \
		-E 'test(/^kill::/) or test(/^faults::(wire|crash)::/)' 2>&1 | tee /tmp/towpath-chaos.log | grep -vE '^ *(Compiling|test |running )'
	@awk '/TALLY/ {sub(/.*TALLY /, ""); count = $$NF; sub(/: [0-9]+$$/, ""); split($$0, part, ","); sum[part[1]] += count; all += count} \
		END {for (what in sum) print sum[what], what; print all, "in all; every run ended with exactly the rows that the source has"}' /tmp/towpath-chaos.log
.PHONY: chaos

bench: ## Measure the data plane beside its limits and other programs; `BENCH_PEERS` names what benches/peers/install filled
	cargo build --locked --release
	BENCH_PROGRAM=$(subst /debug/,/release/,$(PROGRAM)) benches/run.py $(WORKS)
.PHONY: bench

test-browser: build ## The page in a real browser against the real server
	scripts/browser-test $(PROGRAM)
.PHONY: test-browser

evals: build ## Evaluate the embedded planner on every case in tests/evals
	$(PROGRAM) eval --cases tests/evals/cases --worlds tests/evals/worlds

deny: ## Licences, sources and bans of dependencies
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

clean: ## Remove what was built and the demo's data
	rm -rf target web-chat/dist .demo
