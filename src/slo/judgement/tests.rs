//! Which form a threshold has, that tags without labels are known, and that a crossing is the agent's own judgement.

use proptest::prelude::*;

use super::*;
use crate::{
    config::fixture::{profile, with_thresholds},
    engine::instruments::Instruments,
    metrics::rank::nearest_rank,
    plan::Plan,
    units::tags::Tags,
};

#[test]
fn tags_without_labels_are_known() {
    let profile = profile(include_str!("../../config/schema/tests/everything.yaml"));
    let instruments = Instruments::new(&Plan::new(&profile), Tags::new(), &[]);
    let table = &instruments.table;
    for series in table.counters.iter().chain(&table.gauges).chain(&table.trends) {
        for tag in series.hidden.keys() {
            assert!(HIDDEN.contains(&tag.as_str()), "{tag} of {:?}", series.family);
        }
    }
}

#[test]
fn forms_follow_from_what_a_page_can_answer() {
    let profile = with_thresholds(
        "  ws_connecting: ['p(99)<200', 'med>0.1', 'p(0)<5', 'p(99)==5', 'p(99)<0', 'avg<1', 'max<1', 'min==1']\n  \
           ws_msgs_sent: ['count>1', 'rate>1']\n  vus: ['value<5']\n  checks: ['rate>0.9']\n  http_req_failed: ['rate<0.1']\n  \
           'ws_connecting{url:x}': ['p(99)<1']\n  'http_reqs{status:200}': ['count>1']\n  'http_req_failed{status:200}': ['rate<1']\n  \
           'ws_sessions{scenario:default}': ['count>1']\n  price: ['p(50)<1.5']\n  target_memory: ['ratio<1.1']\n",
    );
    let bucket = |family, bound: &str, percent| Form::Bucket { family, bound: bound.to_owned(), percent };
    let ws = "ws_connecting_seconds";
    let forms: Vec<_> = profile.thresholds.iter().map(|threshold| Judgement::of(threshold).form).collect();
    let expected = [
        bucket(ws, "0.2", 99.0),
        bucket(ws, "0.0001", 50.0),
        bucket(ws, "0.005", 0.0),
        Form::Agent,
        Form::Agent,
        Form::Mean { family: ws },
        Form::Extreme { family: ws, longest: true },
        Form::Agent,
        Form::Sum { family: "ws_msgs_sent_total" },
        Form::PerSecond { family: "ws_msgs_sent_total" },
        Form::Sum { family: "vus" },
        Form::Share { hits: "checks_total", only: Some(("result", "pass")), all: "checks_total" },
        Form::Share { hits: "http_req_failures_total", only: None, all: "http_reqs_total" },
        Form::Agent,
        Form::Sum { family: "http_reqs_total" },
        Form::Agent,
        Form::Sum { family: "ws_sessions_total" },
        bucket("price", "1.5", 50.0),
        Form::Agent,
    ];
    assert_eq!(forms, expected);
}

#[test]
fn a_crossing_reads_as_promql_and_holds_for_numbers_alike() {
    let profile = with_thresholds(
        "  ws_connecting: ['p(99.9)<200', 'p(0)<5', 'p(50)>=5', 'p(0)>5', 'avg<1500']\n  \
           ws_msgs_sent: ['count>10', { threshold: 'count>10', allowEmpty: true }, 'rate==1', 'count<inf']\n  \
           checks: ['rate>=0.99']\n  target_memory: ['ratio<1.1']\n",
    );
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let expected = [
        ("< 0.999", [(0.9989, true), (0.999, false), (nan, false)]),
        ("<= 0", [(0.0, true), (0.001, false), (nan, false)]),
        (">= 0.5", [(0.5, true), (0.4, false), (nan, false)]),
        ("> 0", [(0.001, true), (0.0, false), (nan, false)]),
        (">= 1.5", [(1.5, true), (1.4, false), (nan, false)]),
        ("<= 10", [(10.0, true), (11.0, false), (0.0, true)]),
        ("<= 10 != 0", [(10.0, true), (11.0, false), (0.0, false)]),
        ("!= 1", [(1.0, false), (1.1, true), (0.0, true)]),
        (">= +Inf", [(inf, true), (1e300, false), (0.0, false)]),
        ("< 0.99", [(0.98, true), (0.99, false), (nan, false)]),
        ("== 0", [(0.0, true), (1.0, false), (nan, false)]),
    ];
    for (threshold, (text, values)) in profile.thresholds.iter().zip(expected) {
        let crossing = Judgement::of(threshold).crossing();
        assert_eq!(crossing.to_string(), text, "{}", threshold.source);
        for (value, holds) in values {
            assert_eq!(crossing.holds(value), holds, "{} {value}", threshold.source);
        }
    }
}

#[test]
fn a_scope_is_one_run_or_all_of_them_with_a_zero() {
    let profile = with_thresholds("  'checks{scenario:default}': ['rate>0.9']\n");
    let judgement = Judgement::of(&profile.thresholds[0]);
    let all = Scope { window: "5m".to_owned(), testid: None, zero: Some("zero".to_owned()) };
    let one = Scope { window: "1ms".to_owned(), testid: Some("t\"1".to_owned()), zero: None };
    let total = |labels: &str, window| format!("sum by (testid) (last_over_time(checks_total{{{labels}}}[{window}]))");
    let hits = total("scenario=\"default\",result=\"pass\"", "5m");
    let samples = total("scenario=\"default\"", "5m");
    assert_eq!(judgement.measured(&all), format!("({hits} or 0 * {samples})\n/\n{samples}"));
    assert_eq!(judgement.empty(&all), Some(format!("({samples} or zero) == 0")));
    let parts = judgement.parts(&one);
    assert_eq!(parts.value, total("testid=\"t\\\"1\",scenario=\"default\",result=\"pass\"", "1ms"));
    assert_eq!(parts.over, Some(total("testid=\"t\\\"1\",scenario=\"default\"", "1ms")));
}

proptest! {
    #[test]
    fn a_percentiles_crossing_is_its_rank(
        hundredths in 0u64..=10_000, count in 1u64..1_000_000, at in 0.0f64..1.0, below: bool,
    ) {
        let percent = hundredths as f64 / 100.0;
        let operator = if below { "<" } else { ">" };
        let profile = with_thresholds(&format!("  ws_connecting: ['p({percent}){operator}200']\n"));
        let crossing = Judgement::of(&profile.thresholds[0]).crossing();
        let rank = nearest_rank(percent, count);
        for within in [0, rank - 1, rank, (at * count as f64) as u64, count] {
            prop_assert_eq!(crossing.holds(within as f64 / count as f64), (within >= rank) != below, "{} {}", within, rank);
        }
    }
}
