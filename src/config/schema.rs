//! The JSON Schema of a profile, for editors: `rampd schema`.
//!
//! `tables` says once which keys a map has and what their values may be; one line for each key.
//! Their descriptions are the rows of docs/profile.md. The tests hold both against the loader: every map
//! that it reads has the same keys here, what it accepts is valid, and what it refuses is refused
//! wherever a schema can know it.

mod describe;
mod render;
mod shape;
mod tables;

use serde_json::Value;

/// JSON Schema 2020-12 of a profile as typed, variables not filled in.
#[must_use]
pub fn document() -> Value {
    render::document(&tables::profile::PROFILE)
}

#[cfg(test)]
pub(crate) mod tests;
