//! The catalogue of metrics: every family on `/metrics` and every metric a profile may name.
//!
//! A [`Family`] is what the agent records. A [`Metric`] is what k6's users name in thresholds and
//! read in the summary; it is computed from one or two families. Times are recorded in
//! nanoseconds, shown in milliseconds in profiles, summary and JSON (k6), and in seconds on
//! `/metrics` (Prometheus). Imports nothing of this crate.

use serde::{Deserialize, Serialize};

pub mod custom;

use self::custom::Custom;

/// How a family is stored and exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FamilyKind {
    /// Only ever grows.
    Counter,
    /// Goes up and down; workers' values add up.
    Gauge,
    /// A distribution of durations.
    Trend,
}

macro_rules! families {
    ($($(#[$doc:meta])* $variant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// Something the agent records, exported as one family on `/metrics`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Family {
            $($(#[$doc])* #[doc = $help] $variant,)*
            /// A metric of the profile's own.
            Custom(&'static Custom),
        }

        impl Family {
            /// Every family of the catalogue, in the order of `/metrics`; those of a profile's own come after them.
            pub const ALL: &'static [Family] = &[$(Family::$variant),*];

            /// Name on `/metrics`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Family::$variant => $name,)* Family::Custom(custom) => custom.name }
            }

            /// How it is stored.
            #[must_use]
            pub const fn kind(self) -> FamilyKind {
                match self { $(Family::$variant => FamilyKind::$kind,)* Family::Custom(custom) => custom.kind }
            }

            /// Labels besides `testid`, the profile's tags and `scenario`; their values come from closed sets.
            #[must_use]
            pub const fn labels(self) -> &'static [&'static str] {
                match self {
                    $(Family::$variant => &[$($label),*],)*
                    Family::Custom(Custom { is_rate: true, .. }) => &["result"],
                    Family::Custom(_) => &[],
                }
            }

            /// Recorded steps of a trend in one unit of `/metrics`: nanoseconds in a second, or millionths of a plain number.
            #[must_use]
            pub const fn scale(self) -> u64 {
                match self { Family::Custom(custom) => custom.scale, _ => 1_000_000_000 }
            }

            /// Help text on `/metrics`.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Family::$variant => $help,)* Family::Custom(custom) => custom.help }
            }
        }
    };
}

families! {
    WsConnecting = Trend "ws_connecting_seconds" [] "Time from dialling to the 101 response, opened sockets only (k6: ws_connecting).";
    WsSessions = Counter "ws_sessions_total" ["status"] "WebSocket connection attempts by HTTP status of the upgrade, 0 without a response (k6: ws_sessions).";
    WsConnectFailures = Counter "ws_connect_failures_total" ["reason"] "WebSocket connection attempts that did not open, by reason.";
    WsConnectingNow = Gauge "ws_connecting_connections" [] "WebSocket connections being dialled or upgraded now.";
    WsOpen = Gauge "ws_open_connections" [] "WebSocket connections open now.";
    WsCloses = Counter "ws_closes_total" ["by", "code"] "Ends of opened WebSocket connections by side and close code, abnormal ends included.";
    WsDisconnects = Counter "ws_disconnects_total" ["reason"] "Opened WebSocket connections that ended without a complete close handshake, by reason; also in ws_closes_total.";
    WsSessionDuration = Trend "ws_session_duration_seconds" [] "Time from dialling to the end of the connection, cut sessions too (k6: ws_session_duration).";
    WsMsgsSent = Counter "ws_msgs_sent_total" [] "Data messages that the kernel accepted for sending (k6: ws_msgs_sent).";
    WsMsgsReceived = Counter "ws_msgs_received_total" [] "Data messages received (k6: ws_msgs_received).";
    WsMsgRtt = Trend "ws_msg_rtt_seconds" [] "Time from the intended send of a message to its matching reply.";
    WsRepliesExpected = Counter "ws_msg_replies_expected_total" [] "Sent messages whose reply is awaited; equals matched + timed out + lost + in flight.";
    WsMsgsTimedOut = Counter "ws_msg_replies_timed_out_total" [] "Awaited replies that did not come within timeouts.reply.";
    WsMsgsLost = Counter "ws_msg_replies_lost_total" [] "Awaited replies lost because the connection ended.";
    WsMsgsInFlight = Gauge "ws_msg_replies_in_flight" [] "Awaited replies that may still come.";
    WsMsgsLate = Counter "ws_msgs_late_total" [] "Replies that came after timeouts.reply; not in ws_msg_rtt.";
    WsMsgsDuplicate = Counter "ws_msgs_duplicate_total" [] "Further replies with an id that is answered already.";
    WsMsgsUnknownId = Counter "ws_msgs_unknown_id_total" [] "Received messages with an id that no message had.";
    WsMsgsUnsolicited = Counter "ws_msgs_unsolicited_total" [] "Received messages that answer nothing.";
    WsMsgService = Trend "ws_msg_service_seconds" [] "Time from the moment the kernel accepted a message to its matching reply.";
    WsPing = Trend "ws_ping_seconds" [] "Time from a ping to its pong (k6: ws_ping).";
    WsPings = Counter "ws_pings_total" ["result"] "Pings of steps and of keepAlive by what became of them.";
    WsReconnects = Counter "ws_reconnects_total" ["result"] "Attempts of reconnect to replace a connection that ended early, by result.";
    WsReconnecting = Trend "ws_reconnecting_seconds" [] "Time from the end of a connection to its replacement, pauses and failed attempts included.";
    HttpReqs = Counter "http_reqs_total" ["method", "status", "name"] "HTTP requests by status of the response, 0 without a complete one; each redirect counts (k6: http_reqs).";
    HttpReqFailures = Counter "http_req_failures_total" ["reason"] "HTTP requests without a complete response, or with a status that was not expected, by reason.";
    HttpReqDuration = Trend "http_req_duration_seconds" ["expected_response"] "Sending, waiting and receiving of HTTP requests, without connecting; those that never got a connection are left out (k6: http_req_duration).";
    HttpReqBlocked = Trend "http_req_blocked_seconds" [] "Time from the start of a request until it had a connection (k6: http_req_blocked).";
    HttpReqConnecting = Trend "http_req_connecting_seconds" [] "Name look-up and TCP of a request's connection, 0 for one that was open already (k6: http_req_connecting).";
    HttpReqTlsHandshaking = Trend "http_req_tls_handshaking_seconds" [] "TLS handshake of a request's connection, 0 for one that was open already (k6: http_req_tls_handshaking).";
    HttpReqSending = Trend "http_req_sending_seconds" [] "Time until the kernel had accepted the whole request (k6: http_req_sending).";
    HttpReqWaiting = Trend "http_req_waiting_seconds" [] "Time from the sent request to the arrival of the response's first byte (k6: http_req_waiting).";
    HttpReqReceiving = Trend "http_req_receiving_seconds" [] "Time from the arrival of the response's first byte to that of its last (k6: http_req_receiving).";
    HttpReqRetries = Counter "http_req_retries_total" [] "HTTP requests sent again because the server had closed a kept connection before it answered; each counts once in http_reqs_total.";
    HttpReqsInterrupted = Counter "http_reqs_interrupted_total" [] "HTTP requests cut because the iteration's time was up; not in http_reqs_total.";
    HttpConnections = Counter "http_connections_total" [] "HTTP connections opened.";
    HttpOpen = Gauge "http_open_connections" [] "HTTP connections open now, idle ones included.";
    Checks = Counter "checks_total" ["check", "result"] "Checks by result (k6: checks).";
    Iterations = Counter "iterations_total" [] "Iterations that ran to their end, failed ones included (k6: iterations).";
    IterationsFailed = Counter "iterations_failed_total" ["reason"] "Iterations that a failing step ended early.";
    IterationsInterrupted = Counter "iterations_interrupted_total" [] "Iterations cut because their time was up.";
    IterationDuration = Trend "iteration_duration_seconds" [] "Duration of iterations that were not interrupted (k6: iteration_duration).";
    MetricValuesRefused = Counter "metric_values_refused_total" ["metric"] "Values that could not be added to a metric of the profile's own: none, or no number that it takes.";
    CaptureFailures = Counter "capture_failures_total" ["capture"] "Values that a step should have taken from a message or a response and could not.";
    DroppedIterations = Counter "dropped_iterations_total" ["reason"] "Iterations that were not started, by reason (k6: dropped_iterations).";
    Vus = Gauge "vus" [] "Virtual users in an iteration now (k6: vus).";
    VusMax = Gauge "vus_max" [] "Virtual users that the plan provides for (k6: vus_max).";
    DataSent = Counter "data_sent_bytes_total" [] "Bytes written to sockets, TLS and framing included (k6: data_sent).";
    DataReceived = Counter "data_received_bytes_total" [] "Bytes read from sockets, TLS and framing included (k6: data_received).";
    DnsLookup = Trend "dns_lookup_seconds" [] "Time of a name look-up that was answered with addresses, its repetitions included; cached answers are not look-ups.";
    DnsLookups = Counter "dns_lookups_total" ["result"] "Name look-ups by result; cached answers are not look-ups.";
    ConnectFallbacks = Counter "connect_fallbacks_total" [] "Connections opened over the family of addresses that is not preferred, because the preferred one failed or did not answer soon.";
    SendLag = Trend "rampd_send_lag_seconds" [] "The generator's own delay: from the intended send of a message to the kernel's acceptance.";
    ReadLag = Trend "rampd_read_lag_seconds" [] "The generator's own delay: from the kernel's receive time stamp to our read.";
    StartLag = Trend "rampd_start_lag_seconds" [] "The generator's own delay: from the slot of an arrival rate to the begin of its iteration.";
    LoopLag = Trend "rampd_loop_lag_seconds" [] "The generator's own delay: lateness of a worker's events.";
}

/// k6's metric types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricKind {
    /// A sum.
    Counter,
    /// A last value with its extremes.
    Gauge,
    /// A share of samples that are true.
    Rate,
    /// A distribution.
    Trend,
}

/// k6's value types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contains {
    /// A plain number.
    Default,
    /// A duration, in milliseconds.
    Time,
    /// Bytes.
    Data,
}

/// Where a metric's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// One family, taken as it is.
    Family(Family),
    /// Samples of `hits` over samples of `total`; `only` restricts the hits to one value of a tag.
    Ratio {
        /// What counts as true.
        hits: Family,
        /// Restricts `hits`, as in `result="pass"`.
        only: Option<(&'static str, &'static str)>,
        /// All samples.
        total: Family,
    },
}

impl Source {
    /// The family that all samples are in.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Family(family) | Self::Ratio { total: family, .. } => family,
        }
    }
}

/// The part of the summary that shows a metric, in k6's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Shown with the checks.
    Checks,
    /// The profile's own.
    Custom,
    /// HTTP.
    Http,
    /// Iterations and VUs.
    Execution,
    /// Bytes.
    Network,
    /// WebSocket.
    WebSocket,
    /// The generator itself.
    Generator,
}

/// A metric as profiles, summary and JSON name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// k6's name where k6 has it.
    pub name: &'static str,
    /// k6's type.
    pub kind: MetricKind,
    /// k6's value type.
    pub contains: Contains,
    /// How it is computed.
    pub source: Source,
    /// Where the summary shows it.
    pub section: Section,
}

impl Metric {
    /// Whether a text is a value that can be added to a metric of the profile's own.
    #[must_use]
    pub fn takes(&self, text: &str) -> bool {
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        match self.kind {
            MetricKind::Counter => text.trim().parse::<u64>().is_ok(),
            MetricKind::Rate => number.is_some() || matches!(text.trim(), "true" | "false"),
            MetricKind::Trend | MetricKind::Gauge => number.is_some_and(|number| number >= 0.0),
        }
    }
}

const fn metric(name: &'static str, kind: MetricKind, contains: Contains, family: Family, section: Section) -> Metric {
    Metric { name, kind, contains, source: Source::Family(family), section }
}

/// Every metric a threshold may name, in alphabetical order within its section.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "checks",
        kind: MetricKind::Rate,
        contains: Contains::Default,
        source: Source::Ratio { hits: Family::Checks, only: Some(("result", "pass")), total: Family::Checks },
        section: Section::Checks,
    },
    metric("http_connections", MetricKind::Counter, Contains::Default, Family::HttpConnections, Section::Http),
    metric("http_open", MetricKind::Gauge, Contains::Default, Family::HttpOpen, Section::Http),
    metric("http_req_blocked", MetricKind::Trend, Contains::Time, Family::HttpReqBlocked, Section::Http),
    metric("http_req_connecting", MetricKind::Trend, Contains::Time, Family::HttpReqConnecting, Section::Http),
    metric("http_req_duration", MetricKind::Trend, Contains::Time, Family::HttpReqDuration, Section::Http),
    Metric {
        name: "http_req_failed",
        kind: MetricKind::Rate,
        contains: Contains::Default,
        // From the requests themselves, so that a selector such as `status` or `name` holds for hits and total alike.
        source: Source::Ratio {
            hits: Family::HttpReqs,
            only: Some(("expected_response", "false")),
            total: Family::HttpReqs,
        },
        section: Section::Http,
    },
    metric("http_req_receiving", MetricKind::Trend, Contains::Time, Family::HttpReqReceiving, Section::Http),
    metric("http_req_retries", MetricKind::Counter, Contains::Default, Family::HttpReqRetries, Section::Http),
    metric("http_req_sending", MetricKind::Trend, Contains::Time, Family::HttpReqSending, Section::Http),
    metric("http_req_tls_handshaking", MetricKind::Trend, Contains::Time, Family::HttpReqTlsHandshaking, Section::Http),
    metric("http_req_waiting", MetricKind::Trend, Contains::Time, Family::HttpReqWaiting, Section::Http),
    metric("http_reqs", MetricKind::Counter, Contains::Default, Family::HttpReqs, Section::Http),
    metric("http_reqs_interrupted", MetricKind::Counter, Contains::Default, Family::HttpReqsInterrupted, Section::Http),
    metric("capture_failures", MetricKind::Counter, Contains::Default, Family::CaptureFailures, Section::Execution),
    metric("dropped_iterations", MetricKind::Counter, Contains::Default, Family::DroppedIterations, Section::Execution),
    metric("iteration_duration", MetricKind::Trend, Contains::Time, Family::IterationDuration, Section::Execution),
    metric("iterations", MetricKind::Counter, Contains::Default, Family::Iterations, Section::Execution),
    metric("iterations_failed", MetricKind::Counter, Contains::Default, Family::IterationsFailed, Section::Execution),
    metric(
        "iterations_interrupted",
        MetricKind::Counter,
        Contains::Default,
        Family::IterationsInterrupted,
        Section::Execution,
    ),
    metric(
        "metric_values_refused",
        MetricKind::Counter,
        Contains::Default,
        Family::MetricValuesRefused,
        Section::Execution,
    ),
    metric("vus", MetricKind::Gauge, Contains::Default, Family::Vus, Section::Execution),
    metric("vus_max", MetricKind::Gauge, Contains::Default, Family::VusMax, Section::Execution),
    metric("connect_fallbacks", MetricKind::Counter, Contains::Default, Family::ConnectFallbacks, Section::Network),
    metric("data_received", MetricKind::Counter, Contains::Data, Family::DataReceived, Section::Network),
    metric("data_sent", MetricKind::Counter, Contains::Data, Family::DataSent, Section::Network),
    metric("dns_lookup", MetricKind::Trend, Contains::Time, Family::DnsLookup, Section::Network),
    metric("dns_lookups", MetricKind::Counter, Contains::Default, Family::DnsLookups, Section::Network),
    metric("ws_closes", MetricKind::Counter, Contains::Default, Family::WsCloses, Section::WebSocket),
    Metric {
        name: "ws_connect_failed",
        kind: MetricKind::Rate,
        contains: Contains::Default,
        source: Source::Ratio { hits: Family::WsConnectFailures, only: None, total: Family::WsSessions },
        section: Section::WebSocket,
    },
    metric("ws_connecting", MetricKind::Trend, Contains::Time, Family::WsConnecting, Section::WebSocket),
    metric("ws_disconnects", MetricKind::Counter, Contains::Default, Family::WsDisconnects, Section::WebSocket),
    metric(
        "ws_msg_replies_expected",
        MetricKind::Counter,
        Contains::Default,
        Family::WsRepliesExpected,
        Section::WebSocket,
    ),
    metric("ws_msg_replies_lost", MetricKind::Counter, Contains::Default, Family::WsMsgsLost, Section::WebSocket),
    metric(
        "ws_msg_replies_timed_out",
        MetricKind::Counter,
        Contains::Default,
        Family::WsMsgsTimedOut,
        Section::WebSocket,
    ),
    metric("ws_msg_rtt", MetricKind::Trend, Contains::Time, Family::WsMsgRtt, Section::WebSocket),
    metric("ws_msg_service", MetricKind::Trend, Contains::Time, Family::WsMsgService, Section::WebSocket),
    metric("ws_msgs_duplicate", MetricKind::Counter, Contains::Default, Family::WsMsgsDuplicate, Section::WebSocket),
    metric("ws_msgs_late", MetricKind::Counter, Contains::Default, Family::WsMsgsLate, Section::WebSocket),
    metric("ws_msgs_received", MetricKind::Counter, Contains::Default, Family::WsMsgsReceived, Section::WebSocket),
    metric("ws_msgs_sent", MetricKind::Counter, Contains::Default, Family::WsMsgsSent, Section::WebSocket),
    metric("ws_msgs_unknown_id", MetricKind::Counter, Contains::Default, Family::WsMsgsUnknownId, Section::WebSocket),
    metric(
        "ws_msgs_unsolicited",
        MetricKind::Counter,
        Contains::Default,
        Family::WsMsgsUnsolicited,
        Section::WebSocket,
    ),
    metric("ws_open", MetricKind::Gauge, Contains::Default, Family::WsOpen, Section::WebSocket),
    metric("ws_ping", MetricKind::Trend, Contains::Time, Family::WsPing, Section::WebSocket),
    metric("ws_pings", MetricKind::Counter, Contains::Default, Family::WsPings, Section::WebSocket),
    metric("ws_reconnecting", MetricKind::Trend, Contains::Time, Family::WsReconnecting, Section::WebSocket),
    metric("ws_reconnects", MetricKind::Counter, Contains::Default, Family::WsReconnects, Section::WebSocket),
    metric("ws_session_duration", MetricKind::Trend, Contains::Time, Family::WsSessionDuration, Section::WebSocket),
    metric("ws_sessions", MetricKind::Counter, Contains::Default, Family::WsSessions, Section::WebSocket),
    metric("rampd_loop_lag", MetricKind::Trend, Contains::Time, Family::LoopLag, Section::Generator),
    metric("rampd_read_lag", MetricKind::Trend, Contains::Time, Family::ReadLag, Section::Generator),
    metric("rampd_send_lag", MetricKind::Trend, Contains::Time, Family::SendLag, Section::Generator),
    metric("rampd_start_lag", MetricKind::Trend, Contains::Time, Family::StartLag, Section::Generator),
];

/// Finds a metric by its k6 name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_counters_end_in_total() {
        let mut names: Vec<_> = Family::ALL.iter().map(|family| family.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Family::ALL.len());
        for family in Family::ALL {
            assert_eq!(family.kind() == FamilyKind::Counter, family.name().ends_with("_total"), "{}", family.name());
            assert_eq!(family.kind() == FamilyKind::Trend, family.name().ends_with("_seconds"), "{}", family.name());
        }
    }

    #[test]
    fn every_family_kind_fits_its_metric() {
        for metric in METRICS {
            if let Source::Family(family) = metric.source {
                let fits = matches!(
                    (metric.kind, family.kind()),
                    (MetricKind::Counter, FamilyKind::Counter)
                        | (MetricKind::Gauge, FamilyKind::Gauge)
                        | (MetricKind::Trend, FamilyKind::Trend)
                );
                assert!(fits, "{}", metric.name);
            }
        }
    }
}
