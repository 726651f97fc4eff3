//! The one integration test binary: the agent from outside, and the repository against its own rules.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy.toml excuses #[test] functions only, not their helpers"
)]

mod alertmanager;
mod alerts;
mod annotate;
mod api;
mod api_clients;
mod architecture;
mod chart;
mod cli;
mod compose;
mod cookbook;
mod dashboard_types;
mod dashboards;
mod dns;
mod echo_target;
mod executors;
mod exit_codes;
mod faults;
mod fleet;
mod fleet_admission;
mod fleet_clocks;
mod fleet_losses;
mod fleet_partitions;
mod fleet_stops;
mod healthcheck;
mod http;
mod http2_faults;
mod http_api;
mod http_faults;
mod k6_dashboards;
mod k6_formats;
mod linger;
mod merge;
mod metrics_page;
mod native_histograms;
mod network;
mod observe;
mod page;
mod policy;
mod proxy;
mod random_faults;
mod readme;
mod reconnect;
mod record;
mod reports;
mod rules;
mod serve;
mod serve_killed;
mod several_agents;
mod sockets;
mod steering;
mod support;
mod tls;
mod tls_identity;
mod truth;
mod turns;
mod values;
mod verdict;
mod websocket;
