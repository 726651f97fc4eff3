//! Matchers and captures.

use super::{TOKEN, VALUE_NAME};
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// `contains`: a text, or a list of some.
pub(super) const CONTAINS: Shape = Shape::OneOf(&[Shape::Scalar, Shape::List(0, &Shape::Scalar)]);
/// `regex`: an expression, or a list of some.
pub(super) const REGEX: Shape = Shape::OneOf(&[Shape::Text, Shape::List(0, &Shape::Text)]);
/// `json`: pointers to tests.
pub(super) const JSON: Shape = Shape::MapOf(0, POINTER, &TEST);
/// `headers` of a response.
pub(super) const HEADER_TESTS: Shape = Shape::MapOf(0, TOKEN, &TEST);
/// RFC 6901.
pub(super) const POINTER: &str = "^(/|$)";

/// A value, or one test.
const TEST: Shape = Shape::OneOf(&[Shape::Scalar, Shape::Nothing, Shape::Map(&TEST_MAP)]);
static TEST_MAP: Map = Map {
    name: "test",
    rows: rows("Matchers", "test"),
    rules: TEST_RULES,
    keys: &[
        key("is", VALUE),
        key("exists", Shape::Flag),
        key("contains", Shape::Scalar),
        key("regex", Shape::Text),
        key("min", NUMBER),
        key("max", NUMBER),
    ],
};
const VALUE: Shape = Shape::OneOf(&[Shape::Scalar, Shape::Nothing]);
const NUMBER: Shape = Shape::Decimal(None, None);
const TEST_RULES: &[Rule] = &[
    Rule::AnyOf(&["is", "exists", "contains", "regex", "min", "max"]),
    Rule::Exclusive(&["is", "exists", "contains", "regex", "min"]),
    Rule::Exclusive(&["is", "exists", "contains", "regex", "max"]),
];

/// A check: a value with one test.
pub(super) static CHECK: Map = Map {
    name: "check",
    rows: rows("Matchers", "test"),
    rules: TEST_RULES,
    keys: &[
        key("value", Shape::Scalar).required().about("What is tested; it may have placeholders."),
        key("is", VALUE),
        key("exists", Shape::Flag),
        key("contains", Shape::Scalar),
        key("regex", Shape::Text),
        key("min", NUMBER),
        key("max", NUMBER),
    ],
};

/// Values taken out of a response.
pub(super) const CAPTURES: Shape = Shape::MapOf(0, VALUE_NAME, &Shape::Map(&CAPTURE));
static CAPTURE: Map = Map {
    name: "capture",
    rows: rows("Captures", "source"),
    rules: &[
        Rule::AnyOf(&["json", "regex", "header", "between"]),
        Rule::Exclusive(&["json", "regex", "header", "between"]),
    ],
    keys: &[
        key("json", Shape::Pattern(POINTER)),
        key("regex", Shape::Text),
        key("header", Shape::Pattern(TOKEN)),
        key("between", BETWEEN),
    ],
};

/// Values taken out of a message, which has no headers.
pub(super) const MESSAGE_CAPTURES: Shape = Shape::MapOf(0, VALUE_NAME, &Shape::Map(&MESSAGE_CAPTURE));
static MESSAGE_CAPTURE: Map = Map {
    name: "messageCapture",
    rows: rows("Captures", "source"),
    rules: &[Rule::AnyOf(&["json", "regex", "between"]), Rule::Exclusive(&["json", "regex", "between"])],
    keys: &[key("json", Shape::Pattern(POINTER)), key("regex", Shape::Text), key("between", BETWEEN)],
};

const BETWEEN: Shape = Shape::List(2, &Shape::Scalar);
