# `make` lists the targets. Each is one script or one cargo command, so that people and CI run the same.
.DEFAULT_GOAL := help
# Most tests wait for a run to end: six at once take 20 s in place of 55 on two cores.
TEST_THREADS ?= 6
.PHONY: help deps test lint fmt doc deny demo bench bench-held bench-speed k6 k6-schedules picture clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 20

deps: ## what the tests need, as packages (nothing to do when it is there)
	@scripts/install-test-tools

test: deps ## every test; installs what they need first
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked

lint: ## formatting, clippy and rustdoc with warnings as errors, shellcheck if it is there
	@scripts/lint

fmt: ## format the code
	cargo fmt

deny: ## licences, advisories and sources of the dependencies (installs cargo-deny: minutes)
	@scripts/deny

demo: ## the seed's ramp, ten times faster, against the embedded echo target
	cargo run --release --locked -- demo

bench: ## the seed's ramp side by side with k6, on two cores; rewrites docs/benchmarks.md (half an hour)
	@scripts/bench seed --peer k6

bench-held: ## 18,000 held connections: memory of each
	@scripts/bench held

bench-speed: ## messages and connections per core beside bare epoll and k6
	@scripts/bench speed

k6: ## build k6 and Grafana's reader of its formats from their Go modules; check our files with it (needs Go)
	@scripts/k6

k6-schedules: ## record k6's schedules for the tests of executors (needs Go; on an idle machine)
	@scripts/k6-schedules

picture: ## docs/images: the terminal of a real run
	@scripts/picture

clean: ## remove what the targets above made
	rm -rf target .venv .tools tests/servers/node_modules
