use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    catalogue,
    clock::Instant,
    config::threshold,
    metrics::{
        recorder::Recorder,
        series::{Series, SeriesTable},
        view::Extremes,
    },
    units::tags::Tags,
};

fn series(family: Family, labels: &[(&str, &str)]) -> Series {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Series { family, labels, hidden: Tags::new(), always: true }
}

fn threshold(metric: &str, expression: &str) -> Threshold {
    let (name, selector) = threshold::parse_name(metric).unwrap();
    let kind = catalogue::find(name).unwrap();
    Threshold {
        metric: kind.into(),
        selector,
        name: metric.to_owned(),
        source: expression.to_owned(),
        expression: threshold::parse_expression(expression, kind).unwrap(),
        abort_on_fail: false,
        delay_abort_eval: Duration::ZERO,
        allow_empty: false,
    }
}

/// What was recorded in a run of 10 s: sends, check results, gauge with its extremes, round trips in nanoseconds.
#[derive(Default)]
struct Recorded<'r> {
    sent: u64,
    passes: u64,
    fails: u64,
    vus: i64,
    rtt: &'r [u64],
}

impl Recorded<'_> {
    fn judge(&self, threshold: &Threshold) -> Evaluation {
        let limits: Vec<_> = limit_nanos(threshold).into_iter().collect();
        self.judge_with_boundaries(threshold, &limits)
    }

    fn judge_with_boundaries(&self, threshold: &Threshold, limits: &[(Family, u64)]) -> Evaluation {
        let mut table = SeriesTable::new(Tags::new(), limits);
        let sent = table.counter(series(Family::WsMsgsSent, &[("scenario", "default")]));
        let passes = table.counter(series(Family::Checks, &[("check", "open"), ("result", "pass")]));
        let fails = table.counter(series(Family::Checks, &[("check", "open"), ("result", "fail")]));
        let vus = table.gauge(series(Family::Vus, &[]));
        let rtt = table.trend(series(Family::WsMsgRtt, &[]));
        let table = Arc::new(table);
        let start = Instant::now();
        let recorder = Recorder::new(&table, start, None);
        recorder.add(sent, self.sent);
        recorder.add(passes, self.passes);
        recorder.add(fails, self.fails);
        recorder.gauge_add(vus, self.vus);
        self.rtt.iter().for_each(|nanos| recorder.record(rtt, *nanos, start));
        let extremes = BTreeMap::from([(Family::Vus, Extremes { min: 0, max: 9 })]);
        let snapshot = recorder.snapshot();
        evaluate(
            threshold,
            &View { table: &table, snapshot: &snapshot, extremes: &extremes, elapsed: 10.0, observed: &[] },
        )
    }
}

#[test]
fn every_method_and_operator() {
    let rtt: Vec<u64> = (1..=100).map(|ms| ms * 1_000_000).collect();
    let run = Recorded { sent: 500, passes: 99, fails: 1, vus: 7, rtt: &rtt };
    for (metric, method, value, below, above) in [
        ("ws_msgs_sent", "count", 500.0, 499.0, 501.0),
        ("ws_msgs_sent", "rate", 50.0, 49.9, 50.1),
        ("ws_msgs_sent{scenario:default}", "count", 500.0, 499.0, 501.0),
        ("checks", "rate", 0.99, 0.98, 0.991),
        ("checks{check:open}", "rate", 0.99, 0.98, 0.991),
        ("vus", "value", 7.0, 6.0, 8.0),
        ("ws_msg_rtt", "avg", 50.5, 50.4, 50.6),
        ("ws_msg_rtt", "min", 1.0, 0.9, 1.1),
        ("ws_msg_rtt", "max", 100.0, 99.9, 100.1),
        ("ws_msg_rtt", "med", 50.0, 49.9, 50.9),
        ("ws_msg_rtt", "p(99)", 99.0, 98.9, 99.9),
        ("ws_msg_rtt", "p(0)", 1.0, 0.9, 1.1),
        ("ws_msg_rtt", "p(100)", 100.0, 99.9, 100.1),
    ] {
        for (operator, at_below, at_above) in [
            ("<", false, true),
            ("<=", false, true),
            (">", true, false),
            (">=", true, false),
            ("==", false, false),
            ("===", false, false),
            ("!=", true, true),
        ] {
            for (limit, expected) in [(below, at_below), (above, at_above)] {
                let expression = format!("{method}{operator}{limit}");
                let judged = run.judge(&threshold(metric, &expression));
                assert_eq!((judged.passed, judged.empty), (expected, false), "{metric}: {expression}");
                let got = judged.value.unwrap();
                assert!((got - value).abs() <= value / 1000.0, "{metric}: {expression} measured {got}");
            }
        }
    }
}

#[test]
fn equality_is_exact_for_sums_and_shares() {
    let run = Recorded { sent: 500, passes: 3, fails: 1, vus: 7, rtt: &[] };
    for (metric, expression) in
        [("ws_msgs_sent", "count==500"), ("checks", "rate===0.75"), ("vus", "value==7"), ("ws_msgs_sent", "rate<=50")]
    {
        assert!(run.judge(&threshold(metric, expression)).passed, "{expression}");
    }
}

#[test]
fn a_sample_on_the_limit_is_within_it() {
    let run = Recorded { rtt: &[200_000_000], ..Recorded::default() };
    for (expression, passed, shown) in [
        ("p(99)<200", true, 199.999_999),
        ("p(99)<=200", true, 200.0),
        ("p(99)>200", false, 200.0),
        ("p(99)>=200", false, 199.999_999),
    ] {
        let judged = run.judge(&threshold("ws_msg_rtt", expression));
        assert_eq!((judged.passed, judged.value), (passed, Some(shown)), "{expression}");
    }
}

#[test]
fn one_nanosecond_above_the_limit_is_seen_though_the_histogram_cannot_tell() {
    let mut rtt = vec![200_000_000; 98];
    rtt.extend([200_000_001, 200_000_001]);
    let run = Recorded { rtt: &rtt, ..Recorded::default() };
    let crossed = run.judge(&threshold("ws_msg_rtt", "p(99)<=200"));
    assert!(!crossed.passed && crossed.value > Some(200.0), "{crossed:?}");
    assert!(run.judge(&threshold("ws_msg_rtt", "p(98)<=200")).passed);
}

#[test]
fn without_samples_sums_are_zero_and_distributions_fail() {
    let run = Recorded::default();
    for (metric, expression, passed, value) in [
        ("ws_msgs_sent", "count>10000", false, Some(0.0)),
        ("ws_msgs_sent", "count==0", true, Some(0.0)),
        ("ws_msgs_sent", "rate<10", true, Some(0.0)),
        ("checks", "rate>0.9", false, None),
        ("checks", "rate<0.9", false, None),
        ("ws_msg_rtt", "p(95)<500", false, None),
        ("ws_msg_rtt", "avg!=1", false, None),
    ] {
        let judged = run.judge(&threshold(metric, expression));
        assert_eq!(judged, Evaluation { value, passed, empty: true }, "{metric}: {expression}");
        let allowed = Threshold { allow_empty: true, ..threshold(metric, expression) };
        assert!(run.judge(&allowed).passed, "{metric}: {expression} with allowEmpty");
        assert!(!judged.crossed_during_run());
    }
    let gauge = run.judge(&threshold("vus", "value>0"));
    assert_eq!(gauge, Evaluation { value: Some(0.0), passed: false, empty: false });
}

#[test]
fn only_percentiles_of_times_ask_for_a_boundary() {
    for (metric, expression, expected) in [
        ("ws_connecting", "p(99)<200", Some(200_000_000)),
        ("ws_connecting", "med>=0.001", Some(1_000)),
        ("ws_connecting", "p(99)==200", Some(200_000_000)),
        ("ws_connecting", "p(99)<0", None),
        ("ws_connecting", "p(99)<-1", None),
        ("ws_connecting", "p(99)<inf", None),
        ("ws_connecting", "avg<200", None),
        ("ws_connecting", "max<200", None),
        ("ws_msgs_sent", "count>200", None),
        ("checks", "rate>0.9", None),
    ] {
        let limit = limit_nanos(&threshold(metric, expression));
        assert_eq!(limit, expected.map(|nanos| (Family::WsConnecting, nanos)), "{expression}");
    }
}

proptest! {
    #[test]
    fn percentile_verdicts_equal_nearest_rank_over_the_sorted_samples(
        mut samples in prop::collection::vec(1u64..400, 1..200),
        limit in 1u64..400,
        tenths in 0u64..=1000,
        operator in prop::sample::select(vec!["<", "<=", ">", ">="]),
    ) {
        // Few distinct values, so that many samples lie on the limit.
        samples.iter_mut().for_each(|sample| *sample *= 500_000);
        let limit_ms = limit as f64 / 2.0;
        let judged = Recorded { rtt: &samples, ..Recorded::default() }
            .judge(&threshold("ws_msg_rtt", &format!("p({}){operator}{limit_ms}", tenths as f64 / 10.0)));
        samples.sort_unstable();
        let rank = (tenths * samples.len() as u64).div_ceil(1000).max(1) as usize;
        let within = samples[rank - 1] <= limit * 500_000;
        let expected = within == operator.starts_with('<');
        prop_assert_eq!(judged.passed, expected);
        let shown = judged.value.unwrap();
        prop_assert_eq!(match operator {
            "<" => shown < limit_ms,
            "<=" => shown <= limit_ms,
            ">" => shown > limit_ms,
            _ => shown >= limit_ms,
        }, expected, "{} shown", shown);
        prop_assert!((shown * 1e6 - samples[rank - 1] as f64).abs() <= samples[rank - 1] as f64 / 1000.0 + 64.0);
    }

    #[test]
    fn without_a_boundary_the_histogram_decides_within_its_three_digits(
        mut samples in prop::collection::vec(1_000_000u64..1_000_000_000, 1..200), limit in 1u64..1000,
    ) {
        let threshold = threshold("ws_msg_rtt", &format!("p(90)<{limit}"));
        let judged = Recorded { rtt: &samples, ..Recorded::default() }.judge_with_boundaries(&threshold, &[]);
        samples.sort_unstable();
        let exact = samples[(samples.len() * 9).div_ceil(10) - 1];
        if exact.abs_diff(limit * 1_000_000) > exact / 1000 + 64 {
            prop_assert_eq!(judged.passed, exact < limit * 1_000_000);
        }
    }

    #[test]
    fn shares_and_sums_are_compared_as_they_are(passes in 0u64..1000, fails in 0u64..1000, limit in 0.0f64..1.0) {
        prop_assume!(passes + fails > 0);
        let run = Recorded { passes, fails, sent: passes, ..Recorded::default() };
        prop_assert_eq!(
            run.judge(&threshold("checks", &format!("rate>={limit}"))).passed,
            passes as f64 / (passes + fails) as f64 >= limit
        );
        prop_assert_eq!(run.judge(&threshold("ws_msgs_sent", &format!("count<{fails}"))).passed, passes < fails);
    }
}
