//! What Prometheus, Alertmanager and Grafana need to judge as the agent does and to show it, written from a
//! profile: alert and recording rules, their unit tests, the routing of the alerts, dashboards.
//!
//! Everything here is a pure function to text; the committed files of `grafana` and `config` are its output,
//! which tests compare.

pub mod alertmanager;
pub mod dashboards;
pub mod helm_values;
pub mod rulefile;
pub mod rules;
pub mod standing;
pub mod unit_tests;

#[cfg(test)]
mod tests;
