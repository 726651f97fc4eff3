//! `--scale` and `--speed`: the same profile with other numbers.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{
        overrides::{MOST_ITERATIONS, MOST_VUS},
        profile::{
            Executor, Profile, RateStage, Sleep, SocketStep, Step,
            executor::{FIRST_ITERATION, iterations_of},
        },
    },
    units::{duration::MAX, rate::Rate},
};

/// Why a profile cannot be rescaled.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// Zero, negative or no number.
    #[error("the factor must be a number above 0, found {0}")]
    Factor(f64),
    /// More VUs than k6 allows.
    #[error("a factor of {factor} makes {vus} VUs more than {MOST_VUS}")]
    TooManyVus {
        /// As given.
        factor: f64,
        /// In the profile.
        vus: u32,
    },
    /// More iterations than there may be.
    #[error("a factor of {0} makes more iterations than rampd can count")]
    TooManyIterations(f64),
    /// An arrival rate below one iteration in all.
    #[error("a factor of {0} leaves a scenario without an iteration: its stages together would be less than one")]
    NoIteration(f64),
    /// A duration beyond 10 years.
    #[error("a speed of {0} makes a duration longer than 10 years")]
    TooLong(f64),
}

fn begins(start_rate: Rate, stages: &[RateStage], time_unit: Duration, factor: f64) -> Result<(), Error> {
    if iterations_of(start_rate, stages, time_unit) < FIRST_ITERATION {
        Err(Error::NoIteration(factor))
    } else {
        Ok(())
    }
}

impl Profile {
    /// The profile with every number of VUs and every rate multiplied by `factor`; halves of VUs are rounded up, and what
    /// was above zero stays above, so that a small factor leaves no stage without load. Of iterations
    /// only the shared ones are multiplied: those of each VU would grow with the square.
    ///
    /// # Errors
    /// [`Error::Factor`], [`Error::TooManyVus`], [`Error::TooManyIterations`], [`Error::NoIteration`].
    pub fn scaled(&self, factor: f64) -> Result<Self, Error> {
        check(factor)?;
        let scale = |vus: &mut u32| {
            let scaled = (f64::from(*vus) * factor + 0.5).floor();
            if scaled > f64::from(MOST_VUS) {
                return Err(Error::TooManyVus { factor, vus: *vus });
            }
            *vus = (scaled as u32).max(u32::from(*vus > 0));
            Ok(())
        };
        let scale_rate = |rate: &mut Rate| {
            *rate = rate.scaled(factor).ok_or(Error::TooManyIterations(factor))?;
            Ok(())
        };
        let mut profile = self.clone();
        for scenario in &mut profile.scenarios {
            match &mut scenario.executor {
                Executor::ConstantVus { vus, .. } | Executor::PerVuIterations { vus, .. } => scale(vus)?,
                Executor::SharedIterations { vus, iterations, .. } => {
                    scale(vus)?;
                    let scaled = (*iterations as f64 * factor + 0.5).floor();
                    if scaled > MOST_ITERATIONS as f64 {
                        return Err(Error::TooManyIterations(factor));
                    }
                    *iterations = (scaled as u64).max(u64::from(*vus));
                }
                Executor::RampingVus { start_vus, stages, .. } => {
                    scale(start_vus)?;
                    stages.iter_mut().try_for_each(|stage| scale(&mut stage.target))?;
                }
                Executor::ConstantArrivalRate { rate, pool, .. } => {
                    scale_rate(rate)?;
                    scale(&mut pool.pre_allocated)?;
                    scale(&mut pool.max)?;
                }
                Executor::RampingArrivalRate { start_rate, stages, pool, time_unit } => {
                    scale_rate(start_rate)?;
                    stages.iter_mut().try_for_each(|stage| scale_rate(&mut stage.target))?;
                    begins(*start_rate, stages, *time_unit, factor)?;
                    scale(&mut pool.pre_allocated)?;
                    scale(&mut pool.max)?;
                }
                Executor::ExternallyControlled { vus, max_vus, .. } => {
                    scale(vus)?;
                    scale(max_vus)?;
                }
            }
        }
        Ok(profile)
    }

    /// The profile with its course of time divided by `factor`: stages, durations, start times, sleeps,
    /// holds, the time of `every` and `delayAbortEval`. Rates stay, and so do timeouts, graceful periods and
    /// `maxDuration`, which are limits and not course.
    ///
    /// # Errors
    /// [`Error::Factor`], [`Error::TooLong`], [`Error::NoIteration`].
    pub fn sped_up(&self, factor: f64) -> Result<Self, Error> {
        check(factor)?;
        let speed = Speed(factor);
        let mut profile = self.clone();
        for scenario in &mut profile.scenarios {
            speed.divide(&mut scenario.start_time)?;
            match &mut scenario.executor {
                Executor::ConstantVus { duration, .. } | Executor::ConstantArrivalRate { duration, .. } => {
                    speed.divide(duration)?;
                }
                Executor::RampingVus { stages, .. } => {
                    stages.iter_mut().try_for_each(|stage| speed.divide(&mut stage.duration))?;
                }
                Executor::RampingArrivalRate { start_rate, stages, time_unit, .. } => {
                    stages.iter_mut().try_for_each(|stage| speed.divide(&mut stage.duration))?;
                    begins(*start_rate, stages, *time_unit, factor)?;
                }
                Executor::ExternallyControlled { duration, .. } => {
                    duration.iter_mut().try_for_each(|duration| speed.divide(duration))?;
                }
                // How long they take depends on the flow, which is sped up; `maxDuration` is a limit.
                Executor::SharedIterations { .. } | Executor::PerVuIterations { .. } => {}
            }
            let mut flow = scenario.flow.to_vec();
            speed.steps(&mut flow)?;
            scenario.flow = Arc::from(flow);
        }
        profile.thresholds.iter_mut().try_for_each(|threshold| speed.divide(&mut threshold.delay_abort_eval))?;
        Ok(profile)
    }
}

fn check(factor: f64) -> Result<(), Error> {
    if factor.is_finite() && factor > 0.0 { Ok(()) } else { Err(Error::Factor(factor)) }
}

struct Speed(f64);

impl Speed {
    /// To the nearest nanosecond.
    fn divide(&self, duration: &mut Duration) -> Result<(), Error> {
        let nanos = (duration.as_nanos() as f64 / self.0).round();
        if nanos > MAX.as_nanos() as f64 {
            return Err(Error::TooLong(self.0));
        }
        *duration = Duration::from_nanos(nanos as u64);
        Ok(())
    }

    fn sleep(&self, sleep: &mut Sleep) -> Result<(), Error> {
        self.divide(&mut sleep.min)?;
        self.divide(&mut sleep.max)
    }

    fn steps(&self, steps: &mut [Step]) -> Result<(), Error> {
        steps.iter_mut().try_for_each(|step| match step {
            Step::WebSocket(socket) => self.socket_steps(&mut socket.steps),
            Step::Sleep(sleep) => self.sleep(sleep),
            Step::Repeat { steps, .. } => self.steps(steps),
            Step::Http(_) | Step::Do(_) => Ok(()),
        })
    }

    fn socket_steps(&self, steps: &mut [SocketStep]) -> Result<(), Error> {
        steps.iter_mut().try_for_each(|step| match step {
            SocketStep::Sleep(sleep) => self.sleep(sleep),
            SocketStep::Repeat { steps, .. } => self.socket_steps(steps),
            SocketStep::Every { pace, steps } => {
                pace.duration.iter_mut().try_for_each(|duration| self.divide(duration))?;
                self.socket_steps(steps)
            }
            SocketStep::Hold { duration } => duration.iter_mut().try_for_each(|duration| self.divide(duration)),
            SocketStep::On { steps, .. } => self.socket_steps(steps),
            SocketStep::WebSocket(socket) => self.socket_steps(&mut socket.steps),
            SocketStep::Send(_)
            | SocketStep::Expect(_)
            | SocketStep::Ping
            | SocketStep::Do(_)
            | SocketStep::Http(_)
            | SocketStep::Close { .. } => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{environment::Environment, load, overrides::Overrides, source::Source};

    const PROFILE: &str = "
scenarios:
  ramp:
    executor: ramping-vus
    startTime: 10s
    startVUs: 0
    gracefulRampDown: 7s
    stages: [{ duration: 30s, target: 100 }, { duration: 1m, target: 1 }, { duration: 0s, target: 0 }, { duration: 1s, target: 5 }]
  flat: { executor: constant-vus, vus: 3, duration: 20s, gracefulStop: 9s }
flow:
  - sleep: { min: 1s, max: 2s }
  - repeat:
      times: 2
      steps:
        - websocket:
            url: ws://h
            steps: [{ repeat: { times: 2, steps: [{ sleep: 3s }] } }, { expect: { timeout: 4s } }, { hold: 5s }]
thresholds:
  checks: [{ threshold: rate>0.5, abortOnFail: true, delayAbortEval: 6s }]
";

    fn profile() -> Profile {
        let source = Source::from_bytes("p.yaml", PROFILE.as_bytes().to_vec()).unwrap();
        load(&source, &Environment::default(), &Overrides::default()).unwrap_or_else(|report| panic!("{report}"))
    }

    fn targets(profile: &Profile) -> Vec<u32> {
        let of = |executor: &Executor| match executor {
            Executor::ConstantVus { vus, .. } => vec![*vus],
            Executor::RampingVus { start_vus, stages, .. } => {
                [*start_vus].into_iter().chain(stages.iter().map(|stage| stage.target)).collect()
            }
            other => panic!("{other:?}"),
        };
        profile.scenarios.iter().flat_map(|scenario| of(&scenario.executor)).collect()
    }

    #[test]
    fn scaling_rounds_halves_up_and_keeps_load_where_there_was_some() {
        assert_eq!(targets(&profile()), [0, 100, 1, 0, 5, 3]);
        assert_eq!(targets(&profile().scaled(0.5).unwrap()), [0, 50, 1, 0, 3, 2]);
        assert_eq!(targets(&profile().scaled(0.001).unwrap()), [0, 1, 1, 0, 1, 1]);
        assert_eq!(targets(&profile().scaled(2.0).unwrap()), [0, 200, 2, 0, 10, 6]);
    }

    #[test]
    fn a_factor_that_leaves_no_iteration_is_refused() {
        let text = "
scenarios:
  rates: { executor: ramping-arrival-rate, stages: [{ duration: 10s, target: 3 }], preAllocatedVUs: 8 }
flow: [{ sleep: 1s }]";
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let profile = load(&source, &Environment::default(), &Overrides::default()).unwrap();
        assert_eq!(profile.scaled(0.05).unwrap_err(), Error::NoIteration(0.05));
        assert_eq!(profile.sped_up(20.0).unwrap_err(), Error::NoIteration(20.0));
        assert!(profile.scaled(0.1).is_ok() && profile.sped_up(10.0).is_ok());
    }

    #[test]
    fn speed_divides_the_course_and_leaves_the_limits() {
        let fast = format!("{:?}", profile().sped_up(10.0).unwrap());
        for expected in [
            "start_time: 1s",
            "duration: 3s, target: 100",
            "duration: 6s, target: 1",
            "duration: 2s",
            "min: 100ms, max: 200ms",
            "min: 300ms",
            "timeout: 4s",
            "duration: Some(500ms)",
            "graceful_ramp_down: 7s",
            "graceful_stop: 9s",
            "delay_abort_eval: 600ms",
        ] {
            assert!(fast.contains(expected), "{expected} in {fast}");
        }
    }

    const OTHERS: &str = "
scenarios:
  shared: { executor: shared-iterations, vus: 4, iterations: 10, maxDuration: 50s }
  each: { executor: per-vu-iterations, vus: 4, iterations: 10 }
  rate: { executor: constant-arrival-rate, rate: 5, duration: 20s, preAllocatedVUs: 3, maxVUs: 10 }
  rates: { executor: ramping-arrival-rate, startRate: 0.5, timeUnit: 1m, stages: [{ duration: 2h, target: 3 }], preAllocatedVUs: 8 }
  live: { executor: externally-controlled, vus: 0, maxVUs: 6, duration: 1m }
flow: [{ sleep: 1s }]
";

    #[test]
    fn every_executor_is_scaled_and_sped_up_where_it_makes_sense() {
        let source = Source::from_bytes("p.yaml", OTHERS.as_bytes().to_vec()).unwrap();
        let profile =
            load(&source, &Environment::default(), &Overrides::default()).unwrap_or_else(|report| panic!("{report}"));
        let executors = |profile: &Profile| {
            profile.scenarios.iter().map(|scenario| format!("{:?}", scenario.executor)).collect::<Vec<_>>()
        };
        insta::assert_snapshot!(executors(&profile.scaled(0.5).unwrap().sped_up(10.0).unwrap()).join("\n"));
        // Iterations never fall below one of each VU.
        let tiny = executors(&profile.scaled(0.01).unwrap());
        assert!(tiny[0].starts_with("SharedIterations { vus: 1, iterations: 1,"), "{tiny:?}");
        assert!(matches!(profile.scaled(1e9), Err(Error::TooManyVus { .. })));
        let mut many = profile.clone();
        many.scenarios.remove(0);
        many.scenarios.remove(0);
        many.scenarios.truncate(1);
        if let Executor::ConstantArrivalRate { rate, .. } = &mut many.scenarios[0].executor {
            *rate = Rate::parse("1000000000").unwrap();
        }
        assert_eq!(many.scaled(2.0).unwrap_err(), Error::TooManyIterations(2.0));
    }

    #[test]
    fn a_factor_is_a_number_above_zero() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(profile().scaled(factor), Err(Error::Factor(_))), "{factor}");
            assert!(matches!(profile().sped_up(factor), Err(Error::Factor(_))), "{factor}");
        }
        assert!(matches!(profile().scaled(1e9), Err(Error::TooManyVus { .. })));
        assert!(matches!(profile().sped_up(1e-12), Err(Error::TooLong(_))));
    }
}
