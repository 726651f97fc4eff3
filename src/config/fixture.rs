//! Profiles of tests.

use crate::config::{self, environment::Environment, overrides::Overrides, profile::Profile, source::Source};

/// Of a text that is one.
pub(crate) fn profile(text: &str) -> Profile {
    let source = Source::from_bytes("test", text.as_bytes().to_vec()).unwrap();
    config::load(&source, &Environment::default(), &Overrides::default()).unwrap()
}

/// With metrics of its own and an observed target, for thresholds of every kind.
pub(crate) fn with_thresholds(thresholds: &str) -> Profile {
    profile(&format!(
        "vus: 1\nduration: 1s\nflow: [{{ sleep: 1s }}]\nmetrics: {{ price: trend, orders: counter }}\n\
         observe: {{ server: {{ url: 'http://localhost:1/metrics', metrics: {{ memory: 'a_bytes' }} }} }}\n\
         thresholds:\n{thresholds}"
    ))
}
