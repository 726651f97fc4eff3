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
        let area = |events: u128| events * self.time_unit.as_nanos() * HALF_MILLIONTHS;
        if self.constant {
            let span = self.stages.first()?;
            let nanos = area(u128::from(number)) / (2 * u128::from(span.from)).max(1);
            return Some(Duration::from_nanos(nanos as u64));
        }
        let needed = area(u128::from(number) + 1);
        let index = self.stages.partition_point(|span| span.done + span.area() < needed);
        let span = self.stages.get(index)?;
        Some(span.start + Duration::from_nanos(reached(span, needed - span.done)))
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
