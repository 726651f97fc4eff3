//! The steps on a WebSocket.

use super::flow::SLEEP;
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// A step on an open connection.
pub(super) static SOCKET_STEP: Map = Map {
    name: "socketStep",
    rows: rows("Steps on a connection", "step"),
    rules: &[Rule::Step],
    keys: &[
        key("send", Shape::OneOf(&[Shape::Text, Shape::Map(&SEND)])),
        key("expect", Shape::OneOf(&[Shape::Whole(1, COUNT), Shape::Map(&EXPECT)])),
        key("sleep", SLEEP).about("Waits; messages that come are counted."),
        key("repeat", Shape::Map(&REPEAT)).about("Repeats steps on the connection."),
        key("every", Shape::Map(&EVERY)),
        key("hold", Shape::OneOf(&[Shape::Duration, Shape::Map(&HOLD), Shape::Nothing])),
        key("close", Shape::OneOf(&[Shape::Map(&CLOSE), Shape::Nothing])),
    ],
};
const COUNT: u64 = u32::MAX as u64;

static SEND: Map = Map {
    name: "send",
    rows: rows("Steps on a connection", "send"),
    rules: &[Rule::AnyOf(&["text", "json"]), Rule::Exclusive(&["text", "json"])],
    keys: &[
        key("text", Shape::Text).about("The message."),
        key("json", Shape::Anything).about("The message as compact JSON, in the order typed."),
        key("reply", Shape::Words(&["fifo"])).about("A reply is to come; replies match in the order of the messages."),
    ],
};

static EXPECT: Map = Map {
    name: "expect",
    rows: rows("Steps on a connection", "expect"),
    rules: &[],
    keys: &[
        key("count", Shape::Whole(1, COUNT))
            .about("Messages since the last `expect`, or since the connection opened.\n\nDefault: 1"),
        key("timeout", Shape::Duration).about("After that the iteration fails.\n\nDefault: 10s"),
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

static EVERY: Map = Map {
    name: "every",
    rows: rows("every", "key"),
    rules: &[],
    keys: &[
        key("rate", Shape::Number(r"^\s*\S+\s*(/\s*[smh]\s*)?$"))
            .required()
            .about("Slots per second, or a text such as `600/m`."),
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
