//! All percentiles of a trend at once: the tail is as wide as the body.

use hdrhistogram::Histogram;

use crate::outputs::chart::{
    Chart,
    axis::{self, Unit},
    ink::{Ink, SERIES},
    picture,
    plot::{Across, Limit, Line, Plot},
    timeline::name_in_id,
};

/// Samples of one run.
#[derive(Debug, Clone, Copy)]
pub(in crate::outputs::chart) struct Distribution<'a> {
    /// In the legend.
    pub(in crate::outputs::chart) name: &'a str,
    /// In nanoseconds, or in millionths of a plain number.
    pub(in crate::outputs::chart) samples: &'a Histogram<u64>,
}

/// Steps of the curve to a nine: one every 6 pixels or less.
const STEPS: u32 = 24;
/// Recorded steps in a millisecond, and in a plain number.
const SCALE: f64 = 1e6;

/// The distributions of one trend, as far as their samples tell; none without samples.
pub(in crate::outputs::chart) fn percentiles(
    trend: &str,
    unit: Unit,
    distributions: &[Distribution<'_>],
    limits: Vec<Limit>,
) -> Option<Chart> {
    let samples = distributions.iter().map(|one| one.samples.len()).max().filter(|samples| *samples > 0)?;
    let lines = (0..).zip(distributions).filter(|(_, one)| !one.samples.is_empty()).map(|(number, one)| Line {
        name: one.name.to_owned(),
        ink: Ink::Series(number % SERIES),
        points: curve(one.samples),
    });
    Some(picture::chart(&Plot {
        id: format!("percentiles-{}", name_in_id(trend)),
        title: format!("{trend}, all percentiles"),
        unit,
        across: Across::Quantiles(samples),
        lines: lines.collect(),
        limits,
        pauses: Vec::new(),
    }))
}

/// To the largest sample: beyond its share of the samples nothing is known.
fn curve(samples: &Histogram<u64>) -> Vec<(f64, Option<f64>)> {
    let end = axis::quantile_place(1.0 - 1.0 / samples.len().max(2) as f64);
    let steps = (end * f64::from(STEPS)).ceil().max(1.0) as u32;
    let places = (0..=steps).map(|step| end * f64::from(step) / f64::from(steps));
    places
        .map(|place| {
            let share = 1.0 - 10f64.powf(-place);
            (place, Some(samples.value_at_quantile(share) as f64 / SCALE))
        })
        .collect()
}
