//! The steps of a flow.

use super::{HEADERS, TAGS, http, socket::SOCKET_STEP};
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// A step of a flow.
pub(super) static STEP: Map = Map {
    name: "step",
    rows: rows("Flow", "step"),
    rules: &[Rule::Step],
    keys: &[
        key("websocket", Shape::Map(&WEBSOCKET)),
        key("http", http::STEP),
        key("sleep", SLEEP),
        key("repeat", Shape::Map(&REPEAT)),
    ],
};

/// A fixed pause, or a range.
pub(super) const SLEEP: Shape = Shape::OneOf(&[Shape::Duration, Shape::Map(&RANGE)]);
static RANGE: Map = Map {
    name: "range",
    rows: rows("Flow", "sleep"),
    rules: &[],
    keys: &[
        key("min", Shape::Duration).required().about("The shortest pause."),
        key("max", Shape::Duration).required().about("The longest pause."),
    ],
};

static REPEAT: Map = Map {
    name: "repeat",
    rows: rows("Flow", "repeat"),
    rules: &[],
    keys: &[
        key("times", Shape::Whole(1, u32::MAX as u64)).required().about("How often, at least once."),
        key("steps", Shape::List(1, &Shape::Map(&STEP))).required().about("What is repeated."),
    ],
};

/// Where a WebSocket is.
pub(super) const WEBSOCKET_URL: Shape = Shape::Pattern(r"^\s*[Ww][Ss][Ss]?://");
static WEBSOCKET: Map = Map {
    name: "websocket",
    rows: rows("websocket", "key"),
    rules: &[],
    keys: &[
        key("url", WEBSOCKET_URL).required(),
        key("name", Shape::Scalar),
        key("tags", TAGS),
        key("headers", HEADERS),
        key("subprotocols", Shape::OneOf(&[Shape::Text, Shape::List(0, &Shape::Text)])),
        key("timeouts", Shape::Map(&TIMEOUTS)),
        key("maxMessageSize", Shape::Size),
        key("steps", Shape::List(0, &Shape::Map(&SOCKET_STEP))),
    ],
};

static TIMEOUTS: Map = Map {
    name: "timeouts",
    rows: rows("websocket", "timeouts"),
    rules: &[],
    keys: &[
        key("connect", Shape::Duration),
        key("upgrade", Shape::Duration),
        key("write", Shape::Duration),
        key("close", Shape::Duration),
        key("reply", Shape::Duration),
    ],
};
