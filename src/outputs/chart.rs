//! Curves of a run as SVG: what the page, the report and a comparison show. Drawn by `plotters`, written by our own
//! backend (ADR 17), so that colours are those of the page that the picture stands in, light or dark.
//!
//! A picture says everything without colours and without scripts: lines have dashes, a legend and a description for
//! those who cannot see it. For the page's cross-hair its values are in the attribute `data-cursor`.

mod axis;
mod cursor;
mod ink;
mod percentiles;
mod picture;
mod plot;
mod sequence;
mod svg;
mod timeline;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::outputs::{record::RunRecord, run_status::ThresholdStatus, timeline::Timeline};

use percentiles::Distribution;
pub use timeline::overlay;

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// Unique among the charts of a run, made of letters, digits and hyphens: `latency-ws-connecting`.
    pub id: String,
    /// What it shows, for people.
    pub title: String,
    /// An `<svg>` element without a declaration, to stand in HTML.
    pub svg: String,
}

/// Every curve that the run has samples for: load, latencies, sockets, messages, requests, failures. The load is there
/// before the first sample. Thresholds are lines in the latencies that they judge. A trend of the profile's own has no
/// unit here: a timeline does not say it.
#[must_use]
pub fn all(timeline: &Timeline, thresholds: &[ThresholdStatus]) -> Vec<Chart> {
    timeline::plots(timeline, thresholds, &timeline::unit_by_name).iter().map(picture::chart).collect()
}

/// The curves of a finished run, with the units that its record has.
#[must_use]
pub fn of_record(record: &RunRecord) -> Vec<Chart> {
    let unit_of = |trend: &str| timeline::unit_in(record, trend);
    timeline::plots(&record.timeline, &record.thresholds, &unit_of).iter().map(picture::chart).collect()
}

/// All percentiles of a trend of one run or more, each with its name and its samples as [`crate::metrics::hdr`] reads
/// them; none without samples. Unit and thresholds are those of the first run.
#[must_use]
pub fn percentiles(trend: &str, runs: &[(&str, &RunRecord, &Histogram<u64>)]) -> Option<Chart> {
    let (_, first, _) = runs.first()?;
    let distributions: Vec<_> = runs.iter().map(|(name, _, samples)| Distribution { name, samples }).collect();
    let limits = timeline::limits(&first.thresholds, trend);
    percentiles::percentiles(trend, timeline::unit_in(first, trend), &distributions, limits)
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
