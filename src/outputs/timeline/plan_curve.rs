//! The plan's curve in the time of the load: orders change what is to come, and pauses put it off.

use std::time::Duration;

use crate::{
    outputs::timeline::PlanCorner,
    plan::{
        Plan,
        curve::{self, Corner},
    },
};

/// Corners that orders and pauses may make; after that the oldest go.
const MOST_CHANGES: usize = 1_000;

/// See the module.
#[derive(Debug, Clone)]
pub struct PlanCurve {
    /// In the plan's time.
    corners: Vec<Corner>,
    /// In the order of time.
    pauses: Vec<Pause>,
    /// Whether the end of some scenario is not known.
    open: bool,
}

/// A time in which the plan stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// In the plan's time.
    pub at: Duration,
    /// By the clock on the wall.
    pub length: Duration,
}

impl PlanCurve {
    /// Of a plan without orders so far.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { corners: curve::corners(plan), pauses: Vec::new(), open: is_open(plan) }
    }

    /// From `at` of the plan on it is another one.
    pub fn replan(&mut self, plan: &Plan, at: Duration) {
        let next = curve::corners(plan);
        let (old, new) = (curve::at(&self.corners, at), curve::at(&next, at));
        self.corners.retain(|corner| corner.at < at);
        let excess = (self.corners.len() + 2).saturating_sub(MOST_CHANGES);
        self.corners.drain(..excess);
        self.corners.extend([old, new]);
        self.corners.extend(next.into_iter().filter(|corner| corner.at > at));
        self.open = is_open(plan);
    }

    /// A pause is over.
    pub fn pause(&mut self, pause: Pause) {
        if self.pauses.len() < MOST_CHANGES {
            self.pauses.push(pause);
        } else if let Some(last) = self.pauses.last_mut() {
            // Drawn as if they had been one.
            last.length += pause.length;
        }
    }

    /// The corners in the time of the load, `until` which a plan goes on whose end is not known. `current` is the pause that
    /// goes on.
    #[must_use]
    pub fn corners(&self, current: Option<Pause>, until: Duration) -> Vec<PlanCorner> {
        let mut pauses = self.pauses.iter().chain(&current).peekable();
        let mut late = Duration::ZERO;
        let mut drawn = Vec::new();
        let shown = |corner: &Corner, late: Duration| PlanCorner {
            at: (corner.at + late).as_secs_f64(),
            vus: corner.vus,
            rate: corner.rate,
        };
        let end = self.corners.last().map_or(Duration::ZERO, |last| last.at);
        for corner in &self.corners {
            while let Some(pause) = pauses.next_if(|pause| pause.at < corner.at) {
                let still = curve::at(&self.corners, pause.at);
                drawn.push(shown(&still, late));
                late += pause.length;
                drawn.push(shown(&still, late));
            }
            drawn.push(shown(corner, late));
        }
        if let (true, Some(last)) = (self.open, self.corners.last()) {
            late += pauses.map(|pause| pause.length).sum::<Duration>();
            let at = until.max(end + late).as_secs_f64();
            if drawn.last().is_some_and(|drawn| drawn.at < at) {
                drawn.push(PlanCorner { at, vus: last.vus, rate: last.rate });
            }
        }
        drawn
    }
}

fn is_open(plan: &Plan) -> bool {
    plan.foreseeable() != Some(plan.duration())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

    fn plan(text: &str) -> Plan {
        let source = Source::from_bytes("p.yaml", format!("{text}\nflow: [{{ sleep: 1s }}]").into_bytes()).unwrap();
        Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn drawn(curve: &PlanCurve, current: Option<Pause>, until: u64) -> Vec<(f64, f64)> {
        curve.corners(current, seconds(until)).iter().map(|corner| (corner.at, corner.vus)).collect()
    }

    const RAMP: &str = "stages: [{ duration: 10s, target: 11 }, { duration: 10s, target: 11 }]";
    const PLANNED: [(f64, f64); 4] = [(0.0, 1.0), (10.0, 11.0), (20.0, 11.0), (20.0, 0.0)];

    #[test]
    fn a_plan_that_nobody_changes_is_drawn_as_it_is() {
        assert_eq!(drawn(&PlanCurve::new(&plan(RAMP)), None, 5), PLANNED);
    }

    #[test]
    fn a_pause_is_flat_and_puts_off_the_rest() {
        let mut curve = PlanCurve::new(&plan(RAMP));
        let pause = Pause { at: seconds(4), length: seconds(3) };
        let expected = [(0.0, 1.0), (4.0, 5.0), (7.0, 5.0), (13.0, 11.0), (23.0, 11.0), (23.0, 0.0)];
        assert_eq!(drawn(&curve, Some(pause), 7), expected);
        curve.pause(pause);
        assert_eq!(drawn(&curve, None, 7), expected);
    }

    #[test]
    fn an_order_changes_what_is_to_come() {
        let mut curve = PlanCurve::new(&plan(RAMP));
        curve.replan(&plan("vus: 30\nduration: 20s"), seconds(5));
        assert_eq!(drawn(&curve, None, 5), [(0.0, 1.0), (5.0, 6.0), (5.0, 30.0), (20.0, 30.0), (20.0, 0.0)]);
    }

    #[test]
    fn a_plan_without_a_known_end_goes_as_far_as_the_run() {
        let text = "scenarios: { live: { executor: externally-controlled, vus: 3, maxVUs: 5, duration: 0 } }";
        let mut curve = PlanCurve::new(&plan(text));
        assert_eq!(drawn(&curve, None, 8), [(0.0, 3.0), (8.0, 3.0)]);
        curve.pause(Pause { at: seconds(2), length: seconds(4) });
        assert_eq!(drawn(&curve, None, 8), [(0.0, 3.0), (8.0, 3.0)]);
    }

    #[test]
    fn orders_without_end_take_bounded_memory() {
        let (flat, mut curve) = (plan("vus: 30\nduration: 2000s"), PlanCurve::new(&plan(RAMP)));
        for second in 0..1_500 {
            curve.replan(&flat, seconds(second));
            curve.pause(Pause { at: seconds(second), length: seconds(1) });
        }
        assert!(curve.corners.len() <= MOST_CHANGES + 2 && curve.pauses.len() <= MOST_CHANGES);
        assert_eq!(drawn(&curve, None, 0).last(), Some(&(3500.0, 0.0)));
    }
}
