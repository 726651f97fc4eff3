//! When iterations of an arrival rate begin: slots, each computed from its number alone, so that
//! nothing adds up over a long run and any part of a run can compute its own.
//!
//! As in k6, slot n (from 0) of a constant rate is at `n·timeUnit/rate`, so the first is at 0. On a
//! ramp it is where the area under the rate has grown to n + 1, so that the first of 5/s is at 0.2 s
//! (k6 2.2, lib/executor/ramping_arrival_rate.go, `cal`). Areas are whole numbers here, of twice a millionth of an iteration
//! times a nanosecond: which stage a slot falls into is exact. k6 cuts a constant rate's period to
//! whole nanoseconds and adds that up, which makes 30,000/s to 30,000.3/s; here the slot itself is cut.

use std::time::Duration;

use crate::{config::profile::RateStage, units::rate::Rate};

/// Twice a millionth.
const HALF_MILLIONTHS: u128 = 2_000_000;

/// The slots of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    time_unit: Duration,
    stages: Vec<Span>,
    duration: Duration,
    total: u64,
    /// The first slot is at once, and none at the end; otherwise the first is after one interval.
    constant: bool,
}

/// A stage with its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// Millionths per time unit at its start.
    from: u64,
    /// At its end.
    to: u64,
    start: Duration,
    duration: Duration,
    /// Area before it.
    done: u128,
}

impl Span {
    fn area(&self) -> u128 {
        self.duration.as_nanos() * (u128::from(self.from) + u128::from(self.to))
    }
}

impl Schedule {
    /// The same rate for `duration`.
    #[must_use]
    pub fn constant(rate: Rate, time_unit: Duration, duration: Duration) -> Self {
        let millionths = rate.millionths();
        let span = Span { from: millionths, to: millionths, start: Duration::ZERO, duration, done: 0 };
        // Slots before the end, the one at 0 included.
        let total = span.area().div_ceil((time_unit.as_nanos() * HALF_MILLIONTHS).max(1));
        Self {
            time_unit,
            stages: vec![span],
            duration,
            total: u64::try_from(total).unwrap_or(u64::MAX),
            constant: true,
        }
    }

    /// From `start` through `stages`.
    #[must_use]
    pub fn ramping(start: Rate, time_unit: Duration, stages: &[RateStage]) -> Self {
        let (mut from, mut begin, mut done) = (start.millionths(), Duration::ZERO, 0);
        let spans: Vec<_> = stages
            .iter()
            .map(|stage| {
                let to = stage.target.millionths();
                let span = Span { from, to, start: begin, duration: stage.duration, done };
                from = to;
                begin += stage.duration;
                done += span.area();
                span
            })
            .collect();
        let total = u64::try_from(done / (time_unit.as_nanos() * HALF_MILLIONTHS).max(1)).unwrap_or(u64::MAX);
        Self { time_unit, stages: spans, duration: begin, total, constant: false }
    }

    /// From the first stage's beginning to the last one's end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How many slots there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Offsets at which the stages begin.
    pub fn stage_starts(&self) -> impl Iterator<Item = Duration> + '_ {
        self.stages.iter().map(|span| span.start)
    }

    /// Offset of slot `number`, from 0; none beyond the last. Never before the slot before it.
    #[must_use]
    pub fn slot(&self, number: u64) -> Option<Duration> {
        if number >= self.total {
            return None;
        }
        let needed = (u128::from(number) + u128::from(!self.constant)) * self.one();
        let index = self.stages.partition_point(|span| span.done + span.area() < needed);
        let span = self.stages.get(index)?;
        Some(span.start + Duration::from_nanos(reached(span, needed.saturating_sub(span.done))))
    }

    /// The same until `offset`, and from there on `rate` until the end. Slots keep their numbers: those up to `offset` are as
    /// they were, the next one comes when what `offset` leaves of an iteration is full. What lies before is not kept.
    #[must_use]
    pub fn with_rate(&self, offset: Duration, rate: Rate) -> Self {
        let (offset, millionths) = (offset.min(self.duration), rate.millionths());
        let span = Span {
            from: millionths,
            to: millionths,
            start: offset,
            duration: self.duration - offset,
            done: self.area_until(offset),
        };
        let area = span.done + span.area();
        let total = if self.constant { area.div_ceil(self.one()) } else { area / self.one() };
        Self { total: u64::try_from(total).unwrap_or(u64::MAX), stages: vec![span], ..self.clone() }
    }

    /// A rate per second as one per time unit, to the nearest millionth; none if it is no rate or too high.
    #[must_use]
    pub fn rate_of(&self, per_second: f64) -> Option<Rate> {
        let millionths = (per_second * self.time_unit.as_secs_f64() * 1e6).round();
        if (0.0..9e18).contains(&millionths) { Rate::from_millionths(millionths as u64) } else { None }
    }

    /// The area of one iteration.
    fn one(&self) -> u128 {
        (self.time_unit.as_nanos() * HALF_MILLIONTHS).max(1)
    }

    fn area_until(&self, offset: Duration) -> u128 {
        let Some(span) = self.stages.iter().rev().find(|span| span.start <= offset) else { return 0 };
        span.done + under(span, offset - span.start)
    }

    /// Iterations per second at `offset`.
    #[must_use]
    pub fn rate_at(&self, offset: Duration) -> f64 {
        let Some(span) = self.stages.iter().find(|span| offset < span.start + span.duration) else { return 0.0 };
        let share = offset.saturating_sub(span.start).as_secs_f64() / span.duration.as_secs_f64();
        self.per_second(span.from as f64 + (span.to as f64 - span.from as f64) * share)
    }

    /// Highest rate per second.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.per_second(self.stages.iter().map(|span| span.from.max(span.to)).max().unwrap_or(0) as f64)
    }

    fn per_second(&self, millionths: f64) -> f64 {
        millionths / 1e6 / self.time_unit.as_secs_f64()
    }
}

/// The area under the first `time` of `span`, cut to a whole one; where the products pass 2^127 (see [`exact`]) off by a few
/// units of a float's last place.
fn under(span: &Span, time: Duration) -> u128 {
    let x = time.min(span.duration).as_nanos();
    let (from, to) = (u128::from(span.from), u128::from(span.to));
    let duration = span.duration.as_nanos().max(1);
    let curve = |difference: u128| {
        let exact = x.checked_mul(x).and_then(|square| square.checked_mul(difference)).map(|area| (area, duration));
        exact.unwrap_or_else(|| ((x as f64 * x as f64 / duration as f64 * difference as f64) as u128, 1))
    };
    if from <= to {
        let (area, by) = curve(to - from);
        2 * from * x + area / by
    } else {
        let (area, by) = curve(from - to);
        2 * from * x - area.div_ceil(by)
    }
}

/// Nanoseconds into `span` until `area` lies under the rate, cut to whole ones: x of `2·from·x + (to − from)·x²/D = area`.
fn reached(span: &Span, area: u128) -> u64 {
    let (from, to, duration) = (span.from, span.to, span.duration.as_nanos());
    if from == to {
        return (area / (2 * u128::from(from)).max(1)) as u64;
    }
    // The form of the root that subtracts nothing of like size: a few units of the last place off at most.
    let slope = (to as f64 - from as f64) / duration as f64;
    let root = (from as f64 * from as f64 + slope * area as f64).max(0.0).sqrt();
    let estimate = (area as f64 / (from as f64 + root)).clamp(0.0, duration as f64) as u64;
    exact(span, area, estimate).unwrap_or(estimate)
}

/// The largest x that does not pass `area`, looked for around an estimate; none where the products pass 2^127: in stages
/// of over 2.6 hours at 1,000,000/s, or 81 hours at 1,000/s. There the estimate is off by a few units of a float's last place.
fn exact(span: &Span, area: u128, estimate: u64) -> Option<u64> {
    let duration = i128::try_from(span.duration.as_nanos()).ok()?;
    let (from, slope) = (i128::from(span.from), i128::from(span.to) - i128::from(span.from));
    let target = i128::try_from(area).ok()?.checked_mul(duration)?;
    let under = |x: i128| {
        let linear = from.checked_mul(2)?.checked_mul(duration)?.checked_mul(x)?;
        linear.checked_add(slope.checked_mul(x.checked_mul(x)?)?)
    };
    let mut x = i128::from(estimate);
    while x > 0 && under(x)? > target {
        x -= 1;
    }
    while x < duration && under(x + 1)? <= target {
        x += 1;
    }
    u64::try_from(x).ok()
}

#[cfg(test)]
mod tests;
