//! The oracle is the snapshot that never left the process.

use super::*;
use crate::{
    catalogue::Family,
    metrics::trend::{LONGEST, Trend},
    units::tags::Tags,
};
use proptest::prelude::*;

/// Three counters, two gauges and four trends, with a boundary of a threshold's own.
fn table() -> SeriesTable {
    let mut table = SeriesTable::new(Tags::new(), &[(Family::WsConnecting, 123_456_789), (Family::WsMsgRtt, 1)]);
    let series = |family| Series { family, labels: Tags::new(), hidden: Tags::new(), always: true };
    for family in [Family::WsMsgsSent, Family::WsSessions, Family::DataSent] {
        table.counter(series(family));
    }
    for family in [Family::Vus, Family::WsOpen] {
        table.gauge(series(family));
    }
    for family in [Family::WsConnecting, Family::WsMsgRtt, Family::WsMsgRtt, Family::IterationDuration] {
        table.trend(series(family));
    }
    table
}

fn durations() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let nanos = prop_oneof![Just(0), 0..200_u64, 0..10_000_000_000_u64, any::<u64>()];
    prop::collection::vec((nanos, prop_oneof![1..5_u64, 1..1_000_000_000_u64]), 0..20)
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    let values = (
        prop::collection::vec(prop_oneof![Just(0), 0..1_000_u64, 0..LARGEST_TOTAL / 8], 3),
        prop::collection::vec(-1_000_000..1_000_000_i64, 2),
        prop::collection::vec(durations(), 4),
        0..100_u64,
    );
    values.prop_map(|(counters, gauges, trends, samples_dropped)| {
        let mut snapshot = Snapshot::empty(&table());
        snapshot.counters = counters.into();
        snapshot.gauges = gauges.into();
        snapshot.samples_dropped = samples_dropped;
        for (trend, durations) in snapshot.trends.iter_mut().zip(trends) {
            durations.into_iter().for_each(|(nanos, count)| trend.record_n(nanos, count));
        }
        snapshot
    })
}

fn assert_same(left: &Snapshot, right: &Snapshot) {
    assert_eq!((&left.counters, &left.gauges), (&right.counters, &right.gauges));
    assert_eq!(left.samples_dropped, right.samples_dropped);
    for (left, right) in left.trends.iter().zip(&right.trends) {
        let exact = |trend: &Trend| (trend.count(), trend.sum, trend.min, trend.max, trend.zeros);
        assert_eq!(exact(left), exact(right));
        assert_eq!((&left.buckets, &left.bounds), (&right.buckets, &right.bounds));
        assert!(left.steps().eq(right.steps()));
        for percent in [0.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            assert_eq!(left.percentile(percent), right.percentile(percent));
        }
    }
}

fn of_trend(trend: Trend) -> Snapshot {
    let mut snapshot = Snapshot::empty(&table());
    snapshot.trends[1] = trend;
    snapshot
}

/// A frame of one trend, as a sender with a grudge would write it.
fn forged(change: impl FnOnce(&mut TrendFrame)) -> Result<Snapshot, WireError> {
    let mut trend = Trend::new(table().bounds(Family::WsMsgRtt));
    [70_000, 20_000_000, 20_000_000].into_iter().for_each(|nanos| trend.record(nanos));
    let mut frame = trend::pack(1, &trend);
    change(&mut frame);
    let head = Head { counters: 3, gauges: 2, trends: 4, ..Head::default() };
    let mut bytes = head.encode_length_delimited_to_vec();
    bytes.extend(frame.encode_length_delimited_to_vec());
    decode(&bytes, &table())
}

fn with_head(change: impl FnOnce(&mut Head)) -> Result<Snapshot, WireError> {
    let mut head = Head { counters: 3, gauges: 2, trends: 4, ..Head::default() };
    change(&mut head);
    decode(&head.encode_length_delimited_to_vec(), &table())
}

proptest! {
    #[test]
    fn adding_bytes_up_is_merging_what_they_hold(all in prop::collection::vec(snapshots(), 0..4)) {
        let table = table();
        let (mut added, mut merged) = (Snapshot::empty(&table), Snapshot::empty(&table));
        for one in &all {
            let bytes = encode(one, &table, |_| true);
            prop_assert!(check(&bytes, &table).is_ok());
            add(&bytes, &table, &mut added).unwrap();
            merged.merge(one);
        }
        assert_same(&added, &merged);
    }
}

proptest! {
    // Histograms of 200 KiB, in a build without optimisation: 256 cases take a minute.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_comes_out_is_what_went_in(snapshot in snapshots()) {
        let decoded = decode(&encode(&snapshot, &table(), |_| true), &table()).unwrap();
        assert_same(&decoded, &snapshot);
    }

    #[test]
    fn what_comes_out_merges_and_grows_as_what_went_in(left in snapshots(), right in snapshots(), more in any::<u64>()) {
        let through = |snapshot| decode(&encode(snapshot, &table(), |_| true), &table()).unwrap();
        let (mut direct, mut merged) = (left.clone(), through(&left));
        direct.merge(&right);
        merged.merge(&through(&right));
        for snapshot in [&mut direct, &mut merged] {
            snapshot.trends.iter_mut().for_each(|trend| trend.record(more));
        }
        assert_same(&merged, &direct);
    }

    #[test]
    fn unwanted_series_are_zero_and_the_others_whole(snapshot in snapshots()) {
        let wanted = |series: &Series| [Family::WsSessions, Family::WsOpen, Family::WsMsgRtt].contains(&series.family);
        let decoded = decode(&encode(&snapshot, &table(), wanted), &table()).unwrap();
        let mut expected = snapshot;
        (expected.counters[0], expected.counters[2], expected.gauges[0]) = (0, 0, 0);
        for unwanted in [0, 3] {
            expected.trends[unwanted] = Snapshot::empty(&table()).trends[unwanted].clone();
        }
        assert_same(&decoded, &expected);
    }

    #[test]
    fn any_bytes_are_a_snapshot_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _outcome = decode(&bytes, &table());
    }

    #[test]
    fn a_damaged_snapshot_is_one_that_can_be_read_or_an_error(
        snapshot in snapshots(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(), is_cut in any::<bool>(),
    ) {
        let mut bytes = encode(&snapshot, &table(), |_| true);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(mut damaged) = decode(&bytes, &table()) {
            damaged.merge(&snapshot);
            for trend in &damaged.trends {
                [0.0, 1.0, 50.0, 99.9, 100.0].into_iter().for_each(|percent| assert!(trend.percentile(percent) <= trend.max()));
            }
            let again = decode(&encode(&damaged, &table(), |_| true), &table());
            prop_assert!(again.is_ok() || matches!(again, Err(WireError::Total { .. })), "{:?}", again.err());
        }
    }
}

#[test]
fn the_longest_durations_fit() {
    let mut trend = Trend::new(table().bounds(Family::WsMsgRtt));
    [LONGEST - 1, LONGEST, u64::MAX].into_iter().for_each(|nanos| trend.record(nanos));
    let snapshot = of_trend(trend);
    assert_same(&decode(&encode(&snapshot, &table(), |_| true), &table()).unwrap(), &snapshot);
}

#[test]
fn a_table_of_another_shape_is_refused() {
    let bytes = encode(&Snapshot::empty(&table()), &table(), |_| true);
    let mut other = table();
    other.counter(other.counters[0].clone());
    let error = decode(&bytes, &other).unwrap_err().to_string();
    assert!(error.contains("a snapshot of 3 counters where 4 are known"), "{error}");
    let boundary = forged(|frame| frame.buckets += 1);
    assert!(matches!(boundary, Err(WireError::Shape { what: "buckets", .. })), "{boundary:?}");
}

#[test]
fn slots_ascend_within_the_table() {
    let placed = |slots: &[u32]| {
        with_head(|head| {
            head.counter_values = vec![1; slots.len()];
            head.counter_slots = slots.to_vec();
        })
    };
    assert_eq!(*placed(&[0, 2]).unwrap().counters, [1, 0, 1]);
    for bad in [&[3][..], &[0, 0], &[2, 1], &[u32::MAX]] {
        assert!(matches!(placed(bad), Err(WireError::Slot { what: "counters", .. })), "{bad:?}");
    }
    let missing = with_head(|head| head.gauge_slots = vec![0]);
    assert!(matches!(missing, Err(WireError::Lengths { what: "gauges", slots: 1, values: 0 })), "{missing:?}");
    for bad in [4, u32::MAX] {
        let outside = forged(|frame| frame.slot = bad);
        assert!(matches!(outside, Err(WireError::Slot { what: "trends", .. })), "{outside:?}");
    }
    let outside = forged(|frame| frame.bucket_slots[1] = frame.buckets);
    assert!(matches!(outside, Err(WireError::Slot { what: "buckets", .. })), "{outside:?}");
}

#[test]
fn a_trend_comes_once() {
    let mut bytes = encode(&Snapshot::empty(&table()), &table(), |_| true);
    let mut trend = Trend::new(table().bounds(Family::WsMsgRtt));
    trend.record(5);
    for _ in 0..2 {
        bytes.extend(trend::pack(1, &trend).encode_length_delimited_to_vec());
    }
    assert!(matches!(decode(&bytes, &table()), Err(WireError::Slot { what: "trends", slot: 1 })));
}

#[test]
fn what_could_not_be_added_up_is_refused() {
    let sent = |values: [u64; 2]| {
        with_head(|head| {
            head.counter_slots = vec![0, 1];
            head.counter_values = values.to_vec();
        })
    };
    assert!(sent([LARGEST_TOTAL - 2, 1]).is_ok());
    for bad in [[LARGEST_TOTAL - 1, 1], [u64::MAX, u64::MAX]] {
        assert!(matches!(sent(bad), Err(WireError::Total { what: "counters" })), "{bad:?}");
    }
    for bad in [i64::MIN, i64::MAX, 1 << 52] {
        let gauge = with_head(|head| (head.gauge_slots, head.gauge_values) = (vec![1], vec![bad]));
        assert!(matches!(gauge, Err(WireError::Total { what: "gauges" })), "{gauge:?}");
    }
    let bucket = forged(|frame| frame.bucket_values[0] = u64::MAX);
    assert!(matches!(bucket, Err(WireError::Total { what: "trends" })), "{bucket:?}");
}

#[test]
fn a_trend_that_contradicts_itself_is_refused() {
    assert!(forged(|_| {}).is_ok());
    let changes: [fn(&mut TrendFrame); 9] = [
        |frame| frame.bucket_values[0] += 1,
        |frame| frame.min = frame.max + 1,
        |frame| frame.min = 9_000_000,
        |frame| frame.max = 90_000_000,
        |frame| frame.zeros = 1,
        |frame| frame.min = 0,
        |frame| frame.sum_low = 3 * 70_000 - 1,
        |frame| frame.sum_high = 1,
        |frame| (frame.bucket_slots, frame.bucket_values) = (vec![], vec![]),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let outcome = forged(change);
        assert!(matches!(outcome, Err(WireError::Contradiction { slot: 1, .. })), "{number}: {outcome:?}");
    }
}

#[test]
fn histograms_of_another_shape_or_length_are_refused_before_memory_is_taken_for_them() {
    let header = |at: usize, bytes: &'static [u8]| {
        forged(move |frame| frame.histogram[at..at + bytes.len()].copy_from_slice(bytes))
    };
    for (outcome, text) in [
        (forged(|frame| frame.histogram.truncate(39)), "it is cut off"),
        (header(0, &[0x1c, 0x84, 0x93, 0x14]), "it is not in the V2 encoding"),
        (header(4, &[0xff, 0xff, 0xff, 0xff]), "its length is not as it says"),
        (forged(|frame| frame.histogram.push(0)), "its length is not as it says"),
        (header(8, &[0, 0, 0, 1]), "its range or resolution is not rampd's"),
        (header(12, &[0, 0, 0, 5]), "its range or resolution is not rampd's"),
        (header(23, &[1]), "its range or resolution is not rampd's"),
        (header(24, &[0x7f]), "its range or resolution is not rampd's"),
        (header(32, &[0]), "cannot be read"),
    ] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn the_count_that_the_library_would_negate_is_refused() {
    let outcome = forged(|frame| {
        frame.histogram.truncate(40);
        frame.histogram.extend([0xff; 9]);
        frame.histogram[4..8].copy_from_slice(&9_u32.to_be_bytes());
    });
    assert!(matches!(outcome, Err(WireError::Total { what: "trends" })), "{outcome:?}");
}

#[test]
fn a_frame_that_is_too_long_is_not_read() {
    let outcome = decode(&vec![0; LONGEST_FRAME + 1], &table());
    assert!(matches!(outcome, Err(WireError::TooLong(_))), "{outcome:?}");
}
