//! Tags of samples: names that are valid Prometheus labels, with their values.

use std::collections::BTreeMap;

/// Tag names and values, in the order of the names.
pub type Tags = BTreeMap<String, String>;

/// Label names that Prometheus, Kubernetes or this agent set themselves.
pub const RESERVED: [&str; 17] = [
    "by",
    "capture",
    "check",
    "code",
    "instance",
    "job",
    "le",
    "metric",
    "namespace",
    "pod",
    "quantile",
    "reason",
    "result",
    "scenario",
    "stage",
    "status",
    "testid",
];

/// Whether `name` can be a label: a letter or `_`, then letters, digits and `_`, not `__…`.
#[must_use]
pub fn is_label_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
        && !name.starts_with("__")
}
