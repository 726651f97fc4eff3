//! The step `http`.

use super::{HEADERS, PAIRS, TAGS};
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// An address alone, or a map.
pub(super) const STEP: Shape = Shape::OneOf(&[URL, Shape::Map(&HTTP)]);
/// Where an HTTP server is.
pub(super) const URL: Shape = Shape::Pattern(r"^\s*[Hh][Tt][Tt][Pp][Ss]?://");

static HTTP: Map = Map {
    name: "http",
    rows: rows("http", "key"),
    rules: &[Rule::Exclusive(&["body", "json", "form"])],
    keys: &[
        key("url", URL).required(),
        key("query", PAIRS),
        key("method", Shape::Pattern(r"^\s*[A-Za-z]+\s*$"))
            .about("`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS` or `TRACE`.\n\nDefault: `GET`"),
        key("name", Shape::Scalar),
        key("tags", TAGS),
        key("headers", HEADERS),
        key("auth", Shape::Map(&AUTH)),
        key("body", Shape::Text),
        key("json", Shape::Anything),
        key("form", PAIRS),
        key("timeout", Shape::Duration),
        key("connectTimeout", Shape::Duration),
        key("redirects", Shape::Whole(0, 100)),
        key("expectedStatuses", STATUSES),
        key("expect", Shape::Map(&EXPECT)),
        key("maxBodySize", Shape::Size),
    ],
};

const STATUS: Shape = Shape::Number(r"^\s*[0-9]{3}\s*(-\s*[0-9]{3}\s*)?$");
const STATUSES: Shape = Shape::OneOf(&[STATUS, Shape::List(1, &STATUS)]);

static AUTH: Map = Map {
    name: "auth",
    rows: rows("http", "auth"),
    rules: &[Rule::AnyOf(&["basic", "bearer"]), Rule::Exclusive(&["basic", "bearer"])],
    keys: &[
        key("basic", Shape::Map(&BASIC)).about("A user with a password (RFC 7617)."),
        key("bearer", Shape::Scalar).about("A token; it may have placeholders."),
    ],
};

static BASIC: Map = Map {
    name: "basic",
    rows: rows("http", "basic"),
    rules: &[],
    keys: &[
        key("user", Shape::Scalar).required().about("Without `:`."),
        key("password", Shape::Scalar).required().about("`${NAME}` or `${file:PATH}` keeps it out of the profile."),
    ],
};

static EXPECT: Map = Map {
    name: "httpExpect",
    rows: rows("http", "expect"),
    rules: &[],
    keys: &[
        key("status", STATUSES).about("Check `status is …`: the status is one of these."),
        key("contains", Shape::Scalar).about("Check `body contains …`: the body has this text."),
    ],
};
