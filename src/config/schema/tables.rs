//! The maps of a profile, key by key.

pub(super) mod flow;
pub(super) mod http;
pub(super) mod matching;
pub(super) mod network;
pub(super) mod observe;
pub(super) mod profile;
pub(super) mod scenarios;
pub(super) mod send;
pub(super) mod socket;
pub(super) mod tls;
pub(super) mod values;

use crate::config::schema::shape::Shape;

/// Names of tags: Prometheus's labels.
pub(super) const TAGS: Shape = Shape::MapOf(0, "^([A-Za-z]|_$|_[A-Za-z0-9])[A-Za-z0-9_]*$", &Shape::Scalar);
/// Names of values, data files and metrics in a template.
pub(super) const VALUE_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// Names that become label values.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]+$";
/// Queries and forms.
pub(super) const PAIRS: Shape = Shape::MapOf(0, "", &Shape::Scalar);
/// Headers and cookies: RFC 9110's names.
pub(super) const HEADERS: Shape = Shape::MapOf(0, TOKEN, &Shape::Scalar);
pub(super) const TOKEN: &str = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
/// A text, or a list of some.
pub(super) const TEXTS: Shape = Shape::OneOf(&[Shape::Text, Shape::List(1, &Shape::Text)]);
