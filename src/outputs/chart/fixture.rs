//! Timelines and a record for tests.

use std::collections::BTreeMap;

use crate::outputs::{
    record::{FORMAT, FailureRecord, Machine, MetricRecord, RunRecord},
    run_status::{ThresholdStatus, ValidityStatus},
    timeline::{PlanCorner, Point, Quantiles, Timeline},
};

/// k6's ramp to 2,000 VUs in `seconds`, one point a second, with two sets of percentiles.
pub(crate) fn ramp(seconds: u32) -> Timeline {
    let corners = [(0.0, 0.0), (0.25, 1000.0), (0.75, 2000.0), (1.0, 0.0)];
    let plan = corners.map(|(share, vus)| PlanCorner { at: share * f64::from(seconds), vus, rate: 0.0 });
    let points = (1..=seconds).map(|second| point(f64::from(second), f64::from(seconds)));
    Timeline { plan: plan.to_vec(), interval_seconds: 1.0, points: points.collect() }
}

fn point(at: f64, end: f64) -> Point {
    let share = at / end;
    let vus = if share < 0.25 {
        share * 4000.0
    } else if share < 0.75 {
        1000.0 + (share - 0.25) * 2000.0
    } else {
        (1.0 - share) * 8000.0
    };
    let noise = (at * 12.9898).sin().abs();
    let quantiles = |base: f64| Quantiles {
        count: 100,
        p50: base,
        p95: base * (1.8 + noise),
        p99: base * (3.0 + 2.0 * noise),
        max: base * 9.0,
    };
    let latencies = [("ws_connecting", 4.0 + vus / 90.0), ("ws_msg_rtt", 0.4 + vus / 900.0)]
        .map(|(name, base)| (name.to_owned(), quantiles(base)));
    let failures = if share > 0.5 && noise > 0.6 {
        [("ws_connect/timeout", 3.0 * noise), ("ws_close/1006", 11.0 * noise)]
            .map(|(name, rate)| (name.to_owned(), rate))
            .into()
    } else {
        BTreeMap::new()
    };
    Point {
        at,
        planned_vus: vus as u64,
        vus: (vus * 0.98) as u64,
        open: (vus * 0.96) as u64,
        connecting: (20.0 * noise) as u64,
        sent: vus * 2.0,
        received: vus * 2.0 - noise * 40.0,
        failures,
        trends: latencies.into(),
        ..Point::default()
    }
}

/// `p(99)<200` and the like.
pub(crate) fn threshold(metric: &str, expression: &str, limit: f64) -> ThresholdStatus {
    ThresholdStatus {
        metric: metric.to_owned(),
        expression: expression.to_owned(),
        limit,
        value: Some(limit / 2.0),
        passed: Some(true),
        headroom: Some(0.5),
    }
}

/// A run of [`ramp`] with a trend, a rate, a counter and a gauge.
pub(crate) fn record() -> RunRecord {
    let metric = |name: &str, kind: &str, unit: &str, values: &[(&str, f64)]| MetricRecord {
        name: name.to_owned(),
        kind: kind.to_owned(),
        unit: unit.to_owned(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        histogram: None,
        blocks: Vec::new(),
    };
    RunRecord {
        format: FORMAT,
        id: "ramp-1".to_owned(),
        version: "0.1.0".to_owned(),
        profile: "ramp".to_owned(),
        testid: "ramp-1".to_owned(),
        tags: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
        digest: "ee824aa7b7fe94f2756a2fd041bce8de".to_owned(),
        started_at: "2026-11-24T16:35:27Z".to_owned(),
        ended_at: "2026-11-24T16:36:27Z".to_owned(),
        elapsed_seconds: 60.0,
        plan_seconds: 60.0,
        orders: 0,
        paused_seconds: 0.0,
        ended: "completed".to_owned(),
        verdict: "passed".to_owned(),
        exit_code: 0,
        validity: ValidityStatus { level: "valid".to_owned(), reasons: Vec::new() },
        thresholds: vec![threshold("ws_connecting", "p(99)<200", 200.0)],
        metrics: vec![
            metric("checks", "rate", "", &[("value", 0.995), ("passes", 995.0), ("fails", 5.0)]),
            metric("ws_connecting", "trend", "ms", &[("avg", 12.0), ("med", 11.0), ("p(99)", 100.0), ("count", 995.0)]),
            metric("data_sent", "counter", "bytes", &[("count", 5_846_000.0), ("rate", 97_433.0)]),
            metric("vus", "gauge", "", &[("value", 0.0), ("min", 0.0), ("max", 2000.0)]),
        ],
        failures: vec![FailureRecord { what: "ws_connect".to_owned(), reason: "timeout".to_owned(), count: 5 }],
        timeline: ramp(60),
        profile_text: Some("name: ramp\n".to_owned()),
        machine: Machine {
            host: "host-1".to_owned(),
            cores: 2,
            workers: 2,
            kernel: "Linux 6.18".to_owned(),
            ..Machine::default()
        },
        agents: 1,
        notes: Vec::new(),
    }
}
