//! Where an axis has its marks, and what stands beside them.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis from `from` to `to` with marks.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::outputs::chart) struct Axis {
    /// At the left or lower end.
    pub(in crate::outputs::chart) from: f64,
    /// At the right or upper end; above `from`.
    pub(in crate::outputs::chart) to: f64,
    /// Where marks are, with what stands there.
    pub(in crate::outputs::chart) marks: Vec<(f64, String)>,
    /// Of the marks, empty if they say it themselves.
    pub(in crate::outputs::chart) unit: &'static str,
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        let share = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        low + (share * f64::from(high - low)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // No lines between the marks.
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.iter().map(|(at, _)| *at).collect() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let mark = self.marks.iter().find(|(at, _)| at == value);
        mark.map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::outputs::chart) enum Unit {
    /// Milliseconds, shown as seconds from ten of them on.
    Milliseconds,
    /// Whole things: no mark between 1 and 2.
    Count,
    /// Things a second.
    PerSecond,
    /// Numbers that are none of these.
    Plain,
}

impl Unit {
    /// Behind values in the legend and the cross-hair.
    pub(in crate::outputs::chart) fn suffix(self) -> &'static str {
        match self {
            Self::Milliseconds => " ms",
            Self::Count | Self::Plain => "",
            Self::PerSecond => "/s",
        }
    }
}

/// Marks of an axis of values at most; a phone has no room for more.
const MARKS: f64 = 5.0;

/// From 0 to a round value not below `largest`.
pub(in crate::outputs::chart) fn values(largest: f64, unit: Unit) -> Axis {
    let largest = if largest.is_finite() && largest > 0.0 { largest } else { 1.0 };
    let (divisor, word) = match unit {
        Unit::Milliseconds if largest >= 10_000.0 => (1000.0, "s"),
        Unit::Milliseconds => (1.0, "ms"),
        Unit::Count | Unit::Plain => (1.0, ""),
        Unit::PerSecond => (1.0, "/s"),
    };
    let mut step = round_step(largest / divisor / MARKS);
    if unit == Unit::Count {
        step = step.max(1.0);
    }
    let count = (largest / divisor / step - 1e-9).ceil().max(1.0);
    let (scale, letter) = match step * count {
        top if top >= 1e9 => (1e9, "G"),
        top if top >= 1e6 => (1e6, "M"),
        top if top >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let digits = digits(step / scale);
    let marks = (0..=count as u32).map(|number| {
        let value = f64::from(number) * step;
        let text = if number == 0 { "0".to_owned() } else { format!("{:.digits$}{letter}", value / scale) };
        (value * divisor, text)
    });
    Axis { from: 0.0, to: step * count * divisor, marks: marks.collect(), unit: word }
}

/// The next of 1, 2, 2.5, 5, 10 times a power of ten, so that marks are easy to read between.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0].into_iter().find(|step| step * power >= least * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

/// Behind the point that multiples of `step` need.
fn digits(step: f64) -> usize {
    (0..9)
        .find(|digits| {
            let shifted = step * 10f64.powi(*digits);
            (shifted - shifted.round()).abs() < 1e-6 * shifted.max(1e-3)
        })
        .map_or(9, |digits| digits as usize)
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// Steps of run time that people count in, in seconds.
const TIME_STEPS: [f64; 21] = [
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
];

/// Run time from 0 to `end` seconds.
pub(in crate::outputs::chart) fn time(end: f64) -> Axis {
    let end = if end.is_finite() && end > 0.0 { end } else { 1.0 };
    let least = end / (MARKS + 1.0);
    let step = TIME_STEPS.into_iter().find(|step| *step >= least);
    let step = step.unwrap_or_else(|| round_step(least / DAY) * DAY);
    let count = (end / step + 1e-9).floor();
    let marks = (0..=count as u32).map(|number| f64::from(number) * step).map(|at| (at, instant(at, step)));
    Axis { from: 0.0, to: end, marks: marks.collect(), unit: "" }
}

/// A time of the run in the detail of `step`: `0.5 s`, `1:30`, `2:00:00`, `3 d`.
fn instant(at: f64, step: f64) -> String {
    if at == 0.0 {
        return "0".to_owned();
    }
    if step >= DAY {
        return format!("{} d", (at / DAY).round());
    }
    if step < 1.0 {
        return format!("{at:.1} s");
    }
    clock(at)
}

/// As a stop watch shows it: `0:05`, `1:02:03`.
pub(in crate::outputs::chart) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

/// Shares of samples from 0 to the last that `samples` of them can tell, each nine as wide as the one before it: the
/// place of a share q is -log10(1 - q).
pub(in crate::outputs::chart) fn quantiles(samples: u64) -> Axis {
    let nines = (samples.max(10) as f64).log10().ceil().clamp(1.0, 9.0);
    let labelled = |nine: i32| nines <= 5.0 || nine < 4 || nine % 2 == 1;
    let marks = (1..=nines as i32).map(|nine| {
        let digits = usize::try_from(nine - 2).unwrap_or_default();
        let share = 100.0 - 10f64.powi(2 - nine);
        (f64::from(nine), if labelled(nine) { format!("{share:.digits$}%") } else { String::new() })
    });
    let marks = std::iter::once((quantile_place(0.5), "50%".to_owned())).chain(marks);
    // Room for half of the last mark's text.
    Axis { from: 0.0, to: nines + 0.3, marks: marks.collect(), unit: "" }
}

/// Where a share of samples is on the axis of [`quantiles`].
pub(in crate::outputs::chart) fn quantile_place(share: f64) -> f64 {
    -(1.0 - share).log10()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(axis: &Axis) -> String {
        axis.marks.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn marks_are_round_numbers_in_few_letters() {
        for (largest, unit, marks, word) in [
            (0.0, Unit::Count, "0 1", ""),
            (1.0, Unit::Count, "0 1", ""),
            (3.0, Unit::Count, "0 1 2 3", ""),
            (20_000.0, Unit::Count, "0 5k 10k 15k 20k", ""),
            (9_000.0, Unit::Count, "0 2k 4k 6k 8k 10k", ""),
            (148_000.0, Unit::PerSecond, "0 50k 100k 150k", "/s"),
            (0.37, Unit::Milliseconds, "0 0.1 0.2 0.3 0.4", "ms"),
            (211.0, Unit::Milliseconds, "0 50 100 150 200 250", "ms"),
            (61_000.0, Unit::Milliseconds, "0 20 40 60 80", "s"),
            (f64::NAN, Unit::Milliseconds, "0 0.2 0.4 0.6 0.8 1.0", "ms"),
        ] {
            let axis = values(largest, unit);
            assert_eq!((texts(&axis).as_str(), axis.unit), (marks, word), "{largest}");
        }
    }

    #[test]
    fn run_time_is_counted_as_people_count_it() {
        for (end, marks) in [
            (0.0, "0 0.2 s 0.4 s 0.6 s 0.8 s 1.0 s"),
            (15.0, "0 0:05 0:10 0:15"),
            (400.0, "0 2:00 4:00 6:00"),
            (7_300.0, "0 30:00 1:00:00 1:30:00 2:00:00"),
            (30.0 * DAY, "0 5 d 10 d 15 d 20 d 25 d 30 d"),
        ] {
            assert_eq!(texts(&time(end)), marks, "{end}");
        }
    }

    #[test]
    fn shares_go_as_far_as_samples_can_tell() {
        assert_eq!(texts(&quantiles(0)), "50% 90%");
        assert_eq!(texts(&quantiles(1000)), "50% 90% 99% 99.9%");
        assert_eq!(texts(&quantiles(u64::MAX)), "50% 90% 99% 99.9%  99.999%  99.99999%  99.9999999%");
        assert!((quantile_place(0.99) - 2.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_largest_value_with_few_even_marks(largest in 1e-6f64..1e15) {
            for unit in [Unit::Milliseconds, Unit::Count, Unit::PerSecond] {
                let axis = values(largest, unit);
                prop_assert!(axis.to >= largest * (1.0 - 1e-6));
                prop_assert!(axis.marks.len() >= 2 && axis.marks.len() <= 6);
                let step = axis.marks[1].0;
                for (number, (at, text)) in axis.marks.iter().enumerate() {
                    prop_assert!((at - step * number as f64).abs() <= step * 1e-6);
                    prop_assert!(largest > 1e12 || text.len() <= 8, "{text}");
                }
                let different: std::collections::BTreeSet<_> = axis.marks.iter().map(|(_, text)| text).collect();
                prop_assert_eq!(different.len(), axis.marks.len());
            }
        }

        #[test]
        fn a_run_of_any_length_has_few_marks(end in 0.01f64..1e8) {
            let axis = time(end);
            prop_assert!(axis.marks.len() <= 7, "{:?}", axis.marks);
            prop_assert!(axis.marks.iter().all(|(at, _)| *at <= end * (1.0 + 1e-6)));
        }
    }
}
