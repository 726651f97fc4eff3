//! The slots of a `websocket` step.

use crate::{
    catalogue::Family,
    config::profile::WebSocket,
    metrics::series::{CounterSlot, GaugeSlot, Series, SeriesTable, TrendSlot},
    protocol::failure::{ConnectFailure, Disconnect},
    units::tags::Tags,
};

/// Label values of `status`: no response, and the statuses of RFC 9110 and its registry that an
/// upgrade can meet; any other counts as `other`.
const STATUSES: [&str; 42] = [
    "0", "101", "200", "201", "202", "204", "206", "300", "301", "302", "303", "304", "307", "308", "400", "401",
    "402", "403", "404", "405", "406", "407", "408", "409", "410", "411", "413", "414", "415", "418", "421", "422",
    "425", "426", "429", "431", "500", "501", "502", "503", "504", "other",
];
/// Label values of `code`: RFC 6455 §7.4.1 and its registry; the open ranges are one value each.
const CODES: [&str; 18] = [
    "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012", "1013", "1014",
    "1015", "3xxx", "4xxx", "other",
];

/// Which side ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// We sent the first close frame, or gave up.
    Client,
    /// The server sent the first close frame.
    Server,
    /// TCP ended without one.
    Network,
}

const SIDES: [&str; 3] = ["client", "server", "network"];

/// What became of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingResult {
    /// Its pong came.
    Answered,
    /// The pong of a later one came, or too many later ones were sent.
    Skipped,
    /// No pong came in time.
    TimedOut,
    /// The connection ended before.
    Lost,
}

const PING_RESULTS: [&str; 4] = ["answered", "skipped", "timed_out", "lost"];

/// Slots of one `websocket` step.
#[derive(Debug, Clone)]
pub struct SiteSlots {
    /// Dial to 101.
    pub connecting: TrendSlot,
    sessions: CounterSlot,
    failures: CounterSlot,
    /// Being opened now.
    pub connecting_now: GaugeSlot,
    /// Open now.
    pub open: GaugeSlot,
    closes: CounterSlot,
    disconnects: CounterSlot,
    /// Dial to end.
    pub session_duration: TrendSlot,
    /// Messages out.
    pub sent: CounterSlot,
    /// Messages in.
    pub received: CounterSlot,
    /// Intended send to reply.
    pub rtt: TrendSlot,
    /// Accepted send to reply.
    pub service: TrendSlot,
    /// Replies to come, in all.
    pub expected: CounterSlot,
    /// Replies given up.
    pub timed_out: CounterSlot,
    /// Replies lost with their connection.
    pub lost: CounterSlot,
    /// Replies that may still come.
    pub in_flight: GaugeSlot,
    /// Replies after they were given up.
    pub late: CounterSlot,
    /// Further replies with the id of one that came.
    pub duplicate: CounterSlot,
    /// Replies with an id that no message had.
    pub unknown_id: CounterSlot,
    /// Messages that answer nothing.
    pub unsolicited: CounterSlot,
    pings: CounterSlot,
    /// Ping to pong.
    pub ping_rtt: TrendSlot,
    reconnects: CounterSlot,
    /// End of a connection to its replacement.
    pub reconnecting: TrendSlot,
    check_passed: CounterSlot,
}

impl SiteSlots {
    /// Slot of an attempt by the status of its response.
    #[must_use]
    pub fn session(&self, status: Option<u16>) -> CounterSlot {
        let label = status.unwrap_or(0).to_string();
        let index = STATUSES.iter().position(|known| *known == label).unwrap_or(STATUSES.len() - 1);
        self.sessions.offset(index)
    }

    /// Slot of a failed attempt.
    #[must_use]
    pub fn failure(&self, reason: ConnectFailure) -> CounterSlot {
        self.failures.offset(reason.index())
    }

    /// Slot of an ended connection.
    #[must_use]
    pub fn close(&self, by: ClosedBy, code: u16) -> CounterSlot {
        let label = match code {
            3000..=3999 => "3xxx".to_owned(),
            4000..=4999 => "4xxx".to_owned(),
            _ => code.to_string(),
        };
        let index = CODES.iter().position(|known| *known == label).unwrap_or(CODES.len() - 1);
        self.closes.offset(by as usize * CODES.len() + index)
    }

    /// Slot of a connection without a complete close handshake.
    #[must_use]
    pub fn disconnect(&self, reason: Disconnect) -> CounterSlot {
        self.disconnects.offset(reason.index())
    }

    /// Slot of a ping by what became of it.
    #[must_use]
    pub fn ping(&self, result: PingResult) -> CounterSlot {
        self.pings.offset(result as usize)
    }

    /// Slot of an attempt to replace a connection.
    #[must_use]
    pub fn reconnect(&self, opened: bool) -> CounterSlot {
        self.reconnects.offset(usize::from(!opened))
    }

    /// Slot of the check `status is 101`.
    #[must_use]
    pub fn check(&self, passed: bool) -> CounterSlot {
        self.check_passed.offset(usize::from(!passed))
    }
}

/// Makes the slots of a step of a scenario with the labels `scenario`.
pub(super) fn site_slots(table: &mut SeriesTable, scenario: &Tags, site: &WebSocket) -> SiteSlots {
    let mut labels = scenario.clone();
    labels.extend(site.tags.clone());
    let hidden = Tags::from(
        [("group", ""), ("url", &site.url.display), ("name", &site.name)]
            .map(|(tag, value)| (tag.to_owned(), value.to_owned())),
    );
    let series = |family| Series { family, labels: labels.clone(), hidden: hidden.clone(), always: true };
    let opened = |family| {
        let mut opened = series(family);
        opened.hidden.insert("status".to_owned(), "101".to_owned());
        opened
    };
    let closes = SIDES.map(|side| {
        let mut closed = opened(Family::WsCloses);
        closed.labels.insert("by".to_owned(), side.to_owned());
        // Those that an alert may look at exist from the start; rare codes appear when they happen.
        table.counter_block(&closed, "code", CODES, |code| {
            matches!((side, code), (_, "1000") | ("server", "1001" | "1011") | ("network", "1006"))
        })
    });
    let mut check = series(Family::Checks);
    check.labels.insert("check".to_owned(), "status is 101".to_owned());
    SiteSlots {
        connecting: table.trend(opened(Family::WsConnecting)),
        sessions: table
            .counter_block(&series(Family::WsSessions), "status", STATUSES, |status| matches!(status, "0" | "101")),
        failures: table.counter_block(
            &series(Family::WsConnectFailures),
            "reason",
            ConnectFailure::ALL.iter().map(|reason| reason.label()),
            |_| true,
        ),
        connecting_now: table.gauge(series(Family::WsConnectingNow)),
        open: table.gauge(series(Family::WsOpen)),
        closes: closes[0],
        disconnects: table.counter_block(
            &opened(Family::WsDisconnects),
            "reason",
            Disconnect::ALL.iter().map(|reason| reason.label()),
            |_| true,
        ),
        session_duration: table.trend(opened(Family::WsSessionDuration)),
        sent: table.counter(opened(Family::WsMsgsSent)),
        received: table.counter(opened(Family::WsMsgsReceived)),
        rtt: table.trend(opened(Family::WsMsgRtt)),
        service: table.trend(opened(Family::WsMsgService)),
        expected: table.counter(opened(Family::WsRepliesExpected)),
        timed_out: table.counter(opened(Family::WsMsgsTimedOut)),
        lost: table.counter(opened(Family::WsMsgsLost)),
        in_flight: table.gauge(opened(Family::WsMsgsInFlight)),
        late: table.counter(opened(Family::WsMsgsLate)),
        duplicate: table.counter(opened(Family::WsMsgsDuplicate)),
        unknown_id: table.counter(opened(Family::WsMsgsUnknownId)),
        unsolicited: table.counter(opened(Family::WsMsgsUnsolicited)),
        pings: table.counter_block(&opened(Family::WsPings), "result", PING_RESULTS, |_| true),
        ping_rtt: table.trend(opened(Family::WsPing)),
        reconnects: table.counter_block(&series(Family::WsReconnects), "result", ["opened", "failed"], |_| true),
        reconnecting: table.trend(opened(Family::WsReconnecting)),
        check_passed: table.counter_block(&check, "result", ["pass", "fail"], |_| true),
    }
}
