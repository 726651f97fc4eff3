//! What an executor's keys must be together, and their defaults: k6's rules.

use std::time::Duration;

use super::{Check, GRACE, Owner};
use crate::{
    config::{
        at::Typed,
        overrides::MOST_VUS,
        profile::{
            Executor, RateStage, Stage, VuPool,
            executor::{FIRST_ITERATION, iterations_of},
        },
        raw::{RawArrivals, RawExecutor, RawIterations},
    },
    units::{
        duration::{MAX, display},
        rate::Rate,
    },
};

/// k6's default of `maxDuration`.
const MAX_DURATION: Duration = Duration::from_secs(600);
/// k6's least `duration` and `maxDuration`.
const SHORTEST: Duration = Duration::from_secs(1);
const MILLISECONDS: &str = "a bare number is milliseconds: `30s` is `30000`";
const STAGES: &str = "for example `stages: [{ duration: 30s, target: 100 }]`";

impl Check<'_> {
    pub(super) fn executor(&self, raw: &RawExecutor, owner: Owner<'_>) -> Option<Executor> {
        match raw {
            RawExecutor::SharedIterations(raw) => self.shared_iterations(raw, owner),
            RawExecutor::PerVuIterations(raw) => self.per_vu_iterations(raw),
            RawExecutor::ConstantVus { vus, duration } => self.constant(vus.as_ref(), duration.as_ref(), owner),
            RawExecutor::RampingVus { start_vus, stages, graceful_ramp_down } => {
                self.ramp(start_vus.as_ref(), stages.as_ref(), graceful_ramp_down.unwrap_or(GRACE), owner)
            }
            RawExecutor::ConstantArrivalRate { rate, duration, arrivals } => {
                self.constant_rate(rate.as_ref(), duration.as_ref(), arrivals, owner)
            }
            RawExecutor::RampingArrivalRate { start_rate, stages, arrivals } => {
                self.ramping_rate(start_rate.as_ref(), stages.as_ref(), arrivals, owner)
            }
            RawExecutor::ExternallyControlled { vus, max_vus, duration } => {
                self.live(vus.as_ref(), max_vus.as_ref(), duration.as_ref(), owner)
            }
        }
    }

    pub(super) fn shared_iterations(&self, raw: &RawIterations, owner: Owner<'_>) -> Option<Executor> {
        let (vus, iterations, max_duration) = self.iterations(raw);
        let (vus, iterations) = (vus?, iterations?);
        if iterations < u64::from(vus) {
            let place =
                raw.iterations.as_ref().map(|typed| &typed.place).or(raw.vus.as_ref().map(|typed| &typed.place));
            let message = format!("{iterations} iterations cannot be shared among {vus} VUs: some would have none");
            return self.refuse(
                place.unwrap_or(owner.place),
                message,
                "lower `vus`, or use `per-vu-iterations` for so many of each VU",
            );
        }
        Some(Executor::SharedIterations { vus, iterations, max_duration: max_duration? })
    }

    pub(super) fn per_vu_iterations(&self, raw: &RawIterations) -> Option<Executor> {
        let (vus, iterations, max_duration) = self.iterations(raw);
        Some(Executor::PerVuIterations { vus: vus?, iterations: iterations?, max_duration: max_duration? })
    }

    fn iterations(&self, raw: &RawIterations) -> (Option<u32>, Option<u64>, Option<Duration>) {
        let max_duration = raw.max_duration.as_ref().map_or(Some(MAX_DURATION), |typed| self.long_enough(typed));
        let iterations = raw.iterations.as_ref().map_or(Some(1), |typed| typed.value);
        (self.some_vus(raw.vus.as_ref()), iterations, max_duration)
    }

    /// One VU by default.
    fn some_vus(&self, vus: Option<&Typed<u32>>) -> Option<u32> {
        match vus {
            Some(vus) if vus.value == Some(0) => {
                self.refuse(&vus.place, "must be at least 1", "without VUs there is no load")
            }
            Some(vus) => vus.value,
            None => Some(1),
        }
    }

    fn long_enough(&self, typed: &Typed<Duration>) -> Option<Duration> {
        let time = typed.value?;
        if time < SHORTEST {
            return self.refuse(&typed.place, format!("must be at least 1s, found {}", display(time)), MILLISECONDS);
        }
        Some(time)
    }

    fn required_duration(&self, duration: Option<&Typed<Duration>>, owner: Owner<'_>) -> Option<Duration> {
        match duration {
            Some(duration) => self.long_enough(duration),
            None => self.missing(owner, "duration", "for example `duration: 30s`"),
        }
    }

    pub(super) fn constant(
        &self,
        vus: Option<&Typed<u32>>,
        duration: Option<&Typed<Duration>>,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let (vus, duration) = (self.some_vus(vus), self.required_duration(duration, owner));
        Some(Executor::ConstantVus { vus: vus?, duration: duration? })
    }

    pub(super) fn ramp(
        &self,
        start: Option<&Typed<u32>>,
        stages: Option<&Typed<Vec<Stage>>>,
        graceful_ramp_down: Duration,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let start_vus = start.map_or(Some(1), |start| start.value);
        let Some(typed) = stages else {
            return self.missing(owner, "stages", STAGES);
        };
        let (start_vus, stages) = (start_vus?, typed.value.clone()?);
        self.lasting(typed, stages.iter().map(|stage| stage.duration))?;
        let highest = stages.iter().map(|stage| stage.target).chain([start_vus]).max().unwrap_or_default();
        if highest == 0 {
            return self.refuse(
                &typed.place,
                "the ramp never has a VU: every target is 0",
                "give at least one stage a target above 0",
            );
        }
        if highest > MOST_VUS {
            return self.refuse(&typed.place, format!("more than {MOST_VUS} VUs"), "k6 allows no more either");
        }
        Some(Executor::RampingVus { start_vus, stages, graceful_ramp_down })
    }

    /// At least one stage, and no more than ten years of them.
    fn lasting<T>(&self, stages: &Typed<T>, durations: impl Iterator<Item = Duration>) -> Option<()> {
        let (count, total) =
            durations.fold((0, Duration::ZERO), |(count, total), stage| (count + 1, total.saturating_add(stage)));
        if count == 0 {
            return self.refuse(&stages.place, "a ramp needs at least one stage", STAGES);
        }
        if total > MAX {
            return self.refuse(&stages.place, "the stages last longer than 10 years in all", "check the units");
        }
        Some(())
    }

    fn constant_rate(
        &self,
        rate: Option<&Typed<Rate>>,
        duration: Option<&Typed<Duration>>,
        arrivals: &RawArrivals,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let rate = match rate {
            Some(rate) if rate.value.is_some_and(Rate::is_zero) => {
                self.refuse(&rate.place, "must be above 0", "for less than one iteration a second use `timeUnit`")
            }
            Some(rate) => rate.value.map(|value| (value, rate)),
            None => self.missing(owner, "rate", "for example `rate: 50` with `timeUnit: 1s`"),
        };
        let duration = self.required_duration(duration, owner);
        let (time_unit, pool) = (Self::time_unit(arrivals), self.pool(arrivals, owner));
        let ((rate, typed), time_unit) = (rate?, time_unit?);
        self.possible(typed, [rate], time_unit)?;
        Some(Executor::ConstantArrivalRate { rate, time_unit, duration: duration?, pool: pool? })
    }

    fn ramping_rate(
        &self,
        start: Option<&Typed<Rate>>,
        stages: Option<&Typed<Vec<RateStage>>>,
        arrivals: &RawArrivals,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let start_rate = start.map_or(Some(Rate::default()), |start| start.value);
        let (time_unit, pool) = (Self::time_unit(arrivals), self.pool(arrivals, owner));
        let Some(typed) = stages else {
            return self.missing(owner, "stages", STAGES);
        };
        let (start_rate, stages, time_unit) = (start_rate?, typed.value.clone()?, time_unit?);
        self.lasting(typed, stages.iter().map(|stage| stage.duration))?;
        let rates = || stages.iter().map(|stage| stage.target).chain([start_rate]);
        if rates().all(Rate::is_zero) {
            return self.refuse(
                &typed.place,
                "no iteration ever begins: every target is 0",
                "give at least one stage a target above 0",
            );
        }
        if iterations_of(start_rate, &stages, time_unit) < FIRST_ITERATION {
            return self.refuse(
                &typed.place,
                "no iteration ever begins: the stages together are less than one",
                "a stage of 0s jumps to its rate and has no iterations of its own; make a stage longer",
            );
        }
        self.possible(typed, rates(), time_unit)?;
        Some(Executor::RampingArrivalRate { start_rate, time_unit, stages, pool: pool? })
    }

    /// 1 s by default.
    fn time_unit(arrivals: &RawArrivals) -> Option<Duration> {
        arrivals.time_unit.as_ref().map_or(Some(Duration::from_secs(1)), |typed| typed.value)
    }

    /// Time is counted in nanoseconds.
    fn possible<T>(&self, typed: &Typed<T>, rates: impl IntoIterator<Item = Rate>, time_unit: Duration) -> Option<()> {
        let most = rates.into_iter().max().unwrap_or_default();
        if u128::from(most.millionths()) > time_unit.as_nanos() * 1_000_000 {
            let message = format!("{most} iterations in {} are more than one in each nanosecond", display(time_unit));
            return self.refuse(&typed.place, message, "check `timeUnit`");
        }
        Some(())
    }

    fn pool(&self, arrivals: &RawArrivals, owner: Owner<'_>) -> Option<VuPool> {
        let Some(pre_allocated) = &arrivals.pre_allocated else {
            return self.missing(owner, "preAllocatedVUs", "as many VUs as iterations overlap: rate × duration of one");
        };
        let max = arrivals.max_vus.as_ref();
        let pool = VuPool { pre_allocated: pre_allocated.value?, max: max.unwrap_or(pre_allocated).value? };
        self.room(pool.pre_allocated, "preAllocatedVUs", max.unwrap_or(pre_allocated), pool.max)?;
        Some(pool)
    }

    /// `maxVUs` has room for `least` VUs of the key `key`, and for one.
    fn room(&self, least: u32, key: &str, max: &Typed<u32>, most: u32) -> Option<()> {
        if most < least {
            let message = format!("`maxVUs` cannot be less than `{key}`: {most} is less than {least}");
            return self.refuse(&max.place, message, "raise `maxVUs`, or leave it out");
        }
        if most == 0 {
            return self.refuse(&max.place, "must be at least 1", "without VUs there is no load");
        }
        Some(())
    }

    fn live(
        &self,
        vus: Option<&Typed<u32>>,
        max_vus: Option<&Typed<u32>>,
        duration: Option<&Typed<Duration>>,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let duration = match duration {
            // As in k6, zero has no end; so short a time as is refused elsewhere is a slip here too.
            Some(typed) if typed.value == Some(Duration::ZERO) => Some(None),
            Some(typed) => self.long_enough(typed).map(Some),
            None => self.missing(owner, "duration", "for example `duration: 1h`; `0` goes on until the run is stopped"),
        };
        let Some(max) = max_vus.or(vus) else {
            return self.missing(owner, "maxVUs", "for example `maxVUs: 100`: the VUs may be set up to there");
        };
        let (vus, max_vus) = (vus.map_or(Some(0), |vus| vus.value)?, max.value?);
        self.room(vus, "vus", max, max_vus)?;
        Some(Executor::ExternallyControlled { vus, max_vus, duration: duration? })
    }
}
