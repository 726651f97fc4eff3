//! The steps of a flow.

use super::{
    HEADERS, TAGS, http,
    socket::{RATE, SOCKET_STEP},
    values,
};
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
        key("set", values::SET),
        key("check", values::CHECKS),
        key("add", values::ADD),
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
/// A connection with its steps.
pub(super) static WEBSOCKET: Map = Map {
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
        key("keepAlive", Shape::OneOf(&[Shape::Duration, Shape::Map(&KEEP_ALIVE)])),
        key("idleTimeout", Shape::Duration),
        key("reconnect", Shape::Map(&RECONNECT)),
        key("closeMode", Shape::Words(&["graceful", "rst", "server-first"])),
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

static KEEP_ALIVE: Map = Map {
    name: "keepAlive",
    rows: rows("websocket", "keepAlive"),
    rules: &[],
    keys: &[
        key("interval", Shape::Duration).required().about("Pings when nothing has come for so long."),
        key("timeout", Shape::Duration)
            .about("Gives the connection up when nothing comes within that after a ping.\n\nDefault: 10s"),
    ],
};

static RECONNECT: Map = Map {
    name: "reconnect",
    rows: rows("Reconnecting", "reconnect"),
    rules: &[],
    keys: &[
        key("attempts", Shape::Whole(1, u32::MAX as u64)),
        key("backoff", Shape::Map(&BACKOFF)).about("Pauses before the attempts."),
        key("rate", RATE),
    ],
};

static BACKOFF: Map = Map {
    name: "backoff",
    rows: rows("Reconnecting", "reconnect"),
    rules: &[],
    keys: &[
        key("initial", Shape::Duration)
            .about("Pause before the first attempt, doubled with each further one.\n\nDefault: 500ms"),
        key("max", Shape::Duration).about("The longest pause.\n\nDefault: 30s"),
        key("jitter", Shape::Decimal(Some(0.0), Some(1.0)))
            .about("Each pause is drawn evenly from 1 - jitter to 1 + jitter of itself.\n\nDefault: 0.5"),
    ],
};
