//! The plan as straight lines over time, for charts.

use std::time::Duration;

use crate::plan::{Plan, ScenarioPlan, work::Work};

/// A corner of the curve. Two at one time are a jump.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corner {
    /// Since the start of the run.
    pub at: Duration,
    /// VUs over all scenarios; those that an arrival rate has from its start, not those it adds.
    pub vus: f64,
    /// Iterations to begin a second, over all scenarios.
    pub rate: f64,
}

/// From 0 to the end of the last scenario whose end is known; a scenario that ends with its iterations, or only when it is
/// stopped, stays as it was at its begin.
#[must_use]
pub fn corners(plan: &Plan) -> Vec<Corner> {
    let lines: Vec<_> = plan.scenarios.iter().map(Line::new).collect();
    let mut times: Vec<_> = lines.iter().flat_map(|line| line.corners.iter().map(|corner| corner.at)).collect();
    times.push(Duration::ZERO);
    times.sort_unstable();
    times.dedup();
    let sum = |at: Duration, side: Side| {
        lines.iter().map(|line| line.at(at, side)).fold(Corner { at, vus: 0.0, rate: 0.0 }, |sum, one| Corner {
            at,
            vus: sum.vus + one.0,
            rate: sum.rate + one.1,
        })
    };
    let mut corners = Vec::new();
    for at in times {
        for side in [Side::Before, Side::From] {
            if side == Side::From || !at.is_zero() {
                push(&mut corners, sum(at, side));
            }
        }
    }
    corners
}

/// Leaves out what lies on the line between its neighbours.
fn push(corners: &mut Vec<Corner>, corner: Corner) {
    if corners.last() == Some(&corner) {
        return;
    }
    if let [.., first, middle] = corners.as_slice()
        && first.at < middle.at
        && middle.at < corner.at
    {
        let share = (middle.at - first.at).as_secs_f64() / (corner.at - first.at).as_secs_f64();
        let near = |from: f64, at: f64, to: f64| (from + (to - from) * share - at).abs() <= 1e-9 * at.abs().max(1.0);
        if near(first.vus, middle.vus, corner.vus) && near(first.rate, middle.rate, corner.rate) {
            corners.pop();
        }
    }
    corners.push(corner);
}

/// Which of the two values at a jump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    From,
}

/// One scenario's curve; 0 before the first corner, as at the last one after it.
struct Line {
    corners: Vec<Corner>,
}

impl Line {
    fn new(scenario: &ScenarioPlan) -> Self {
        let whole = f64::from(scenario.max_vus_of_all());
        let share = if whole > 0.0 { f64::from(scenario.max_vus()) / whole } else { 0.0 };
        let rate = |at: Duration| scenario.rate_at(at);
        let just_before = |at: Duration| at.saturating_sub(Duration::from_nanos(1));
        let first = scenario.ramp.stages().first().map_or(0, |stage| stage.target);
        // A ramp that begins with a stage of no duration begins at its target.
        let jumps = scenario.ramp.stages().first().is_some_and(|stage| stage.duration.is_zero());
        let begin = if jumps { first } else { scenario.ramp.at(Duration::ZERO) };
        let start = scenario.start;
        let mut corners = vec![Corner { at: start, vus: f64::from(begin) * share, rate: rate(start) }];
        let open_end = scenario.endless || matches!(scenario.work, Work::Each { .. } | Work::Shared { .. });
        if open_end {
            return Self { corners };
        }
        let mut at = start;
        for stage in scenario.ramp.stages() {
            at += stage.duration;
            corners.push(Corner { at, vus: f64::from(stage.target) * share, rate: rate(just_before(at)) });
        }
        if let Work::Arrivals { .. } = scenario.work {
            let vus = f64::from(scenario.ramp.max()) * share;
            corners.clear();
            for at in &scenario.stages {
                if *at > start {
                    corners.push(Corner { at: *at, vus, rate: rate(just_before(*at)) });
                }
                corners.push(Corner { at: *at, vus, rate: rate(*at) });
            }
            corners.push(Corner { at: scenario.end, vus, rate: rate(just_before(scenario.end)) });
        }
        corners.push(Corner { at: scenario.end, vus: 0.0, rate: 0.0 });
        Self { corners }
    }

    /// VUs and rate.
    fn at(&self, at: Duration, side: Side) -> (f64, f64) {
        let before = match side {
            Side::Before => self.corners.iter().rposition(|corner| corner.at < at),
            Side::From => self.corners.iter().rposition(|corner| corner.at <= at),
        };
        let Some(from) = before.and_then(|index| self.corners.get(index)) else { return (0.0, 0.0) };
        let Some(to) = before.and_then(|index| self.corners.get(index + 1)) else { return (from.vus, from.rate) };
        let span = to.at.saturating_sub(from.at).as_secs_f64();
        let share = if span > 0.0 { at.saturating_sub(from.at).as_secs_f64() / span } else { 0.0 };
        (from.vus + (to.vus - from.vus) * share, from.rate + (to.rate - from.rate) * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

    fn plan(text: &str) -> Plan {
        let source = Source::from_bytes("p.yaml", format!("{text}\nflow: [{{ sleep: 1s }}]").into_bytes()).unwrap();
        Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap())
    }

    fn curve(text: &str) -> Vec<(f64, f64, f64)> {
        corners(&plan(text))
            .iter()
            .map(|corner| (corner.at.as_secs_f64(), corner.vus, (corner.rate * 1e3).round() / 1e3))
            .collect()
    }

    #[test]
    fn a_ramp_has_the_corners_of_its_stages() {
        let ramp =
            "stages: [{ duration: 30s, target: 100 }, { duration: 60s, target: 100 }, { duration: 10s, target: 0 }]";
        let expected = [(0.0, 1.0, 0.0), (30.0, 100.0, 0.0), (90.0, 100.0, 0.0), (100.0, 0.0, 0.0)];
        assert_eq!(curve(&format!("startVUs: 1\n{ramp}")), expected);
        let jumps = "stages: [{ duration: 0, target: 5 }, { duration: 10s, target: 5 }, { duration: 0, target: 9 }, { duration: 5s, target: 9 }]";
        let expected = [(0.0, 5.0, 0.0), (10.0, 5.0, 0.0), (10.0, 9.0, 0.0), (15.0, 9.0, 0.0), (15.0, 0.0, 0.0)];
        assert_eq!(curve(jumps), expected);
    }

    #[test]
    fn scenarios_add_up_and_straight_lines_have_no_corners() {
        let text = "scenarios:
  flat: { executor: constant-vus, vus: 3, duration: 20s }
  later: { executor: constant-vus, vus: 2, startTime: 5s, duration: 5s }
  rate: { executor: ramping-arrival-rate, startTime: 10s, preAllocatedVUs: 4, stages: [{ duration: 5s, target: 10 }, { duration: 5s, target: 20 }] }";
        let expected = [
            (0.0, 3.0, 0.0),
            (5.0, 3.0, 0.0),
            (5.0, 5.0, 0.0),
            (10.0, 5.0, 0.0),
            (10.0, 7.0, 0.0),
            (20.0, 7.0, 20.0),
            (20.0, 0.0, 0.0),
        ];
        assert_eq!(curve(text), expected);
    }

    #[test]
    fn a_scenario_without_a_known_end_stays_as_it_begins() {
        let text = "scenarios:
  live: { executor: externally-controlled, vus: 3, maxVUs: 5, duration: 0 }
  shared: { executor: shared-iterations, vus: 2, iterations: 10, startTime: 2s }";
        assert_eq!(curve(text), [(0.0, 3.0, 0.0), (2.0, 3.0, 0.0), (2.0, 5.0, 0.0)]);
    }

    #[test]
    fn the_curve_is_where_the_plan_is() {
        let plan = plan("startVUs: 2\nstages: [{ duration: 7s, target: 50 }, { duration: 3s, target: 13 }]");
        let corners = corners(&plan);
        for tenth in 0..100 {
            let at = Duration::from_millis(tenth * 100);
            let index = corners.iter().rposition(|corner| corner.at <= at).unwrap();
            let (from, to) = (corners[index], corners[index + 1]);
            let share = (at - from.at).as_secs_f64() / (to.at - from.at).as_secs_f64();
            let line = from.vus + (to.vus - from.vus) * share;
            assert!((line - f64::from(plan.vus_at(at))).abs() <= 1.0, "{line} at {at:?}");
        }
    }
}
