//! One worker's counters, gauges and trends. Never shared between threads: a record is a few
//! loads and stores, without locks or atomics.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use crate::{
    clock::Instant,
    metrics::{
        samples::{Sample, SampleSender},
        series::{CounterSlot, GaugeSlot, SeriesTable, TrendSlot},
        snapshot::Snapshot,
        trend::Trend,
    },
};

/// The worker's end of all metrics.
#[derive(Debug)]
pub struct Recorder {
    counters: Box<[Cell<u64>]>,
    gauges: Box<[Cell<i64>]>,
    trends: Box<[RefCell<Trend>]>,
    samples: Option<RefCell<SampleSender>>,
    epoch: Instant,
}

impl Recorder {
    /// All zero; `epoch` is the start of the run, `samples` the queue of a per-sample output.
    #[must_use]
    pub fn new(table: &Arc<SeriesTable>, epoch: Instant, samples: Option<SampleSender>) -> Self {
        Self {
            counters: table.counters.iter().map(|_| Cell::new(0)).collect(),
            gauges: table.gauges.iter().map(|_| Cell::new(0)).collect(),
            trends: table.trends.iter().map(|series| RefCell::new(Trend::new(table.bounds(series.family)))).collect(),
            samples: samples.map(RefCell::new),
            epoch,
        }
    }

    /// Adds `n` to a counter.
    pub fn add(&self, slot: CounterSlot, n: u64) {
        if let Some(counter) = self.counters.get(slot.index()) {
            counter.set(counter.get() + n);
        }
    }

    /// Changes a gauge by `n`.
    pub fn gauge_add(&self, slot: GaugeSlot, n: i64) {
        if let Some(gauge) = self.gauges.get(slot.index()) {
            gauge.set(gauge.get() + n);
        }
    }

    /// Records a duration in nanoseconds that ended at `end`.
    pub fn record(&self, slot: TrendSlot, nanos: u64, end: Instant) {
        self.record_n(slot, nanos, end, 1);
    }

    /// Records `count` equal durations.
    pub fn record_n(&self, slot: TrendSlot, nanos: u64, end: Instant, count: u64) {
        self.observe_n(slot, nanos, count);
        if let Some(samples) = &self.samples {
            let sample = Sample { slot, at: end.nanos_since(self.epoch), nanos };
            let mut samples = samples.borrow_mut();
            (0..count).for_each(|_| samples.push(sample));
        }
    }

    /// Records a duration in nanoseconds that is no sample for the outputs: what the generator does.
    pub fn observe(&self, slot: TrendSlot, nanos: u64) {
        if let Some(trend) = self.trends.get(slot.index()) {
            trend.borrow_mut().record(nanos);
        }
    }

    /// The same for `count` equal durations.
    pub fn observe_n(&self, slot: TrendSlot, nanos: u64, count: u64) {
        if let (Some(trend), true) = (self.trends.get(slot.index()), count > 0) {
            trend.borrow_mut().record_n(nanos, count);
        }
    }

    /// Copies everything, as it is between two records; waiting samples are handed over first.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let samples_dropped = self.samples.as_ref().map_or(0, |samples| {
            let mut samples = samples.borrow_mut();
            samples.flush();
            samples.dropped()
        });
        Snapshot {
            counters: self.counters.iter().map(Cell::get).collect(),
            gauges: self.gauges.iter().map(Cell::get).collect(),
            trends: self.trends.iter().map(|trend| trend.borrow().clone()).collect(),
            samples_dropped,
        }
    }
}

/// A recorder with one slot of each kind, for tests of modules that only count into slots given to them.
#[cfg(test)]
pub(crate) fn with_a_slot_of_each_kind() -> (std::rc::Rc<Recorder>, CounterSlot, GaugeSlot, TrendSlot) {
    use crate::{catalogue::Family, metrics::series::Series, units::tags::Tags};
    let mut table = SeriesTable::new(Tags::new(), &[]);
    let series = |family| Series { family, labels: Tags::new(), hidden: Tags::new(), always: true };
    let counter = table.counter(series(Family::DataSent));
    let (gauge, trend) = (table.gauge(series(Family::Vus)), table.trend(series(Family::ReadLag)));
    (std::rc::Rc::new(Recorder::new(&Arc::new(table), Instant::now(), None)), counter, gauge, trend)
}
