//! The step `http`.

use super::{HEADERS, PAIRS, TAGS, matching};
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// An address alone, or a map.
pub(super) const STEP: Shape = Shape::OneOf(&[URL, Shape::Map(&HTTP)]);
/// Where an HTTP server is.
pub(super) const URL: Shape = Shape::Pattern(r"^\s*[Hh][Tt][Tt][Pp][Ss]?://");

static HTTP: Map = Map {
    name: "http",
    rows: rows("http", "key"),
    rules: &[Rule::Exclusive(&["body", "json", "form", "file", "multipart"])],
    keys: &[
        key("url", URL).required(),
        key("query", PAIRS),
        key("method", Shape::Pattern(r"^\s*[A-Za-z]+\s*$"))
            .about("`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS` or `TRACE`.\n\nDefault: `GET`"),
        key("version", Shape::OneOf(&[Shape::Words(&["auto", "1.1", "2"]), Shape::Decimal(Some(1.1), Some(2.0))])),
        key("name", Shape::Scalar),
        key("tags", TAGS),
        key("headers", HEADERS),
        key("cookies", HEADERS),
        key("auth", Shape::Map(&AUTH)),
        key("body", Shape::Text),
        key("json", Shape::Anything),
        key("form", PAIRS),
        key("file", Shape::Text),
        key("multipart", Shape::MapOf(1, "", &Shape::OneOf(&[Shape::Scalar, Shape::Map(&PART)]))),
        key("timeout", Shape::Duration),
        key("connectTimeout", Shape::Duration),
        key("redirects", Shape::Whole(0, 100)),
        key("expectedStatuses", STATUSES),
        key("expect", Shape::Map(&EXPECT)),
        key("capture", matching::CAPTURES),
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

static PART: Map = Map {
    name: "part",
    rows: rows("http", "part"),
    rules: &[],
    keys: &[
        key("file", Shape::Text).required().about("Path of a file of at most 64 MiB, read with the profile."),
        key("filename", Shape::Scalar).about("Default: the file's own name"),
        key("type", Shape::Pattern("/")).about("Its media type.\n\nDefault: `application/octet-stream`"),
    ],
};

static EXPECT: Map = Map {
    name: "httpExpect",
    rows: rows("Matchers", "matcher"),
    rules: &[],
    keys: &[
        key("status", STATUSES).about("Check `status is …`: the status is one of these."),
        key("headers", matching::HEADER_TESTS),
        key("contains", matching::CONTAINS),
        key("regex", matching::REGEX),
        key("json", matching::JSON),
        key("maxDuration", Shape::Duration).about("Check: sending, waiting and receiving take no longer."),
    ],
};
