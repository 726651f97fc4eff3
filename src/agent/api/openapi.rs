//! The OpenAPI 3.1 document of the API. It is a file that is served as it is; tests hold it against the routes and the
//! types, both ways.

/// JSON.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests;
