//! What observed targets say of themselves, from before the load to after it. Pure: readings come
//! with their time.
//!
//! A gauge is the sum of its series. A counter is the sum of what its series grew by: each may begin
//! again at zero, when the target does, and one that appears later has grown from zero.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Contains, MetricKind},
    clock::Instant,
};

/// A start that moved by less is the same: the kernel's boot time, which client libraries add to, is rounded.
const SAME_START: f64 = 1.0;

macro_rules! failures {
    ($($(#[$doc:meta])* $variant:ident = $label:literal;)*) => {
        /// Why a target's page could not be read: a closed set of label values.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ScrapeFailure { $($(#[$doc])* $variant,)* }

        impl ScrapeFailure {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The label value.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// The reason with this label; [`Self::Other`] for none of them.
            #[must_use]
            pub fn of_label(label: &str) -> Self {
                Self::ALL.iter().copied().find(|reason| reason.label() == label).unwrap_or(Self::Other)
            }
        }
    };
}

failures! {
    /// The name has no address, or the look-up failed.
    Dns = "dns";
    /// Nobody listens.
    Refused = "refused";
    /// TCP or TLS did not finish in time.
    ConnectTimeout = "connect_timeout";
    /// No route.
    Unreachable = "unreachable";
    /// The peer reset the connection.
    Reset = "reset";
    /// The TLS layer failed.
    Tls = "tls";
    /// The page was not complete in time.
    Timeout = "timeout";
    /// The server closed the connection before it had answered.
    Eof = "eof";
    /// The server closed the connection within the page.
    BodyEof = "body_eof";
    /// What came is no proper HTTP.
    Malformed = "malformed";
    /// The operator's policy does not allow it.
    NotAllowed = "not_allowed";
    /// A status other than 200.
    Status = "status";
    /// A page of more than 16 MiB, or more than 10,000 series of one metric.
    TooBig = "too_big";
    /// The page is no Prometheus or OpenMetrics text.
    Page = "page";
    /// Anything else.
    Other = "other";
}

/// Where the run is when a reading is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the load.
    Before,
    /// While it goes on.
    During,
    /// After it.
    After,
}

/// What one page says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Each `process_start_time_seconds`, by its series.
    pub starts: BTreeMap<String, f64>,
    /// One for each metric of the target, in their order.
    pub metrics: Vec<MetricReading>,
}

/// What one page says of a metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricReading {
    /// Whether the page knows the name, with whatever labels: then a counter without a fitting series stands at 0.
    pub known: bool,
    /// Values by series; no NaN.
    pub series: BTreeMap<String, f64>,
}

/// A gauge over the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GaugeValue {
    /// Last value.
    pub value: f64,
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
    /// Before the load.
    pub before: Option<f64>,
    /// After the load.
    pub after: Option<f64>,
}

impl GaugeValue {
    /// `after` divided by `before`; none without both, or if that is no number.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        Some(self.after? / self.before?).filter(|ratio| !ratio.is_nan())
    }
}

/// A counter over the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CounterValue {
    /// Increase since the last reading before the load.
    pub increase: f64,
    /// From that reading to the last.
    pub time: Duration,
}

impl CounterValue {
    /// Increase per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 { self.increase / seconds } else { 0.0 }
    }
}

/// A metric of a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ObservedValue {
    /// Goes up and down; none before it was seen.
    Gauge(Option<GaugeValue>),
    /// Counts; none before its name was seen.
    Counter(Option<CounterValue>),
}

/// A metric of a target with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedMetricValue {
    /// The profile's name for it.
    pub name: String,
    /// Bytes, or a number.
    pub contains: Contains,
    /// What it is.
    pub value: ObservedValue,
}

impl ObservedMetricValue {
    /// Nothing read yet.
    #[must_use]
    pub fn new(name: &str, kind: MetricKind, contains: Contains) -> Self {
        let counts = kind == MetricKind::Counter;
        let value = if counts { ObservedValue::Counter(None) } else { ObservedValue::Gauge(None) };
        Self { name: name.to_owned(), contains, value }
    }
}

/// A target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetValues {
    /// The profile's name for it.
    pub name: String,
    /// 1 if a page could be read, else 0; none before the first try.
    pub up: Option<GaugeValue>,
    /// Tries.
    pub scrapes: u64,
    /// Tries after the load.
    pub scrapes_after: u64,
    /// Failed ones by reason.
    pub failures: BTreeMap<ScrapeFailure, u64>,
    /// Readings since the load began at which the target's start had changed, or a counter had gone back; none as long as no page had
    /// either of them.
    pub restarts: Option<u64>,
    /// In the profile's order.
    pub metrics: Vec<ObservedMetricValue>,
    /// No more pages will be read.
    pub settled: bool,
}

impl TargetValues {
    /// Nothing read yet.
    #[must_use]
    pub fn new(name: &str, metrics: Vec<ObservedMetricValue>) -> Self {
        Self {
            name: name.to_owned(),
            up: None,
            scrapes: 0,
            scrapes_after: 0,
            failures: BTreeMap::new(),
            restarts: None,
            metrics,
            settled: false,
        }
    }

    /// Failed tries of all reasons.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// A metric by its name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<ObservedValue> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }
}

/// Takes the readings of one target in their order.
#[derive(Debug)]
pub struct Ledger {
    /// What they say so far.
    pub values: TargetValues,
    last: Reading,
    first_at: Option<Instant>,
}

impl Ledger {
    /// Nothing read yet.
    #[must_use]
    pub fn new(values: TargetValues) -> Self {
        Self { values, last: Reading::default(), first_at: None }
    }

    /// A page could not be read.
    pub fn fail(&mut self, reason: ScrapeFailure, phase: Phase) {
        self.tried(phase, false);
        *self.values.failures.entry(reason).or_default() += 1;
    }

    /// A page has been read at `at`.
    pub fn read(&mut self, reading: Reading, phase: Phase, at: Instant) {
        self.tried(phase, true);
        let is_first = self.first_at.is_none();
        let time = at.since(*self.first_at.get_or_insert(at));
        let moved = |(series, start): (&String, &f64)| {
            self.last.starts.get(series).is_some_and(|before| (start - before).abs() > SAME_START)
        };
        let restarted = reading.starts.iter().any(moved);
        let (mut went_back, mut counters_seen) = (false, false);
        for ((index, metric), found) in self.values.metrics.iter_mut().enumerate().zip(&reading.metrics) {
            let before = self.last.metrics.get(index);
            match &mut metric.value {
                ObservedValue::Gauge(gauge) if !found.series.is_empty() => {
                    note(gauge, found.series.values().sum(), phase);
                }
                ObservedValue::Gauge(_) => {}
                ObservedValue::Counter(counter) => {
                    let (grown, back) = growth(before, found, restarted, is_first);
                    went_back |= back;
                    counters_seen |= !found.series.is_empty();
                    let increase = counter.map_or(0.0, |counter| counter.increase) + grown;
                    if counter.is_some() || found.known {
                        *counter = Some(CounterValue { increase, time });
                    }
                }
            }
        }
        if phase == Phase::Before {
            self.begin(at);
        }
        let tells = !reading.starts.is_empty() || counters_seen;
        if tells || self.values.restarts.is_some() {
            let counts = phase != Phase::Before && (restarted || went_back);
            *self.values.restarts.get_or_insert(0) += u64::from(counts);
        }
        self.last.starts.extend(reading.starts);
        self.last.metrics.resize_with(self.values.metrics.len(), MetricReading::default);
        for (last, found) in self.last.metrics.iter_mut().zip(reading.metrics) {
            if restarted || went_back {
                // What is not there any more was the former process's.
                last.series.clear();
            }
            // A series that is missing once goes on from where it was.
            last.series.extend(found.series);
        }
    }

    /// The load begins at the earliest after this reading: what happened until it is none of its doing.
    fn begin(&mut self, at: Instant) {
        self.first_at = Some(at);
        for metric in &mut self.values.metrics {
            match &mut metric.value {
                ObservedValue::Counter(Some(counter)) => {
                    *counter = CounterValue { increase: 0.0, time: Duration::ZERO };
                }
                ObservedValue::Gauge(_) | ObservedValue::Counter(None) => {}
            }
        }
    }

    fn tried(&mut self, phase: Phase, up: bool) {
        note(&mut self.values.up, f64::from(u8::from(up)), phase);
        self.values.scrapes += 1;
        self.values.scrapes_after += u64::from(phase == Phase::After);
    }
}

fn note(gauge: &mut Option<GaugeValue>, value: f64, phase: Phase) {
    let gauge = gauge.get_or_insert(GaugeValue { value, min: value, max: value, before: None, after: None });
    gauge.value = value;
    gauge.min = gauge.min.min(value);
    gauge.max = gauge.max.max(value);
    match phase {
        Phase::Before => *gauge = GaugeValue { value, min: value, max: value, before: Some(value), after: None },
        Phase::During => {}
        Phase::After => gauge.after = Some(value),
    }
}

/// What the series grew by, and whether one went back although the target had not said that it began again.
fn growth(before: Option<&MetricReading>, found: &MetricReading, restarted: bool, is_first: bool) -> (f64, bool) {
    if is_first {
        return (0.0, false);
    }
    let mut went_back = false;
    let grown = found.series.iter().map(|(series, value)| match before.and_then(|before| before.series.get(series)) {
        Some(before) if !restarted && value >= before => value - before,
        Some(before) => {
            went_back |= value < before;
            *value
        }
        None => *value,
    });
    (grown.sum(), went_back)
}

#[cfg(test)]
mod tests;
