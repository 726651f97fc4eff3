//! What Prometheus and Alertmanager need to judge as the agent does, written from a profile: alert
//! and recording rules, their unit tests, and the routing of the alerts.
//!
//! Everything here is a pure function from a profile to text; the committed files of `grafana/alerts`
//! and `config` are its output, which tests compare.

pub mod alertmanager;
pub mod judgement;
pub mod promql;
pub mod rulefile;
pub mod rules;
pub mod standing;
pub mod unit_tests;

#[cfg(test)]
mod tests;
