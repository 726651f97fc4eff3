//! Timelines for tests.

use std::collections::BTreeMap;

use crate::outputs::{
    run_status::ThresholdStatus,
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
