//! The slots that a run records into, made from its plan before it starts.

use std::sync::Arc;

use crate::{
    catalogue::{Family, Metric},
    config::template::variables::Slot,
    engine::instruments::{custom::CustomSlots, requests::RequestSlots, sites::site_slots},
    metrics::series::{CounterSlot, GaugeSlot, Series, SeriesTable, TrendSlot},
    plan::{Plan, ScenarioPlan, work::Work},
    protocol::meter::{LookedUp, NetworkSlots},
    units::tags::Tags,
};

pub mod custom;
pub mod requests;
pub mod sites;

pub use sites::{ClosedBy, PingResult, SiteSlots};

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
