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

use serde::{Deserialize, Serialize};

use crate::outputs::{run_status::ThresholdStatus, timeline::Timeline};

pub use percentiles::{Distribution, percentiles};
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
/// before the first sample. Thresholds are lines in the latencies that they judge.
#[must_use]
pub fn all(timeline: &Timeline, thresholds: &[ThresholdStatus]) -> Vec<Chart> {
    timeline::plots(timeline, thresholds).iter().map(picture::chart).collect()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
