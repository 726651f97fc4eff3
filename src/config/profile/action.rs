//! Steps that only compute: `set`, `check` and `add`. They stand in a flow and on a connection.

use std::sync::Arc;

use crate::config::{
    matcher::Test,
    template::{Template, variables::Slot},
};

/// What such a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Gives names their values, in order.
    Set(Arc<[Setting]>),
    /// Counts checks.
    Check(Arc<[Checking]>),
    /// Adds to the profile's own metrics.
    Add(Arc<[Adding]>),
}

/// A name and its value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// As typed.
    pub name: String,
    /// Where the value goes.
    pub slot: Slot,
    /// The value.
    pub value: Template,
    /// Whether the value is JSON whatever it holds: it was typed as a number, a list or a map.
    pub is_json: bool,
}

/// A check of one value.
#[derive(Debug, Clone)]
pub struct Checking {
    /// Label value of the check.
    pub name: String,
    /// What is looked at; a placeholder without a value makes it absent.
    pub value: Template,
    /// What it should be.
    pub test: Test,
}

/// A sample of a metric.
#[derive(Debug, Clone)]
pub struct Adding {
    /// Place of the metric in the profile.
    pub metric: usize,
    /// A number, or for a rate `true` or `false`.
    pub value: Template,
}
