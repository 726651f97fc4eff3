//! The percentile plots of a record's trends.

use crate::{
    metrics::hdr,
    outputs::{
        chart::{self, Chart},
        record::RunRecord,
    },
};

/// One for each trend whose curve over time is shown, with notes on those that cannot be read.
pub(super) fn charts(record: &RunRecord) -> (Vec<Chart>, Vec<String>) {
    let is_shown = |name: &str| record.timeline.points.iter().any(|point| point.trends.contains_key(name));
    let (mut charts, mut unreadable) = (Vec::new(), Vec::new());
    for metric in record.metrics.iter().filter(|metric| is_shown(&metric.name)) {
        let Some(text) = &metric.histogram else { continue };
        match hdr::decode(text) {
            Ok(samples) => charts.extend(chart::percentiles(&metric.name, &[("all samples", record, &samples)])),
            Err(error) => unreadable.push(format!("{}: {error}", metric.name)),
        }
    }
    (charts, unreadable)
}
