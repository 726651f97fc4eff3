//! The steps on a WebSocket.

use super::{
    flow::{SLEEP, WEBSOCKET},
    http, matching,
    send::MESSAGE,
    values,
};
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// A step on an open connection.
pub(super) static SOCKET_STEP: Map = Map {
    name: "socketStep",
    rows: rows("Steps on a connection", "step"),
    rules: &[Rule::Step],
    keys: &[
        key("send", MESSAGE),
        key("expect", Shape::OneOf(&[Shape::Whole(1, COUNT), Shape::Map(&EXPECT)])),
        key("ping", Shape::OneOf(&[Shape::Map(&PING), Shape::Nothing])),
        key("sleep", SLEEP).about("Waits; messages that come are counted."),
        key("repeat", Shape::Map(&REPEAT)).about("Repeats steps on the connection."),
        key("every", Shape::Map(&EVERY)),
        key("hold", Shape::OneOf(&[Shape::Duration, Shape::Map(&HOLD), Shape::Nothing])),
        key("http", http::STEP),
        key("websocket", Shape::Map(&WEBSOCKET)),
        key("on", Shape::Map(&ON)),
        key("set", values::SET).explained("Flow", "step"),
        key("check", values::CHECKS).explained("Flow", "step"),
        key("add", values::ADD).explained("Flow", "step"),
        key("close", Shape::OneOf(&[Shape::Map(&CLOSE), Shape::Nothing])),
    ],
};
const COUNT: u64 = u32::MAX as u64;

static EXPECT: Map = Map {
    name: "expect",
    rows: rows("Matchers", "matcher"),
    rules: &[],
    keys: &[
        key("count", Shape::Whole(1, COUNT))
            .about("Messages since the last `expect`, or since the connection opened.\n\nDefault: 1"),
        key("timeout", Shape::Duration).about("After that the iteration fails.\n\nDefault: 10s"),
        key("contains", matching::CONTAINS),
        key("regex", matching::REGEX),
        key("json", matching::JSON),
        key("capture", matching::MESSAGE_CAPTURES).about("Values taken out of the last message that matches."),
    ],
};

static PING: Map = Map { name: "ping", rows: rows("Steps on a connection", "ping"), rules: &[], keys: &[] };

static ON: Map = Map {
    name: "on",
    rows: rows("Steps on a connection", "on"),
    rules: &[],
    keys: &[
        key("socket", Shape::Text).required().about("The `name` of a `websocket` around this step."),
        key("steps", Shape::List(1, &Shape::Map(&SOCKET_STEP))).required().about("What is done on it."),
    ],
};

static REPEAT: Map = Map {
    name: "socketRepeat",
    rows: rows("Steps on a connection", "repeat"),
    rules: &[],
    keys: &[
        key("times", Shape::Whole(1, COUNT)).required().about("How often, at least once."),
        key("steps", Shape::List(1, &Shape::Map(&SOCKET_STEP))).required().about("What is repeated."),
    ],
};

/// Times per second.
pub(super) const RATE: Shape = Shape::Number(r"^\s*\S+\s*(/\s*[smh]\s*)?$");
static EVERY: Map = Map {
    name: "every",
    rows: rows("every", "key"),
    rules: &[],
    keys: &[
        key("rate", RATE).required().about("Slots per second, or a text such as `600/m`."),
        key("for", Shape::Duration).about("For how long.\n\nDefault: until the ramp takes the VU away"),
        key("arrivals", Shape::Words(&["uniform", "poisson"])).about("Spacing of the slots.\n\nDefault: `uniform`"),
        key("steps", Shape::List(1, &Shape::Map(&SOCKET_STEP))).required().about("What each slot does."),
    ],
};

static HOLD: Map = Map {
    name: "hold",
    rows: rows("Steps on a connection", "hold"),
    rules: &[],
    keys: &[key("for", Shape::Duration).about("Ends the hold earlier.")],
};

static CLOSE: Map = Map {
    name: "close",
    rows: rows("Steps on a connection", "close"),
    rules: &[],
    keys: &[
        key("code", Shape::Whole(1000, 4999)).about("1000, or 3000 to 4999.\n\nDefault: 1000"),
        key("reason", Shape::Scalar).about("At most 123 bytes."),
    ],
};
