# The image of rampd: one static binary and nothing else. docs/image.md has what was measured.
#   docker build -t rampd .                       compiles it
#   docker build -t rampd --target prebuilt DIR   takes DIR/rampd, a static binary; `make image` and the tests do so
# Both end in the stage `base` and one COPY, so that what the tests run is what is shipped.
ARG RUST_VERSION=1.89

FROM scratch AS base
# Numeric: runAsNonRoot cannot judge a name, and there is no /etc/passwd.
USER 65532:65532
# Every address of the container, not its loopback alone: Prometheus is outside of it.
ENV RAMPD_LISTEN=0.0.0.0:6464
# Huge pages are worth 35 MB of memory here and no time: docs/image.md.
ENV MIMALLOC_ALLOW_THP=0
EXPOSE 6464
# A run that gets it writes what it has measured and ends with 105.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/rampd", "healthcheck"]
ENTRYPOINT ["/rampd"]
CMD ["--help"]
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="rampd" \
      org.opencontainers.image.description="Prometheus-exporting load agent for WebSocket and HTTP services" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM base AS prebuilt
COPY --chmod=0555 rampd /rampd

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# musl-gcc for ring's and mimalloc's C.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends musl-tools \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add "$(uname -m)-unknown-linux-musl"
# Its name on every machine: by itself, `cc` looks for another one on aarch64.
ENV CC_x86_64_unknown_linux_musl=musl-gcc CC_aarch64_unknown_linux_musl=musl-gcc
WORKDIR /rampd
# The dependencies have a layer of their own, made from the two manifests and an empty crate: it stays while only the
# code changes. cargo-chef does the same for workspaces; one crate needs three lines in place of another tool to install.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && cargo build --profile image --locked --bin rampd --target "$(uname -m)-unknown-linux-musl"
COPY . .
ARG REVISION=unknown
# The empty crate is newer than the code that replaces it, and cargo goes by time.
RUN touch src/main.rs src/lib.rs \
 && RAMPD_REVISION="${REVISION}" cargo build --profile image --locked --bin rampd --target "$(uname -m)-unknown-linux-musl" \
 && cp "target/$(uname -m)-unknown-linux-musl/image/rampd" /rampd-static

FROM base
COPY --chmod=0555 --from=build /rampd-static /rampd
