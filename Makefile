# `make` lists the targets. Each is one script or one cargo command, so that people and CI run the same.
.DEFAULT_GOAL := help
# Most tests wait for a run to end: six at once take 20 s in place of 55 on two cores.
TEST_THREADS ?= 6
# Rounds of each comparison of `make bench`; one part alone: scripts/bench tls, see scripts/bench --help.
PAIRS ?= 3
.PHONY: help deps test lint fmt doc deny demo bench bench-soak bench-micro k6 k6-schedules picture dashboard-pictures page-pictures pipeline fleet image-binary image image-test image-deps chart clean

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

image-binary: image-deps ## the static binary of the container image, optimised (minutes)
	@scripts/image binary

image: image-deps ## the container image, built by buildah around that binary; refused above its size limit
	@scripts/image

image-test: image-deps ## the image around an unoptimised binary, its containers run by runc (needs root)
	@scripts/image-test

.PHONY: deb deb-test deb-deps oldest-rust release release-deps
deb: deb-deps ## the Debian package around the image's static binary, in target/debian (minutes)
	@scripts/deb

deb-test: deb-deps ## the package in a Debian that systemd boots: lintian, install, service, upgrade, purge (needs root)
	@scripts/deb-test

deb-deps:
	@scripts/install-test-tools deb

oldest-rust: ## compile with rust-version of Cargo.toml, which rustup installs (minutes)
	@scripts/oldest-rust

release: release-deps ## everything that a release has, with SBOM and checksums, in target/release-files (minutes)
	@scripts/release

release-deps:
	@scripts/install-test-tools release

image-deps:
	@scripts/install-test-tools image

demo: ## the seed's ramp, ten times faster, against the embedded echo target
	cargo run --release --locked -- demo

bench: ## rampd beside its peers, server and generator on a core each; rewrites docs/benchmarks.md (a quarter of an hour)
	@scripts/bench all --pairs $(PAIRS)

bench-soak: ## ten minutes at constant load: memory and files must not grow
	@scripts/bench soak

bench-micro: ## Criterion's figures of single functions
	@scripts/bench micro

k6: ## build k6 and Grafana's reader of its formats from their Go modules; check our files with it (needs Go)
	@scripts/k6

k6-schedules: ## record k6's schedules for the tests of executors (needs Go; on an idle machine)
	@scripts/k6-schedules

picture: ## docs/images: the terminal of a real run
	@scripts/picture

dashboard-pictures: ## docs/images: the dashboards of real runs, drawn with Grafana's own components (needs chromium, 420 MB of npm)
	@scripts/dashboard-pictures

page-pictures: ## docs/images: the page and a report, of real runs (needs pngquant)
	@scripts/page-pictures

pipeline: deps ## a run against a target that is 250 ms late; prints the alert as Alertmanager received it
	@scripts/pipeline

fleet: ## five agents on this machine go to one verdict; as root, scripts/fleet --namespaces --sockets 18000 holds 90,000 sockets
	@scripts/fleet
chart: deps ## what the Helm chart has of the rest: dashboards, rules, the schema of profiles; and its README
	@scripts/chart-files

clean: ## remove what the targets above made
	rm -rf target .venv .tools tests/*/node_modules
