use std::{collections::BTreeMap, time::Duration};

use crate::{
    catalogue::{Contains, MetricKind},
    config::threshold::{Subject, TargetMetric, Threshold, parse_target_expression},
    metrics::{
        observed::{CounterValue, GaugeValue, ObservedMetricValue, ObservedValue, ScrapeFailure, TargetValues},
        series::SeriesTable,
        snapshot::Snapshot,
        view::View,
    },
    slo::evaluate::{Evaluation, evaluate},
    units::tags::Tags,
};

fn target(name: &str, values: Vec<(&str, ObservedValue)>) -> TargetValues {
    let metrics = values.into_iter();
    let metrics =
        metrics.map(|(name, value)| ObservedMetricValue { name: name.to_owned(), contains: Contains::Default, value });
    TargetValues { scrapes: 1, ..TargetValues::new(name, metrics.collect()) }
}

fn gauge(before: Option<f64>, after: Option<f64>) -> ObservedValue {
    ObservedValue::Gauge(Some(GaugeValue { value: 5.0, min: 2.0, max: 9.0, before, after }))
}

fn counter(increase: f64) -> ObservedValue {
    ObservedValue::Counter(Some(CounterValue { increase, time: Duration::from_secs(4) }))
}

fn judged(metric: &str, target: Option<&str>, expression: &str, observed: &[TargetValues]) -> Evaluation {
    let counts = !["target_memory", "target_up"].contains(&metric);
    let (name, reason) =
        metric.split_once('/').map_or((metric, None), |(name, reason)| (name, Some(reason.to_owned())));
    let metric = TargetMetric {
        name: name.to_owned(),
        target: target.map(str::to_owned),
        reason,
        kind: if counts { MetricKind::Counter } else { MetricKind::Gauge },
        contains: Contains::Default,
    };
    let threshold = Threshold {
        expression: parse_target_expression(expression, &metric).unwrap(),
        metric: Subject::Target(metric),
        selector: Vec::new(),
        name: name.to_owned(),
        source: expression.to_owned(),
        abort_on_fail: false,
        delay_abort_eval: Duration::ZERO,
        allow_empty: false,
    };
    let table = SeriesTable::new(Tags::new(), &[]);
    let (snapshot, extremes) = (Snapshot::empty(&table), BTreeMap::new());
    let view = View { table: &table, snapshot: &snapshot, extremes: &extremes, elapsed: 10.0, observed };
    let evaluation = evaluate(&threshold, &view);
    let allowed = evaluate(&Threshold { allow_empty: true, ..threshold }, &view);
    assert_eq!(allowed.passed, evaluation.passed || evaluation.empty, "{expression}");
    evaluation
}

#[test]
fn every_method_of_a_gauge_and_of_a_counter() {
    let observed = [target("a", vec![("memory", gauge(Some(4.0), Some(6.0))), ("errors", counter(8.0))])];
    for (metric, expression, value, passed) in [
        ("target_memory", "value<5", 5.0, false),
        ("target_memory", "value<=5", 5.0, true),
        ("target_memory", "min>1", 2.0, true),
        ("target_memory", "max<9", 9.0, false),
        ("target_memory", "before==4", 4.0, true),
        ("target_memory", "after!=6", 6.0, false),
        ("target_memory", "ratio<1.5", 1.5, false),
        ("target_memory", "ratio<=1.5", 1.5, true),
        ("target_errors", "count<1", 8.0, false),
        ("target_errors", "rate==2", 2.0, true),
    ] {
        let expected = Evaluation { value: Some(value), passed, empty: false };
        assert_eq!(judged(metric, None, expression, &observed), expected, "{metric} {expression}");
    }
}

#[test]
fn what_was_never_said_has_no_sample() {
    let missing = Evaluation { value: None, passed: false, empty: true };
    let unseen = target("a", vec![("memory", ObservedValue::Gauge(None)), ("errors", ObservedValue::Counter(None))]);
    let half = target("a", vec![("memory", gauge(None, Some(6.0)))]);
    let untried = TargetValues::new("a", Vec::new());
    for (metric, expression, observed) in [
        ("target_memory", "value<5", &unseen),
        ("target_errors", "count<1", &unseen),
        ("target_memory", "ratio<9", &half),
        ("target_memory", "before<9", &half),
        ("target_restarts", "count<1", &half),
        ("target_up", "value>=0", &untried),
        ("target_scrapes", "count>=0", &untried),
        ("target_scrape_failures", "count<1", &untried),
        ("target_memory", "value<5", &untried),
    ] {
        assert_eq!(judged(metric, None, expression, std::slice::from_ref(observed)), missing, "{metric} {expression}");
    }
    let nothing_before = [target("a", vec![("memory", gauge(Some(0.0), Some(0.0)))])];
    assert_eq!(judged("target_memory", None, "ratio<2", &nothing_before), missing, "0 / 0");
}

#[test]
fn counters_of_several_targets_add_up_and_all_must_have_been_seen() {
    let mut one = target("one", vec![("errors", counter(8.0))]);
    one.failures = BTreeMap::from([(ScrapeFailure::Refused, 3), (ScrapeFailure::Page, 1)]);
    one.restarts = Some(0);
    let mut two = target("two", vec![("errors", counter(1.0)), ("memory", gauge(None, None))]);
    two.restarts = Some(2);
    let observed = [one, two, target("three", vec![])];
    for (metric, target, value) in [
        ("target_errors", None, Some(9.0)),
        ("target_errors", Some("two"), Some(1.0)),
        ("target_scrapes", None, Some(3.0)),
        ("target_scrape_failures", None, Some(4.0)),
        ("target_scrape_failures/page", None, Some(1.0)),
        ("target_scrape_failures/page", Some("two"), Some(0.0)),
        ("target_restarts", Some("two"), Some(2.0)),
        // Nothing tells of the third one's restarts.
        ("target_restarts", None, None),
    ] {
        assert_eq!(judged(metric, target, "count>=0", &observed).value, value, "{metric} {target:?}");
    }
    assert_eq!(judged("target_errors", None, "rate>=0", &observed).value, Some(2.25));
    assert_eq!(judged("target_restarts", Some("two"), "rate>=0", &observed).value, Some(0.2));
    assert_eq!(judged("target_memory", None, "value>0", &observed).value, Some(5.0));
}
