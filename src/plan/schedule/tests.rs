use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn stage(millis: u64, target: &str) -> RateStage {
    RateStage { duration: Duration::from_millis(millis), target: rate(target) }
}

const SECOND: Duration = Duration::from_secs(1);

fn slots(schedule: &Schedule) -> Vec<f64> {
    (0..).map_while(|number| schedule.slot(number)).map(|slot| slot.as_secs_f64()).collect()
}

#[test]
fn a_constant_rate_begins_at_once_and_ends_before_its_end() {
    let schedule = Schedule::constant(rate("5"), SECOND, SECOND * 2);
    assert_eq!(slots(&schedule), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]);
    // The last of these is cut short: 2.5 intervals have slots at 0, 1 and 2.
    assert_eq!(slots(&Schedule::constant(rate("1"), SECOND, SECOND * 5 / 2)), [0.0, 1.0, 2.0]);
    assert_eq!(slots(&Schedule::constant(rate("0.5"), SECOND * 60, SECOND * 240)), [0.0, 120.0]);
}

#[test]
fn a_ramp_that_does_not_ramp_begins_after_its_first_interval() {
    // k6 v2.2: 5/s from the start begins at 0.2 s.
    let schedule = Schedule::ramping(rate("5"), SECOND, &[stage(1000, "5")]);
    assert_eq!(slots(&schedule), [0.2, 0.4, 0.6, 0.8, 1.0]);
}

#[test]
fn what_a_stage_leaves_of_an_iteration_counts_in_the_next() {
    // 0.6 iterations by 2 s at 0.3/s; the first is full 0.4 later at 1/s.
    let schedule = Schedule::ramping(rate("0.3"), SECOND, &[stage(2000, "0.3"), stage(0, "1"), stage(2000, "1")]);
    assert_eq!(slots(&schedule), [2.4, 3.4]);
}

#[test]
fn a_ramp_from_nothing_follows_the_square_root() {
    let schedule = Schedule::ramping(rate("0"), SECOND, &[stage(10_000, "10")]);
    assert_eq!(schedule.total(), 50);
    let first = schedule.slot(0).unwrap().as_nanos();
    // x²/2 = 1 at the square root of two.
    assert_eq!(first, 1_414_213_562);
    assert_eq!(schedule.slot(49), Some(SECOND * 10));
    assert_eq!(schedule.slot(50), None);
}

#[test]
fn the_rate_is_the_stages_line() {
    let schedule =
        Schedule::ramping(rate("0"), SECOND * 60, &[stage(10_000, "600"), stage(0, "60"), stage(5_000, "60")]);
    let at = |seconds: f64| schedule.rate_at(Duration::from_secs_f64(seconds));
    assert_eq!([at(0.0), at(5.0), at(10.0), at(14.9), at(15.0)], [0.0, 5.0, 1.0, 1.0, 0.0]);
    assert!((schedule.highest() - 10.0).abs() < 1e-12);
    assert_eq!(schedule.stage_starts().collect::<Vec<_>>(), [Duration::ZERO, SECOND * 10, SECOND * 10]);
}

#[test]
fn ten_years_of_the_highest_rates_do_not_overflow() {
    let years = Duration::from_secs(10 * 365 * 86_400);
    let most = Rate::parse("1000000000").unwrap();
    let schedule = Schedule::constant(most, SECOND, years);
    assert_eq!(schedule.total(), 315_360_000_000_000_000);
    assert_eq!(schedule.slot(schedule.total() - 1), Some(years - Duration::from_nanos(1)));
    let ramp = Schedule::ramping(Rate::default(), SECOND, &[RateStage { duration: years, target: most }]);
    assert_eq!(ramp.total(), 157_680_000_000_000_000);
    assert!(ramp.slot(ramp.total() - 1).unwrap() <= years);
}

/// An exact fraction; the denominator is positive.
#[derive(Debug, Clone, Copy)]
struct Fraction(i128, i128);

impl Fraction {
    fn reduced(self) -> Self {
        let (mut a, mut b) = (self.0.unsigned_abs(), self.1.unsigned_abs());
        while b > 0 {
            (a, b) = (b, a % b);
        }
        let divisor = (a.max(1)) as i128;
        Self(self.0 / divisor, self.1 / divisor)
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1).reduced()
    }

    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1).reduced()
    }

    fn at_least(self, whole: i128) -> bool {
        self.0 >= whole * self.1
    }
}

/// Iterations that the profile asks for by `nanos`, in exact fractions and by the definition of a linear ramp.
fn asked_by(start: i128, stages: &[(i128, i128)], unit: i128, nanos: i128) -> Fraction {
    let (mut sum, mut from, mut begin) = (Fraction(0, 1), start, 0);
    for (duration, to) in stages {
        let inside = (nanos - begin).clamp(0, *duration);
        // (from + rate at `inside`) / 2 × inside, in millionths per unit.
        let climbed = if *duration == 0 { Fraction(0, 1) } else { Fraction((to - from) * inside, *duration).reduced() };
        let mean = Fraction(2 * from, 1).plus(climbed).times(Fraction(1, 2));
        sum = sum.plus(mean.times(Fraction(inside, 1)).times(Fraction(1, unit * 1_000_000)));
        (from, begin) = (*to, begin + duration);
    }
    sum
}

proptest! {
    #[test]
    fn constant_slots_are_where_exact_arithmetic_puts_them(
        millionths in 1u64..3_000_000_000, unit in prop::sample::select(vec![1u64, 7, 60_000]), millis in 1u64..20_000, picks in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let (unit, duration) = (Duration::from_millis(unit), Duration::from_millis(millis));
        let schedule = Schedule::constant(Rate::from_millionths(millionths).unwrap(), unit, duration);
        // Slot n lies before the end exactly if n·unit/rate does.
        let place = |number: u64| u128::from(number) * unit.as_nanos() * 1_000_000 / u128::from(millionths);
        prop_assert!(schedule.total() >= 1 && place(schedule.total() - 1) < duration.as_nanos());
        prop_assert!(place(schedule.total()) >= duration.as_nanos());
        for pick in picks {
            let number = pick.index(schedule.total() as usize) as u64;
            prop_assert_eq!(schedule.slot(number).map(|slot| slot.as_nanos()), Some(place(number)));
        }
    }

    #[test]
    fn ramped_slots_are_where_exact_arithmetic_puts_them(
        start in 0u64..20_000_000,
        stages in prop::collection::vec((0u64..4_000, prop::sample::select(vec![0u64, 1, 500_000, 1_000_000, 7_300_000, 50_000_000])), 1..5),
        unit in prop::sample::select(vec![700u64, 1_000, 60_000]),
    ) {
        let nanos: Vec<_> = stages.iter().map(|(millis, target)| (i128::from(*millis) * 1_000_000, i128::from(*target))).collect();
        let stages: Vec<_> = stages.iter().map(|(millis, target)| RateStage { duration: Duration::from_millis(*millis), target: Rate::from_millionths(*target).unwrap() }).collect();
        let schedule = Schedule::ramping(Rate::from_millionths(start).unwrap(), Duration::from_millis(unit), &stages);
        let asked = |at: i128| asked_by(start.into(), &nanos, i128::from(unit) * 1_000_000, at);
        let end: i128 = nanos.iter().map(|(duration, _)| duration).sum();
        prop_assert!(asked(end).at_least(schedule.total().into()) && !asked(end).at_least(i128::from(schedule.total()) + 1));
        let mut before = 0;
        for number in 0..schedule.total() {
            let slot = schedule.slot(number).unwrap().as_nanos() as i128;
            prop_assert!(slot >= before, "slot {} goes back", number);
            before = slot;
            // Cut to whole nanoseconds: full one later at the latest, and not full one earlier.
            let wanted = i128::from(number) + 1;
            prop_assert!(asked(slot + 1).at_least(wanted), "slot {} at {} is early", number, slot);
            prop_assert!(slot == 0 || !asked(slot - 1).at_least(wanted), "slot {} at {} is late", number, slot);
        }
    }

    #[test]
    fn a_new_rate_goes_on_where_the_old_one_left_an_iteration(
        constant in any::<bool>(),
        start in 0u64..20_000_000,
        stages in prop::collection::vec((1u64..2_000, prop::sample::select(vec![0u64, 500_000, 7_300_000, 50_000_000])), 1..4),
        orders in prop::collection::vec((1u64..900, prop::sample::select(vec![0u64, 1, 400_000, 3_000_000, 90_000_000])), 1..5),
    ) {
        let rate = |millionths| Rate::from_millionths(millionths).unwrap();
        let millis = Duration::from_millis;
        let schedule = if constant {
            Schedule::constant(rate(start), SECOND, millis(stages.iter().map(|(length, _)| length).sum()))
        } else {
            let stages: Vec<_> = stages.iter().map(|(length, target)| RateStage { duration: millis(*length), target: rate(*target) }).collect();
            Schedule::ramping(rate(start), SECOND, &stages)
        };
        let end = schedule.duration();
        let nanos: Vec<_> = stages.iter()
            .map(|(length, target)| (i128::from(*length) * 1_000_000, i128::from(if constant { start } else { *target }))).collect();
        // The rates from when they were ordered, and all the slots in the order in which they come due.
        let (mut at, mut rates, mut steered, mut slots) = (Duration::ZERO, Vec::new(), schedule, Vec::new());
        for (after, order) in orders {
            at += millis(after);
            if at >= end {
                break;
            }
            while let Some(slot) = steered.slot(slots.len() as u64).filter(|slot| *slot <= at) {
                slots.push(slot);
            }
            steered = steered.with_rate(at, rate(order));
            rates.push((at, order));
        }
        slots.extend((slots.len() as u64..).map_while(|number| steered.slot(number)));
        let asked = |to: i128| {
            let first = rates.first().map_or(i128::MAX, |(at, _)| at.as_nanos() as i128);
            let mut sum = asked_by(start.into(), &nanos, 1_000_000_000, to.min(first));
            for (place, (at, order)) in rates.iter().enumerate() {
                let (at, until) = (at.as_nanos() as i128, rates.get(place + 1).map_or(end, |next| next.0).as_nanos() as i128);
                let length = (to.min(until) - at).max(0);
                sum = sum.plus(Fraction(i128::from(*order) * length, 1_000_000_000_000_000).reduced());
            }
            sum
        };
        let place = |number: usize| number as i128 + i128::from(!constant);
        for (number, slot) in slots.iter().enumerate() {
            let slot = slot.as_nanos() as i128;
            prop_assert!(asked(slot + 2).at_least(place(number)), "slot {} at {} is early", number, slot);
            prop_assert!(slot < 2 || place(number) == 0 || !asked(slot - 2).at_least(place(number)), "slot {} at {} is late", number, slot);
        }
        let whole = asked(end.as_nanos() as i128);
        // Within one where the end falls on a slot, to a millionth of a nanosecond.
        prop_assert!(whole.at_least(place(slots.len()) - 1) && !whole.at_least(place(slots.len()) + 1), "{} of {:?}", slots.len(), whole);
        prop_assert!(slots.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn the_slots_of_all_parts_are_exactly_those_of_the_whole(millionths in 1u64..90_000_000, weights in prop::collection::vec(0u64..5, 1..5)) {
        use crate::plan::segment::Stripe;
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let schedule = Schedule::constant(Rate::from_millionths(millionths).unwrap(), SECOND, SECOND * 3);
        let mut seen = BTreeSet::new();
        for index in 0..weights.len() {
            let Some(stripe) = Stripe::new(&weights, index) else { continue };
            for own in 0..stripe.scale(schedule.total()) {
                let number = stripe.number(own);
                prop_assert!(schedule.slot(number).is_some() && seen.insert(number));
            }
        }
        prop_assert_eq!(seen.len() as u64, schedule.total());
    }
}
