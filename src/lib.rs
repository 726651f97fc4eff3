//! rampd: a load agent for WebSocket and HTTP services that Prometheus can read.
//!
//! Data flows one way: config → plan → engine → protocol → metrics → slo → outputs; `agent` is a
//! run's life around it, `cli` the commands; `generate` writes files from a profile. `tests/it/architecture.rs` fails on an import against
//! the flow.

pub mod agent;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod echo;
pub mod engine;
pub mod exit;
pub mod fleet;
pub mod generate;
pub mod metrics;
pub mod outputs;
pub mod plan;
pub mod protocol;
pub mod slo;
pub mod units;
