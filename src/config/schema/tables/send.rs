//! `send`: a message, and how its reply is found.

use super::matching::POINTER;
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

const ROWS: &str = "Messages and replies";

/// A text, or a map.
pub(super) const MESSAGE: Shape = Shape::OneOf(&[Shape::Text, Shape::Map(&SEND)]);
static SEND: Map = Map {
    name: "send",
    rows: rows(ROWS, "key of `send`"),
    rules: &[
        Rule::AnyOf(&["text", "json", "binary", "file"]),
        Rule::Exclusive(&["text", "json", "binary", "file"]),
        Rule::Needs("as", "file"),
    ],
    keys: &[
        key("text", Shape::Text),
        key("json", Shape::Anything).about("The message as compact JSON, in the order typed."),
        key("binary", Shape::Map(&BINARY)),
        key("file", Shape::Text),
        key("as", Shape::Words(&["binary", "text"])),
        key("reply", Shape::OneOf(&[Shape::Words(&["fifo"]), Shape::Map(&REPLY)])),
    ],
};

static BINARY: Map = Map {
    name: "binary",
    rows: rows(ROWS, "binary"),
    rules: &[Rule::AnyOf(&["hex", "base64"]), Rule::Exclusive(&["hex", "base64"])],
    keys: &[
        key("hex", Shape::Scalar).about("Two hexadecimal digits for each byte, in quotes."),
        key("base64", Shape::Scalar).about("Base64 (RFC 4648, 4), with `=` at the end or without."),
    ],
};

static REPLY: Map = Map {
    name: "reply",
    rows: rows(ROWS, "reply"),
    rules: &[],
    keys: &[key("id", Shape::OneOf(&[Shape::Pattern(POINTER), Shape::Map(&ID_REGEX), Shape::Map(&ID_PLACES)]))
        .required()
        .about("Where the id stands, in the message and in its reply: a JSON pointer, or `{ regex: … }`.")],
};

const ID_PLACE: Shape = Shape::OneOf(&[Shape::Pattern(POINTER), Shape::Map(&ID_REGEX)]);
static ID_REGEX: Map = Map {
    name: "idRegex",
    rows: rows(ROWS, "regex"),
    rules: &[],
    keys: &[key("regex", Shape::Text).required().about("The first group is the id, or the whole match without one.")],
};

static ID_PLACES: Map = Map {
    name: "idPlaces",
    rows: rows(ROWS, "id"),
    rules: &[],
    keys: &[
        key("sent", ID_PLACE).required().about("Where the id stands in the message."),
        key("received", ID_PLACE).required().about("Where the id stands in the reply."),
    ],
};
