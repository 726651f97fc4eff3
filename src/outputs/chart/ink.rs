//! Colours and dashes. `plotters` carries a colour as three bytes from who draws to who writes; ours carry which ink is
//! meant, and the writer names it as a CSS variable of the page with a value for pictures that stand alone.

use plotters::style::RGBColor;
use plotters_backend::BackendColor;

/// Lines that differ; more are drawn with the first ones again.
pub(in crate::outputs::chart) const SERIES: u8 = 7;

/// What a mark is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::outputs::chart) enum Ink {
    /// Letters and figures.
    Text,
    /// Lines behind the curves.
    Grid,
    /// The line that values stand on.
    Axis,
    /// Where the run was paused.
    Pause,
    /// What was planned.
    Plan,
    /// What a threshold allows.
    Limit,
    /// A curve, by its number.
    Series(u8),
}

/// [`Ink::Text`] as `plotters` carries it, which borrows it for as long as a style lives.
pub(in crate::outputs::chart) const TEXT: RGBColor = RGBColor(0, 0, 0);

/// Okabe and Ito's colours without yellow, which is too pale on white: told apart with each kind of colour blindness.
const PALETTE: [&str; SERIES as usize] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6b6b"];

/// Lengths of dashes and gaps, so that lines are told apart in black and white; the first is solid.
const DASHES: [&str; SERIES as usize] = ["", "7 3", "2 3", "11 3 2 3", "4 2", "12 4", "7 2 2 2 2 2"];

impl Ink {
    /// As `plotters` carries it.
    pub(in crate::outputs::chart) fn color(self) -> RGBColor {
        match self {
            Self::Text => TEXT,
            Self::Grid => RGBColor(1, 0, 0),
            Self::Axis => RGBColor(2, 0, 0),
            Self::Pause => RGBColor(3, 0, 0),
            Self::Plan => RGBColor(4, 0, 0),
            Self::Limit => RGBColor(5, 0, 0),
            Self::Series(number) => RGBColor(6, number % SERIES, 0),
        }
    }

    /// Back from what [`Self::color`] has made.
    pub(in crate::outputs::chart) fn of(color: BackendColor) -> Self {
        match color.rgb {
            (1, ..) => Self::Grid,
            (2, ..) => Self::Axis,
            (3, ..) => Self::Pause,
            (4, ..) => Self::Plan,
            (5, ..) => Self::Limit,
            (6, number, _) => Self::Series(number),
            _ => Self::Text,
        }
    }

    /// As the value of `stroke` or `fill`.
    pub(in crate::outputs::chart) fn css(self) -> String {
        let (name, value) = match self {
            Self::Text => ("text-soft", "#555555"),
            Self::Grid => ("grid", "#e2e2e2"),
            Self::Axis => ("axis", "#8a8a8a"),
            Self::Pause => ("pause", "#d9d9d9"),
            Self::Plan => ("plan", "#7a7a7a"),
            Self::Limit => ("limit", "#c0142b"),
            Self::Series(number) => {
                let value = PALETTE.get(usize::from(number)).copied().unwrap_or("#000000");
                return format!("var(--rampd-series-{}, {value})", number + 1);
            }
        };
        format!("var(--rampd-{name}, {value})")
    }

    /// As the value of `stroke-dasharray`; empty for a solid line.
    pub(in crate::outputs::chart) fn dashes(self) -> &'static str {
        match self {
            Self::Plan => "5 4",
            Self::Limit => "9 4 1 4",
            Self::Series(number) => DASHES.get(usize::from(number)).copied().unwrap_or_default(),
            Self::Text | Self::Grid | Self::Axis | Self::Pause => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use plotters_backend::BackendStyle as _;

    use super::*;

    #[test]
    fn an_ink_comes_back_from_plotters_as_it_went() {
        let series = (0..SERIES).map(Ink::Series);
        let others = [Ink::Text, Ink::Grid, Ink::Axis, Ink::Pause, Ink::Plan, Ink::Limit];
        for ink in others.into_iter().chain(series) {
            assert_eq!(Ink::of(ink.color().color()), ink);
        }
    }

    #[test]
    fn no_two_lines_look_alike_without_colour() {
        let lines = (0..SERIES).map(Ink::Series).chain([Ink::Plan, Ink::Limit]).map(Ink::dashes);
        let different: std::collections::BTreeSet<_> = lines.clone().collect();
        assert_eq!(different.len(), lines.count());
    }
}
