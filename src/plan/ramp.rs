//! Target of VUs over time, as k6's ramping-vus computes it.
//!
//! Within a stage from `a` to `b` over `D`, ending at `E`, the target is piecewise linear. Upwards
//! the number of VUs is its floor: VU number n starts at `E − D·(b−n)/(b−a)`. Downwards it is its
//! ceiling: VU number n stops at `E − D·(b−n+1)/(b−a)`. Divisions cut to whole nanoseconds, as k6
//! does (k6 2.2, lib/executor/ramping_vus.go, getRawExecutionSteps).

use std::time::Duration;

use crate::config::profile::Stage;

/// A target over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ramp {
    start: u32,
    stages: Vec<Stage>,
}

impl Ramp {
    /// From `start` VUs through `stages`.
    #[must_use]
    pub fn new(start: u32, stages: &[Stage]) -> Self {
        Self { start, stages: stages.to_vec() }
    }

    /// The same number for `duration`.
    #[must_use]
    pub fn constant(vus: u32, duration: Duration) -> Self {
        Self { start: vus, stages: vec![Stage { duration, target: vus }] }
    }

    /// Sum of the stages' durations.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// Highest target.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.stages.iter().map(|stage| stage.target).fold(self.start, u32::max)
    }

    /// Stages as they were given.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Offsets at which the stages begin.
    pub fn stage_starts(&self) -> impl Iterator<Item = Duration> + '_ {
        self.stages.iter().scan(Duration::ZERO, |offset, stage| {
            let start = *offset;
            *offset += stage.duration;
            Some(start)
        })
    }

    /// Changes of the number of VUs, the first at 0 even if it is to 0; times never go back.
    pub fn steps(&self) -> impl Iterator<Item = (Duration, u32)> + '_ {
        let mut end = Duration::ZERO;
        let mut from = self.start;
        let stages = self.stages.iter().flat_map(move |stage| {
            end += stage.duration;
            let (a, b) = (from, stage.target);
            from = b;
            Climb { from: a, to: b, end, duration: stage.duration }.steps()
        });
        std::iter::once((Duration::ZERO, self.start)).chain(stages)
    }

    /// VUs at `offset`.
    #[must_use]
    pub fn at(&self, offset: Duration) -> u32 {
        let mut end = Duration::ZERO;
        let mut from = self.start;
        for stage in &self.stages {
            end += stage.duration;
            if offset < end {
                return Climb { from, to: stage.target, end, duration: stage.duration }.at(offset);
            }
            from = stage.target;
        }
        from
    }
}

/// One stage with its place in time.
#[derive(Clone, Copy)]
struct Climb {
    from: u32,
    to: u32,
    end: Duration,
    duration: Duration,
}

impl Climb {
    fn steps(self) -> Box<dyn Iterator<Item = (Duration, u32)>> {
        let Self { from, to, end, duration } = self;
        if from == to {
            Box::new(std::iter::empty())
        } else if duration.is_zero() {
            Box::new(std::iter::once((end, to)))
        } else if from < to {
            Box::new((from + 1..=to).map(move |number| (self.before_end(to - number), number)))
        } else {
            Box::new((to..from).rev().map(move |left| (self.before_end(left - to), left)))
        }
    }

    /// `E − D·distance/|b−a|`, cut to whole nanoseconds; in `u128` because 10 years × 10⁸ VUs exceed `u64`.
    fn before_end(self, distance: u32) -> Duration {
        let share = self.duration.as_nanos() * u128::from(distance) / u128::from(self.from.abs_diff(self.to));
        self.end - Duration::from_nanos(share as u64)
    }

    /// `offset` lies within the stage.
    fn at(self, offset: Duration) -> u32 {
        let difference = u128::from(self.from.abs_diff(self.to));
        if difference == 0 {
            return self.from;
        }
        // The step with `distance` more to come lies at or before now if floor(D·distance/|b−a|) is at
        // least the time left, so the steps to come are the smallest distance with D·distance/|b−a| ≥ left.
        let left = (self.end - offset).as_nanos();
        let distance = (left * difference).div_ceil(self.duration.as_nanos()).min(difference) as u32;
        if self.from < self.to { self.to - distance } else { self.to + distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stage(seconds: u64, target: u32) -> Stage {
        Stage { duration: Duration::from_secs(seconds), target }
    }

    fn seconds(steps: impl Iterator<Item = (Duration, u32)>) -> Vec<(f64, u32)> {
        steps.map(|(at, vus)| (at.as_secs_f64(), vus)).collect()
    }

    #[test]
    fn four_up_hold_four_down_as_k6_logs_it() {
        let ramp = Ramp::new(0, &[stage(4, 4), stage(1, 4), stage(4, 0)]);
        let expected = [(0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (4.0, 4), (6.0, 3), (7.0, 2), (8.0, 1), (9.0, 0)];
        // k6 -v: started at +1, 2, 3, 4 s; stopped at +6, 7, 8, 9 s.
        assert_eq!(seconds(ramp.steps()), expected);
    }

    #[test]
    fn a_stage_without_duration_jumps() {
        let ramp = Ramp::new(1, &[stage(0, 5), stage(2, 5), stage(0, 2), stage(1, 2)]);
        assert_eq!(seconds(ramp.steps()), [(0.0, 1), (0.0, 5), (2.0, 2)]);
        assert_eq!(ramp.at(Duration::ZERO), 5);
        assert_eq!(ramp.at(Duration::from_secs(2)), 2);
    }

    #[test]
    fn the_seeds_ramp_starts_two_thousand_and_stops_them() {
        let ramp = Ramp::new(1, &[stage(30, 100), stage(60, 2000), stage(60, 0)]);
        assert_eq!(ramp.steps().count(), 1 + 1999 + 2000);
        assert_eq!(ramp.max(), 2000);
        assert_eq!(ramp.at(Duration::from_secs(90)), 2000);
        assert_eq!(ramp.at(Duration::from_secs(150)), 0);
    }

    /// Times by definition, one VU at a time: every number of VUs is tried in exact rationals.
    fn oracle(start: u32, stages: &[Stage], offset: Duration) -> u32 {
        let mut end: i128 = 0;
        let mut from = i128::from(start);
        let time = offset.as_nanos() as i128;
        for stage in stages {
            let duration = stage.duration.as_nanos() as i128;
            let to = i128::from(stage.target);
            end += duration;
            if time >= end {
                from = to;
                continue;
            }
            let mut vus = from;
            if to > from {
                for number in from + 1..=to {
                    if end - duration * (to - number) / (to - from) <= time {
                        vus = number;
                    }
                }
            } else {
                for number in (to + 1..=from).rev() {
                    if end - duration * (to - number + 1) / (to - from) <= time {
                        vus = number - 1;
                    }
                }
            }
            return vus as u32;
        }
        from as u32
    }

    proptest! {
        #[test]
        fn the_target_equals_the_exact_oracle_at_any_time(
            start in 0u32..20,
            stages in prop::collection::vec((0u64..5_000, 0u32..30), 1..6),
            times in prop::collection::vec(0u64..26_000_000_000, 1..20),
        ) {
            let stages: Vec<_> = stages.into_iter()
                .map(|(millis, target)| Stage { duration: Duration::from_millis(millis), target }).collect();
            let ramp = Ramp::new(start, &stages);
            let edges = ramp.steps().flat_map(|(at, _)| [at, at.saturating_sub(Duration::from_nanos(1))]);
            for time in times.into_iter().map(Duration::from_nanos).chain(edges) {
                prop_assert_eq!(ramp.at(time), oracle(start, &stages, time), "at {:?}", time);
            }
        }

        #[test]
        fn steps_never_go_back_in_time_and_end_where_the_stages_end(
            start in 0u32..50, stages in prop::collection::vec((0u64..5_000, 0u32..50), 1..6),
        ) {
            let stages: Vec<_> = stages.into_iter()
                .map(|(millis, target)| Stage { duration: Duration::from_millis(millis), target }).collect();
            let ramp = Ramp::new(start, &stages);
            let steps: Vec<_> = ramp.steps().collect();
            prop_assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            prop_assert_eq!(steps.last().map(|(_, vus)| *vus), stages.last().map(|stage| stage.target));
            prop_assert!(steps.iter().all(|(at, _)| *at <= ramp.duration()));
        }
    }
}
