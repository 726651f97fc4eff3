//! The oracle keeps every sample with its time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Instant,
    metrics::{
        rank,
        recorder::Recorder,
        series::{CounterSlot, Series, TrendSlot},
    },
    units::tags::Tags,
};

/// A run of two WebSocket series, as seen from outside.
struct Run {
    table: std::sync::Arc<SeriesTable>,
    recorder: Recorder,
    sent: CounterSlot,
    refused: CounterSlot,
    rtt: [TrendSlot; 2],
    sampler: Sampler,
}

impl Run {
    /// With room for so many points and parts.
    fn new(most: usize) -> Self {
        let mut table = SeriesTable::new(Tags::new(), &[]);
        let series = |family| Series { family, labels: Tags::new(), hidden: Tags::new(), always: true };
        let sent = table.counter(series(Family::WsMsgsSent));
        let mut failure = series(Family::WsConnectFailures);
        failure.labels.insert("reason".to_owned(), "refused".to_owned());
        let refused = table.counter(failure);
        let rtt = [table.trend(series(Family::WsMsgRtt)), table.trend(series(Family::WsMsgRtt))];
        let table = std::sync::Arc::new(table);
        let mut sampler = Sampler::new(&table, &[]);
        sampler.most = most;
        sampler.blocks = std::mem::take(&mut sampler.blocks).with_room(most);
        Self { recorder: Recorder::new(&table, Instant::now(), None), table, sent, refused, rtt, sampler }
    }

    fn record(&self, durations: &[u64]) {
        for (index, nanos) in durations.iter().enumerate() {
            self.recorder.record(self.rtt[index % 2], *nanos, Instant::now());
            self.recorder.add(self.sent, 1);
        }
        self.recorder.add(self.refused, durations.len() as u64 / 3);
    }

    fn look(&mut self, at: f64, is_last: bool) {
        let (snapshot, extremes) = (self.recorder.snapshot(), BTreeMap::new());
        let view = View { table: &self.table, snapshot: &snapshot, extremes: &extremes, elapsed: at, observed: &[] };
        let moment = Moment { at, ..Moment::default() };
        if is_last { self.sampler.end(moment, &view) } else { self.sampler.take(moment, &view) }
    }

    fn blocks(&mut self) -> Vec<String> {
        let (snapshot, extremes) = (self.recorder.snapshot(), BTreeMap::new());
        let view = View { table: &self.table, snapshot: &snapshot, extremes: &extremes, elapsed: 1.0, observed: &[] };
        self.sampler.blocks(&view).remove("ws_msg_rtt").unwrap_or_default()
    }
}

/// Ticks with the time since the one before, in seconds, and what is recorded in it.
fn ticks() -> impl Strategy<Value = Vec<(f64, Vec<u64>)>> {
    let late = prop_oneof![8 => Just(1.0), 1 => 0.95..1.05, 1 => 1.0..3.5];
    prop::collection::vec((late, prop::collection::vec(1_000u64..5_000_000_000, 0..20)), 1..40)
}

fn near(got_millis: f64, exact_nanos: u64) -> bool {
    let (got, exact) = (got_millis * 1e6, exact_nanos as f64);
    (got - exact).abs() <= exact / 128.0 + exact / 1024.0 + 64.0
}

proptest! {
    // Trends of 100 KiB are copied at each tick, in a build without optimisation.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn points_are_few_and_hold_everything_that_was_recorded(ticks in ticks(), rest in 0.01f64..0.9) {
        const ROOM: usize = 8;
        let mut run = Run::new(ROOM);
        let (mut at, mut recorded) = (0.0, Vec::new());
        for (seconds, durations) in &ticks {
            at += seconds;
            recorded.extend(durations.iter().map(|nanos| (at, *nanos)));
            run.record(durations);
            run.look(at, false);
            prop_assert!(run.sampler.timeline(Vec::new()).points.len() <= ROOM);
            prop_assert_eq!(run.sampler.latest().at, at);
        }
        at += rest;
        run.record(&[7_000_000]);
        recorded.push((at, 7_000_000));
        run.look(at, true);
        let points = run.sampler.timeline(Vec::new()).points;
        prop_assert_eq!(points.last().unwrap().at, at);
        let (mut begin, mut sent, mut refused) = (0.0, 0.0, 0.0);
        for point in &points {
            let seconds = point.at - begin;
            prop_assert!(seconds > 0.0);
            sent += point.sent * seconds;
            refused += point.failures.get("ws_connect/refused").copied().unwrap_or(0.0) * seconds;
            let within = recorded.iter().filter(|(at, _)| *at > begin && *at <= point.at);
            let mut within: Vec<_> = within.map(|(_, nanos)| *nanos).collect();
            within.sort_unstable();
            let quantiles = point.trends.get("ws_msg_rtt").copied().unwrap_or_default();
            prop_assert_eq!(quantiles.count, within.len() as u64);
            for (got, percent) in [(quantiles.p50, 50.0), (quantiles.p95, 95.0), (quantiles.p99, 99.0), (quantiles.max, 100.0)] {
                if let Some(exact) = within.get((rank::nearest_rank(percent, within.len() as u64) as usize).wrapping_sub(1)) {
                    prop_assert!(near(got, *exact), "p{}: {} against {}", percent, got, exact);
                }
            }
            begin = point.at;
        }
        let expected: usize = ticks.iter().map(|(_, durations)| durations.len() / 3).sum();
        prop_assert!((sent - recorded.len() as f64).abs() < 1e-6 * sent.max(1.0), "{} of {}", sent, recorded.len());
        prop_assert!((refused - expected as f64).abs() < 1e-6 * refused.max(1.0), "{} of {}", refused, expected);
    }

    #[test]
    fn blocks_are_few_and_add_up_to_the_whole(ticks in ticks()) {
        const ROOM: usize = 6;
        let mut run = Run::new(ROOM);
        let mut at = 0.0;
        for (index, (seconds, durations)) in ticks.iter().enumerate() {
            at += seconds;
            run.record(durations);
            run.look(at, index + 1 == ticks.len());
        }
        let whole = run.recorder.snapshot().trend(run.rtt[0]).cloned().map(|mut trend| {
            trend.merge(run.recorder.snapshot().trend(run.rtt[1]).unwrap());
            trend
        });
        let blocks = run.blocks();
        prop_assert!(blocks.len() <= ROOM);
        let mut sum = Sketch::<10>::default().histogram();
        for block in &blocks {
            sum.add(hdr::decode(block).unwrap()).unwrap();
        }
        let steps: Vec<_> = sum.iter_recorded()
            .map(|step| (sum.median_equivalent(step.value_iterated_to()), step.count_at_value())).collect();
        prop_assert_eq!(steps, whole.unwrap().steps().collect::<Vec<_>>());
    }
}

#[test]
fn points_and_blocks_of_an_even_run_are_of_equal_length() {
    let mut run = Run::new(8);
    for second in 1..=21 {
        run.record(&[1_000_000; 10]);
        run.look(f64::from(second), second == 21);
    }
    let timeline = run.sampler.timeline(Vec::new());
    let ends: Vec<_> = timeline.points.iter().map(|point| point.at).collect();
    assert_eq!((timeline.interval_seconds, ends), (4.0, vec![4.0, 8.0, 12.0, 16.0, 21.0]));
    let counts: Vec<_> = run.blocks().iter().map(|block| hdr::decode(block).unwrap().len()).collect();
    assert_eq!(counts, [40, 40, 40, 40, 50]);
}

#[test]
fn a_run_shorter_than_a_second_has_one_point() {
    let mut run = Run::new(8);
    run.record(&[2_000_000, 3_000_000]);
    run.look(0.25, true);
    let points = run.sampler.timeline(Vec::new()).points;
    assert_eq!((points.len(), points[0].at, points[0].sent), (1, 0.25, 8.0));
    assert_eq!(run.blocks().len(), 1);
}

#[test]
fn the_latest_second_of_a_run_is_a_whole_one() {
    let mut run = Run::new(8);
    run.record(&[1_000_000; 100]);
    run.look(1.0, false);
    run.record(&[1_000_000]);
    run.look(1.01, true);
    assert_eq!(run.sampler.latest().sent, 101.0 / 1.01);
    assert_eq!(run.sampler.timeline(Vec::new()).points.len(), 1);
}
