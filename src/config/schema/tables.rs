//! The maps of a profile, key by key.

pub(super) mod flow;
pub(super) mod http;
pub(super) mod observe;
pub(super) mod profile;
pub(super) mod scenarios;
pub(super) mod socket;

use crate::config::schema::shape::Shape;

/// Names of tags: Prometheus's labels.
pub(super) const TAGS: Shape = Shape::MapOf(0, "^(?!__)[A-Za-z_][A-Za-z0-9_]*$", &Shape::Scalar);
/// Names that become label values.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]+$";
/// Queries and forms.
pub(super) const PAIRS: Shape = Shape::MapOf(0, "", &Shape::Scalar);
/// Headers: RFC 9110's names.
pub(super) const HEADERS: Shape = Shape::MapOf(0, r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", &Shape::Scalar);
