use super::*;
use crate::{
    metrics::{hdr, ladder, trend::Trend},
    outputs::{chart::fixture, record::FailureRecord, style::Style},
};

/// A run whose connections take `factor` times as long, in 20 parts with a little noise of their own.
pub(crate) fn run(testid: &str, factor: f64, noise: u64) -> RunRecord {
    let mut record = RunRecord { id: testid.to_owned(), testid: testid.to_owned(), ..fixture::record() };
    let mut whole = Trend::new(ladder::with_limits([]).into());
    let metric = &mut record.metrics[1];
    for part in 0..20u64 {
        let mut trend = Trend::new(ladder::with_limits([]).into());
        for sample in 1..=50u64 {
            let wobble = 1.0 + 0.02 * (((part * 31 + noise * 17) % 11) as f64 / 10.0 - 0.5);
            trend.record((factor * wobble * sample as f64 * 200_000.0) as u64);
        }
        whole.merge(&trend);
        metric.blocks.push(hdr::encode(&trend));
    }
    metric.histogram = Some(hdr::encode(&whole));
    for (name, value) in [
        ("avg", whole.mean()),
        ("med", whole.percentile(50.0) as f64),
        ("p(95)", whole.percentile(95.0) as f64),
        ("p(99)", whole.percentile(99.0) as f64),
    ] {
        metric.values.insert(name.to_owned(), value / 1e6);
    }
    record
}

fn judgements(comparison: &Comparison) -> Vec<(String, Judgement)> {
    comparison.rows.iter().map(|row| (format!("{} {}", row.metric, row.statistic), row.judgement)).collect()
}

#[test]
fn a_slower_run_is_worse_and_the_other_way_round_better() {
    let (fast, slow) = (run("fast", 1.0, 1), run("slow", 1.3, 2));
    let worse = compare(std::slice::from_ref(&fast), std::slice::from_ref(&slow));
    let of = |comparison: &Comparison, judgement| {
        comparison.judged(judgement).map(|row| row.metric.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&worse, Judgement::Worse), ["ws_connecting"; 4]);
    assert_eq!(of(&worse, Judgement::Better), Vec::<String>::new());
    let better = compare(&[slow], &[fast]);
    assert_eq!(of(&better, Judgement::Better), ["ws_connecting"; 4]);
}

#[test]
fn equal_runs_do_not_differ() {
    let comparison = compare(&[run("one", 1.0, 1)], &[run("other", 1.0, 2)]);
    assert!(
        comparison.rows.iter().all(|row| matches!(row.judgement, Judgement::NotSignificant | Judgement::NotTested)),
        "{:?}",
        judgements(&comparison)
    );
    assert_eq!(comparison.warnings, Vec::<String>::new());
}

#[test]
fn failures_and_shares_are_tested_by_their_counts() {
    let base = run("base", 1.0, 1);
    let mut with = run("with", 1.0, 1);
    with.failures[0].count = 40;
    with.failures.push(FailureRecord { what: "http_req".to_owned(), reason: "status".to_owned(), count: 1 });
    with.metrics[0].values =
        [("value", 0.96), ("passes", 960.0), ("fails", 40.0)].map(|(name, value)| (name.to_owned(), value)).into();
    let comparison = compare(&[base], &[with]);
    let judgement = |name: &str| comparison.rows.iter().find(|row| row.metric == name).map(|row| row.judgement);
    assert_eq!(judgement("ws_connect: timeout"), Some(Judgement::Worse));
    assert_eq!(judgement("http_req: status"), Some(Judgement::NotSignificant));
    assert_eq!(judgement("checks"), Some(Judgement::Worse));
    assert_eq!(judgement("data_sent"), Some(Judgement::NotTested), "the plan decides it");
    assert_eq!(judgement("vus"), None, "levels are not compared");
}

#[test]
fn several_runs_a_side_are_judged_by_the_noise_between_them() {
    let side = |factors: [f64; 3]| factors.map(|factor| run(&format!("run-{factor}"), factor, 1));
    let shifted = compare(&side([1.0, 1.01, 0.99]), &side([1.5, 1.51, 1.49]));
    assert_eq!(shifted.judged(Judgement::Worse).count(), 4);
    assert!(shifted.method.starts_with("Welch"));
    // The same medians, and a noise between runs that explains them.
    let noisy = compare(&side([0.6, 1.0, 1.4]), &side([1.1, 1.5, 1.9]));
    assert_eq!(noisy.judged(Judgement::Worse).count(), 0);
}

#[test]
fn one_failure_against_several_clean_runs_is_chance_and_many_are_not() {
    let clean = || {
        let mut run = run("clean", 1.0, 1);
        run.failures.clear();
        run.metrics[0].values =
            [("value", 1.0), ("passes", 1000.0), ("fails", 0.0)].map(|(name, value)| (name.to_owned(), value)).into();
        run
    };
    let failed = |count: u64| {
        let mut run = clean();
        run.failures.push(FailureRecord { what: "check".to_owned(), reason: "echo".to_owned(), count });
        let (passes, fails) = (1000.0 - count as f64, count as f64);
        run.metrics[0].values = [("value", passes / 1000.0), ("passes", passes), ("fails", fails)]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        run
    };
    let base = [clean(), clean(), clean(), clean(), clean()];
    let judgement = |with: &[RunRecord], name: &str| {
        let comparison = compare(&base, with);
        comparison.rows.iter().find(|row| row.metric == name).map(|row| row.judgement)
    };
    for name in ["check: echo", "checks"] {
        assert_eq!(judgement(&[failed(1)], name), Some(Judgement::NotSignificant), "{name}");
        assert_eq!(judgement(&[failed(1), failed(1)], name), Some(Judgement::NotSignificant), "{name}");
        assert_eq!(judgement(&[failed(60)], name), Some(Judgement::Worse), "{name}");
        // A burst in one run of three is noise between runs, whatever its count.
        assert_eq!(judgement(&[failed(400), clean(), clean()], name), Some(Judgement::NotSignificant), "{name}");
    }
}

#[test]
fn what_makes_runs_incomparable_is_named() {
    let base = run("base", 1.0, 1);
    let mut with = run("with", 1.0, 1);
    with.digest = "another digest".to_owned();
    with.version = "0.2.0".to_owned();
    with.machine.cores = 64;
    with.agents = 3;
    with.elapsed_seconds = 90.0;
    with.ended = "interrupted".to_owned();
    (with.orders, with.paused_seconds) = (2, 1.5);
    with.validity.level = "invalid".to_owned();
    with.validity.reasons = vec!["send_lag".to_owned()];
    let comparison = compare(&[base.clone(), base], &[with]);
    for part in [
        "with is invalid",
        "did not run to its end: interrupted",
        "2 orders changed it, and it was paused for 1.5 s",
        "profiles differ",
        "versions of rampd differ",
        "machines differ",
        "agents differ",
        "lengths of the runs differ",
        "twice as base",
    ] {
        assert!(comparison.warnings.iter().any(|warning| warning.contains(part)), "{part}: {:?}", comparison.warnings);
    }
}

#[test]
fn runs_of_one_testid_are_not_the_same_run() {
    let of = |started_at: &str| RunRecord { started_at: started_at.to_owned(), ..run("nightly", 1.0, 1) };
    let is_twice = |base: [RunRecord; 2]| {
        compare(&base, &[run("with", 1.0, 2)]).warnings.iter().any(|warning| warning.contains("twice as base"))
    };
    assert!(!is_twice([of("2026-11-23T02:00:00Z"), of("2026-11-24T02:00:00Z")]));
    assert!(is_twice([of("2026-11-24T02:00:00Z"), of("2026-11-24T02:00:00Z")]));
}

#[test]
fn a_steered_run_is_another_load() {
    let base = run("base", 1.0, 1);
    assert!(blocks::are_paired(std::slice::from_ref(&base), &[run("with", 1.0, 2)]));
    for with in
        [RunRecord { orders: 1, ..run("with", 1.0, 2) }, RunRecord { paused_seconds: 3.0, ..run("with", 1.0, 2) }]
    {
        for (one, other) in [(&base, &with), (&with, &base)] {
            let comparison = compare(std::slice::from_ref(one), std::slice::from_ref(other));
            assert!(comparison.method.starts_with("one run a side, of different loads or lengths"));
            assert!(comparison.warnings.iter().any(|warning| warning.starts_with("with had another load")));
        }
    }
}

#[test]
fn metrics_that_not_every_run_has_are_compared_and_named() {
    let without = |testid: &str| {
        let mut run = run(testid, 1.0, 1);
        run.metrics.retain(|metric| metric.name != "ws_connecting");
        run
    };
    let (full, other) = (run("full", 1.0, 1), run("other", 1.1, 2));
    let comparison = compare(&[without("first"), full.clone(), other.clone()], &[full.clone(), other.clone()]);
    assert_eq!(comparison.rows.iter().filter(|row| row.metric == "ws_connecting").count(), 4);
    let warning = "ws_connecting came in 2 of 3 runs of base and 2 of 2 of with: compared by these";
    assert_eq!(comparison.warnings, [warning]);
    let comparison = compare(&[without("first")], &[full]);
    assert!(comparison.rows.iter().all(|row| row.metric != "ws_connecting"));
    assert_eq!(comparison.warnings, ["ws_connecting came in 0 of 1 runs of base and 1 of 1 of with: not compared"]);
}

#[test]
fn what_is_rounded_to_nothing_has_no_sign() {
    let mut comparison = compare(&[run("base", 1.0, 1)], &[run("with", 1.0, 2)]);
    let row = &mut comparison.rows[0];
    for (change, text) in [(-0.0004, "0.0%"), (0.0004, "0.0%"), (-0.0006, "−0.1%"), (0.0006, "+0.1%")] {
        row.change = Some(change);
        assert_eq!(table::change(row), text);
    }
    assert_eq!([-0.000_001, -0.01, 0.01].map(|change| table::difference(row, change)), ["0.00%", "−1.00%", "+1.00%"]);
}

#[test]
fn a_comparison_as_a_table() {
    let mut slow = run("slow", 1.3, 2);
    slow.validity.level = "suspect".to_owned();
    slow.failures[0].count = 0;
    let comparison = compare(&[run("fast", 1.0, 1)], &[slow]);
    insta::assert_snapshot!(table::render(&comparison, Style::new(false)));
}
