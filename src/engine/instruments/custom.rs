//! The slots of a profile's own metrics.

use crate::{
    catalogue::{Family, Metric, MetricKind},
    clock::Instant,
    metrics::{
        recorder::Recorder,
        series::{CounterSlot, Series, SeriesTable, TrendSlot},
    },
};

/// Largest value of a trend: above it, millionths do not fit into 64 bits.
const LARGEST: f64 = 1e13;

/// Slots of one metric in one scenario.
#[derive(Debug, Clone)]
pub struct CustomSlots {
    kind: MetricKind,
    place: Place,
    /// Values that it does not take.
    pub refused: CounterSlot,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// Of a rate two: pass and fail.
    Counter(CounterSlot),
    Trend(TrendSlot),
}

impl CustomSlots {
    /// Makes the slots of `metric`; `series` has the scenario's labels.
    pub(super) fn new(table: &mut SeriesTable, metric: &Metric, series: &impl Fn(Family) -> Series) -> Self {
        let own = series(metric.source.family());
        let place = match metric.kind {
            MetricKind::Rate => Place::Counter(table.counter_block(&own, "result", ["pass", "fail"], |_| true)),
            MetricKind::Counter | MetricKind::Gauge => Place::Counter(table.counter(own)),
            MetricKind::Trend => Place::Trend(table.trend(own)),
        };
        let mut refused = series(Family::MetricValuesRefused);
        refused.labels.insert("metric".to_owned(), metric.name.to_owned());
        Self { kind: metric.kind, place, refused: table.counter(refused) }
    }

    /// k6's type.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Adds to a counter; false if it is none.
    pub fn count(&self, recorder: &Recorder, count: u64) -> bool {
        let Place::Counter(slot) = self.place else { return false };
        recorder.add(slot, count);
        true
    }

    /// Adds a sample to a rate; false if it is none.
    pub fn rate(&self, recorder: &Recorder, hit: bool) -> bool {
        let Place::Counter(slot) = self.place else { return false };
        recorder.add(slot.offset(usize::from(!hit)), 1);
        true
    }

    /// Adds a sample to a trend, in its unit; false if it is none, or the value negative or above `LARGEST`.
    pub fn record(&self, recorder: &Recorder, value: f64) -> bool {
        let Place::Trend(slot) = self.place else { return false };
        let fits = (0.0..=LARGEST).contains(&value);
        if fits {
            // Milliseconds or plain numbers: a millionth of either is one step of a trend.
            recorder.record(slot, (value * 1e6).round() as u64, Instant::now());
        }
        fits
    }
}
