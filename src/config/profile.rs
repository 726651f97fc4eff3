//! A profile as it is meant: every value checked, every default filled in. Only
//! `config::validate` builds one, from what was typed.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Metric,
    config::{
        data::Data,
        digest::Digest,
        profile::{
            action::Action,
            fleet::FleetPolicy,
            http::Http,
            network::Network,
            observe::Observed,
            socket::{KeepAlive, Reconnect, ReplyIds},
        },
        template::Template,
        threshold::Threshold,
    },
    units::tags::Tags,
};

pub mod action;
pub mod executor;
pub mod fleet;
pub mod hosts;
pub mod http;
pub mod network;
pub mod observe;
pub mod proxy;
pub mod socket;
pub mod socket_step;
pub mod targets;
pub mod tls;

pub use executor::{Executor, RateStage, Stage, VuPool};
pub use socket_step::{Arrivals, Expect, Pace, Reply, Send, SocketStep};
pub use tls::{Identity, Tls, TlsVersion};

/// A validated profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Of the text as typed.
    pub typed: Digest,
    /// Name of the test.
    pub name: String,
    /// Tags on every sample.
    pub tags: Tags,
    /// At least one.
    pub scenarios: Vec<Scenario>,
    /// In the order typed.
    pub thresholds: Vec<Threshold>,
    /// Metrics of its own, in the order typed.
    pub metrics: Vec<&'static Metric>,
    /// k6's metrics are served under its names for them, too.
    pub k6_series: bool,
    /// Data files, in the order typed.
    pub data: Arc<[Data]>,
    /// Targets whose own metrics are read, in the order typed.
    pub observe: Vec<Observed>,
    /// TLS of every connection.
    pub tls: Tls,
    /// How connections find and reach their servers.
    pub network: Network,
    /// How time is kept.
    pub timing: Timing,
    /// How several agents of the run go together.
    pub fleet: FleetPolicy,
    /// Cookies stay from one iteration of a VU to the next (k6: `noCookiesReset`).
    pub keep_cookies: bool,
    /// Columns of trends in the summary and the export; k6's default is avg, min, med, max, p(90), p(95).
    pub summary_trend_stats: Vec<TrendStat>,
}

/// How time is kept and randomness is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Where latencies end.
    pub latency_clock: LatencyClock,
    /// How exactly slots of `every` are met.
    pub precision: Precision,
    /// Makes pauses and arrivals repeatable; drawn at random if not given.
    pub seed: Option<u64>,
}

/// Where latencies end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LatencyClock {
    /// At the kernel's receive time stamp where there is one, so that the generator's delay is not the server's.
    #[default]
    Kernel,
    /// When the agent reads.
    User,
}

/// How exactly slots are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// A timerfd: tens of microseconds late, next to no CPU.
    #[default]
    Timer,
    /// Looks at the clock all the time: a microsecond late, one whole core for each worker.
    Spin,
}

/// A column of a trend in the summary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum TrendStat {
    /// Mean.
    Avg,
    /// Shortest.
    Min,
    /// Median.
    Med,
    /// Longest.
    Max,
    /// Number of samples.
    Count,
    /// Percentile, 0 to 100.
    Percentile(f64),
}

/// One scenario: who runs when, and what each iteration does.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Letters, digits, `_` and `-`; `default` for the shorthand.
    pub name: String,
    /// Who runs when.
    pub executor: Executor,
    /// Delay from the start of the run.
    pub start_time: Duration,
    /// How long iterations may go on after the scenario's regular end. 30 s by default.
    pub graceful_stop: Duration,
    /// Tags on the scenario's samples, beside the profile's.
    pub tags: Tags,
    /// What an iteration does; not empty.
    pub flow: Arc<[Step]>,
}

/// One step of an iteration.
#[derive(Debug, Clone)]
pub enum Step {
    /// Opens a connection, does its steps, closes it.
    WebSocket(Box<WebSocket>),
    /// Sends a request and reads its response.
    Http(Box<Http>),
    /// Waits.
    Sleep(Sleep),
    /// Computes.
    Do(Action),
    /// Does its steps several times.
    Repeat {
        /// At least 1.
        times: u32,
        /// Not empty.
        steps: Vec<Step>,
    },
}

/// A fixed pause, or one drawn evenly from a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sleep {
    /// Shortest.
    pub min: Duration,
    /// Longest; equal to `min` for a fixed pause.
    pub max: Duration,
}

/// A WebSocket connection with its steps.
#[derive(Debug, Clone)]
pub struct WebSocket {
    /// `ws` or `wss`, with a host, without userinfo or fragment.
    pub url: Target,
    /// Tag `name` of the samples; the URL without its query by default.
    pub name: String,
    /// Tags on the samples of this connection.
    pub tags: Tags,
    /// Headers of the upgrade request beside those of RFC 6455.
    pub headers: Vec<Header>,
    /// Offered subprotocols, in order.
    pub subprotocols: Vec<String>,
    /// Bounds on waiting.
    pub timeouts: Timeouts,
    /// Largest message accepted, in bytes. 1 MiB by default.
    pub max_message_size: usize,
    /// How many connections are around it.
    pub depth: usize,
    /// How replies find their messages, if by ids.
    pub reply_ids: Option<ReplyIds>,
    /// Pings while nothing comes.
    pub keep_alive: Option<KeepAlive>,
    /// Time without anything from the server after which the connection is given up.
    pub idle_timeout: Option<Duration>,
    /// What follows when it ends early; the iteration fails if not given.
    pub reconnect: Option<Reconnect>,
    /// How it ends.
    pub close_mode: CloseMode,
    /// What happens on the connection; may be empty.
    pub steps: Vec<SocketStep>,
}

impl WebSocket {
    /// Whether one of its steps looks into messages.
    #[must_use]
    pub fn looks_into_messages(&self) -> bool {
        /// Steps for the connection `current`; those for `wanted` count.
        fn any(steps: &[SocketStep], current: usize, wanted: usize) -> bool {
            steps.iter().any(|step| match step {
                SocketStep::Expect(expect) => current == wanted && !expect.only_counts(),
                SocketStep::Repeat { steps, .. } | SocketStep::Every { steps, .. } => any(steps, current, wanted),
                SocketStep::On { depth, steps } => any(steps, *depth, wanted),
                SocketStep::WebSocket(socket) => any(&socket.steps, socket.depth, wanted),
                _ => false,
            })
        }
        any(&self.steps, self.depth, self.depth)
    }
}

/// The address of a WebSocket or of a request, checked and split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted (`wss`, `https`).
    pub secure: bool,
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// Given, or 80 or 443.
    pub port: u16,
    /// Path and query as sent, from `/`.
    pub path_and_query: Template,
    /// The URL without userinfo and query, for people and tags.
    pub display: String,
}

impl Target {
    /// `host:port`
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A request header. The value may hold a secret: it is in no `Debug` text.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Valid token.
    pub name: String,
    /// Printable, without line breaks.
    pub value: Template,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: <redacted>", self.name)
    }
}

/// Bounds on waiting, all above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up, TCP and TLS. 10 s by default.
    pub connect: Duration,
    /// Upgrade request to response. 10 s by default.
    pub upgrade: Duration,
    /// Until the kernel has accepted what is to be sent. 10 s by default.
    pub write: Duration,
    /// From our close frame to the server's, and from there to the end of the connection. 5 s by default.
    pub close: Duration,
    /// From a send to its reply; later ones count as timed out. 30 s by default.
    pub reply: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            upgrade: Duration::from_secs(10),
            write: Duration::from_secs(10),
            close: Duration::from_secs(5),
            reply: Duration::from_secs(30),
        }
    }
}

/// How a WebSocket ends that is not lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CloseMode {
    /// Our close frame, the server's, and the end of TCP, which RFC 6455 leaves to the server.
    #[default]
    Graceful,
    /// A reset without a close frame, as of a client that is gone. No local port stays in TIME_WAIT.
    Reset,
    /// The server's close frame is waited for, as long as `timeouts.close`; after that as `Graceful`.
    ServerFirst,
}
