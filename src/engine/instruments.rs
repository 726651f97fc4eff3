//! The slots that a run records into, made from its plan before it starts.

use std::sync::Arc;

use crate::{
    catalogue::{Family, Metric},
    config::{profile::WebSocket, template::variables::Slot},
    engine::instruments::{custom::CustomSlots, requests::RequestSlots},
    metrics::series::{CounterSlot, GaugeSlot, Series, SeriesTable, TrendSlot},
    plan::{Plan, ScenarioPlan, work::Work},
    protocol::{
        failure::{ConnectFailure, Disconnect},
        meter::{LookedUp, NetworkSlots},
    },
    units::tags::Tags,
};

pub mod custom;
pub mod requests;

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

/// Why an iteration failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IterationFailure {
    /// The connection did not open.
    Connect,
    /// The connection ended although steps were left.
    ConnectionLost,
    /// The awaited messages did not come in time.
    ExpectTimeout,
    /// A placeholder had no value.
    MissingValue,
    /// A message whose reply has its id has none.
    MissingId,
}

const ITERATION_FAILURES: [&str; 5] = ["connect", "connection_lost", "expect_timeout", "missing_value", "missing_id"];

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

/// Why an iteration was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// All VUs were busy at its slot.
    NoVu,
    /// All VUs were busy when the generator, late, came to its slot.
    Late,
    /// It was left when `maxDuration` was over.
    MaxDuration,
}

/// Label value of [`Dropped::Late`].
pub const DROPPED_LATE: &str = "late";
const DROPPED: [&str; 3] = ["no_vu", DROPPED_LATE, "max_duration"];

/// Slots of a whole run.
#[derive(Debug)]
pub struct Instruments {
    /// The series behind the slots.
    pub table: Arc<SeriesTable>,
    /// By the scenario's place in the plan.
    pub scenarios: Vec<ScenarioSlots>,
    /// What the generator costs the measurement.
    pub generator: GeneratorSlots,
    /// How connections find their servers.
    pub network: NetworkSlots,
}

/// Slots of the generator's own delays, for all scenarios together.
#[derive(Debug, Clone, Copy)]
pub struct GeneratorSlots {
    /// Intended send to the kernel's acceptance.
    pub send_lag: TrendSlot,
    /// The kernel's receive stamp to our read.
    pub read_lag: TrendSlot,
    /// Slot of an arrival rate to the begin of its iteration; none without arrival rates.
    pub start_lag: Option<TrendSlot>,
    /// Lateness of a worker's events.
    pub loop_lag: TrendSlot,
}

/// Slots of one scenario.
#[derive(Debug, Clone)]
pub struct ScenarioSlots {
    /// Whole iterations.
    pub iterations: CounterSlot,
    failed: CounterSlot,
    /// None for executors that leave nothing undone.
    dropped: Option<CounterSlot>,
    /// Cut iterations.
    pub interrupted: CounterSlot,
    /// Their durations.
    pub duration: TrendSlot,
    /// VUs in an iteration.
    pub vus: GaugeSlot,
    /// Planned VUs.
    pub vus_max: GaugeSlot,
    /// Bytes out.
    pub data_sent: CounterSlot,
    /// Bytes in.
    pub data_received: CounterSlot,
    captures: CounterSlot,
    checks: Vec<CounterSlot>,
    /// Metrics of the profile's own, by their place in it.
    pub custom: Vec<CustomSlots>,
    /// By the site's place in the program.
    pub sites: Vec<SiteSlots>,
    /// By the request's place in the program.
    pub requests: Vec<RequestSlots>,
}

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

impl ScenarioSlots {
    /// Slot of a failed iteration.
    #[must_use]
    pub fn failed(&self, reason: IterationFailure) -> CounterSlot {
        self.failed.offset(reason as usize)
    }

    /// Slot of a check of the flow, by its place in the program.
    #[must_use]
    pub fn check(&self, place: usize, passed: bool) -> CounterSlot {
        self.checks.get(place).map_or(self.iterations, |check| check.offset(usize::from(!passed)))
    }

    /// Slot of a value that could not be captured.
    #[must_use]
    pub fn capture_failed(&self, name: Slot) -> CounterSlot {
        self.captures.offset(name.index())
    }

    /// Slot of iterations that were not started, for executors that may leave some.
    #[must_use]
    pub fn dropped(&self, reason: Dropped) -> Option<CounterSlot> {
        self.dropped.map(|first| first.offset(reason as usize))
    }
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

impl Instruments {
    /// Makes the slots of `plan`. `limits` are thresholds' limits in nanoseconds.
    #[must_use]
    pub fn new(plan: &Plan, run_tags: Tags, limits: &[(Family, u64)]) -> Self {
        let mut table = SeriesTable::with_custom(run_tags, limits, &plan.metrics);
        let scenarios =
            plan.scenarios.iter().map(|scenario| scenario_slots(&mut table, scenario, &plan.metrics)).collect();
        let own = |family| Series { family, labels: Tags::new(), hidden: Tags::new(), always: true };
        let generator = GeneratorSlots {
            send_lag: table.trend(own(Family::SendLag)),
            read_lag: table.trend(own(Family::ReadLag)),
            start_lag: plan.has_arrivals().then(|| table.trend(own(Family::StartLag))),
            loop_lag: table.trend(own(Family::LoopLag)),
        };
        let network = network_slots(&mut table);
        Self { table: Arc::new(table), scenarios, generator, network }
    }
}

/// Makes the slots of name look-ups and of addresses that did not answer.
#[must_use]
pub fn network_slots(table: &mut SeriesTable) -> NetworkSlots {
    let own = |family| Series { family, labels: Tags::new(), hidden: Tags::new(), always: true };
    NetworkSlots {
        lookup: table.trend(own(Family::DnsLookup)),
        lookups: table.counter_block(
            &own(Family::DnsLookups),
            "result",
            LookedUp::ALL.iter().map(|outcome| outcome.label()),
            |_| true,
        ),
        fallbacks: table.counter(own(Family::ConnectFallbacks)),
    }
}

fn scenario_slots(table: &mut SeriesTable, scenario: &ScenarioPlan, custom: &[&'static Metric]) -> ScenarioSlots {
    let mut labels = scenario.tags.clone();
    labels.insert("scenario".to_owned(), scenario.name.clone());
    let hidden = Tags::from([("group".to_owned(), String::new())]);
    let series = |family| Series { family, labels: labels.clone(), hidden: hidden.clone(), always: true };
    ScenarioSlots {
        iterations: table.counter(series(Family::Iterations)),
        failed: table.counter_block(&series(Family::IterationsFailed), "reason", ITERATION_FAILURES, |_| true),
        dropped: dropped(table, scenario, &series(Family::DroppedIterations)),
        interrupted: table.counter(series(Family::IterationsInterrupted)),
        duration: table.trend(series(Family::IterationDuration)),
        vus: table.gauge(series(Family::Vus)),
        vus_max: table.gauge(series(Family::VusMax)),
        data_sent: table.counter(series(Family::DataSent)),
        data_received: table.counter(series(Family::DataReceived)),
        captures: table.counter_block(
            &series(Family::CaptureFailures),
            "capture",
            scenario.program.names.iter().map(String::as_str),
            |_| true,
        ),
        checks: scenario.program.checks.iter().map(|name| check_slots(table, series(Family::Checks), name)).collect(),
        custom: custom.iter().map(|metric| CustomSlots::new(table, metric, &series)).collect(),
        sites: scenario.program.sites.iter().map(|site| site_slots(table, &labels, site)).collect(),
        requests: scenario.program.requests.iter().map(|request| RequestSlots::new(table, &labels, request)).collect(),
    }
}

fn check_slots(table: &mut SeriesTable, mut series: Series, name: &str) -> CounterSlot {
    series.labels.insert("check".to_owned(), name.to_owned());
    table.counter_block(&series, "result", ["pass", "fail"], |_| true)
}

fn dropped(table: &mut SeriesTable, scenario: &ScenarioPlan, series: &Series) -> Option<CounterSlot> {
    let possible = match scenario.work {
        Work::Loop | Work::Live { .. } => return None,
        Work::Each { .. } | Work::Shared { .. } => [false, false, true],
        Work::Arrivals { .. } => [true, true, false],
    };
    let always = |value: &str| DROPPED.iter().zip(possible).any(|(reason, possible)| possible && *reason == value);
    Some(table.counter_block(series, "reason", DROPPED, always))
}

fn site_slots(table: &mut SeriesTable, scenario: &Tags, site: &WebSocket) -> SiteSlots {
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

/// Slots of a scenario that captures one value, with a recorder of them.
#[cfg(test)]
pub(crate) fn test_slots() -> (crate::metrics::recorder::Recorder, ScenarioSlots) {
    test_scenario("{ duration: 1s, flow: [{ http: { url: \"http://h/\", capture: { all: { regex: a } } } }] }")
}

/// Slots of a connection, with a recorder of them.
#[cfg(test)]
pub(crate) fn test_site() -> (crate::metrics::recorder::Recorder, SiteSlots) {
    let (recorder, slots) = test_scenario("{ duration: 1s, flow: [{ websocket: { url: \"ws://h/\" } }] }");
    (recorder, slots.sites[0].clone())
}

#[cfg(test)]
fn test_scenario(profile: &str) -> (crate::metrics::recorder::Recorder, ScenarioSlots) {
    use crate::{
        clock::Instant,
        config::{self, environment::Environment, overrides::Overrides, source::Source},
    };
    let source = Source::from_bytes("p.yaml", profile.as_bytes().to_vec()).unwrap();
    let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
    let instruments = Instruments::new(&Plan::new(&profile), Tags::new(), &[]);
    let recorder = crate::metrics::recorder::Recorder::new(&instruments.table, Instant::now(), None);
    (recorder, instruments.scenarios[0].clone())
}
