//! What happens on an open WebSocket.

use std::time::Duration;

use crate::config::{
    capture::Captures,
    matcher::Matchers,
    profile::{Sleep, WebSocket, action::Action, http::Http, socket::Message},
};

/// One step on an open connection.
#[derive(Debug, Clone)]
pub enum SocketStep {
    /// Sends a message.
    Send(Send),
    /// Sends a ping; its pong is measured.
    Ping,
    /// Waits for messages.
    Expect(Expect),
    /// Waits; messages that come are counted.
    Sleep(Sleep),
    /// Computes.
    Do(Action),
    /// Does its steps several times.
    Repeat {
        /// At least 1.
        times: u32,
        /// Not empty.
        steps: Vec<SocketStep>,
    },
    /// Does its steps at a steady rate.
    Every {
        /// When.
        pace: Pace,
        /// Not empty.
        steps: Vec<SocketStep>,
    },
    /// Keeps the connection open until the ramp takes the VU away, or for a time.
    Hold {
        /// Ends the hold earlier.
        duration: Option<Duration>,
    },
    /// Sends a request and reads its response; connections are served meanwhile.
    Http(Box<Http>),
    /// Opens a further connection, does its steps, closes it.
    WebSocket(Box<WebSocket>),
    /// Steps for one of the connections around this place.
    On {
        /// How many connections are around that one.
        depth: usize,
        /// Not empty.
        steps: Vec<SocketStep>,
    },
    /// Closes the connection; the remaining steps are left out.
    Close {
        /// Close code, 1000 by default.
        code: u16,
        /// Up to 123 bytes.
        reason: String,
    },
}

/// Slots at a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Slots per second, above 0.
    pub rate: f64,
    /// For how long; until the ramp takes the VU away if not given.
    pub duration: Option<Duration>,
    /// Their spacing.
    pub arrivals: Arrivals,
}

/// Spacing of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// Even; VUs are spread over the interval.
    #[default]
    Uniform,
    /// Exponential gaps, as of independent users.
    Poisson,
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Send {
    /// The message.
    pub message: Message,
    /// Whether a reply is to come, and how it is found.
    pub reply: Option<Reply>,
}

/// How a reply is matched to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Replies come in the order of the messages, one each.
    Fifo,
    /// Replies have the id of their message.
    Id {
        /// Where it is in the sent one: place in [`super::socket::ReplyIds::sent`].
        sent: usize,
    },
}

/// Waits until `count` messages have come since the last `expect` (or since the connection opened).
#[derive(Debug, Clone)]
pub struct Expect {
    /// At least 1.
    pub count: u64,
    /// After that the step fails. 10 s by default.
    pub timeout: Duration,
    /// Which messages count; all by default.
    pub matchers: Matchers,
    /// What is taken out of each message that counts.
    pub capture: Captures,
}

impl Expect {
    /// Whether messages only have to be counted, and not to be looked into.
    #[must_use]
    pub fn only_counts(&self) -> bool {
        self.matchers.is_empty() && self.capture.is_empty()
    }
}
