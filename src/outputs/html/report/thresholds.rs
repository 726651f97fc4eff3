//! Thresholds with what was measured and how far that is from the limit.

use maud::{Markup, html};

use crate::outputs::{
    format,
    html::values,
    record::{MetricRecord, RunRecord},
    run_status::ThresholdStatus,
};

pub(super) fn table(record: &RunRecord) -> Markup {
    html! {
        div class="scroll" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Metric" }
                        th scope="col" { "Threshold" }
                        th scope="col" class="number" { "Measured" }
                        th scope="col" { "Result" }
                        th scope="col" { "Headroom" }
                    }
                }
                tbody { @for threshold in &record.thresholds { (row(record, threshold)) } }
            }
        }
    }
}

fn row(record: &RunRecord, threshold: &ThresholdStatus) -> Markup {
    let (class, word) = match threshold.passed {
        Some(true) => ("good", "✓ holds"),
        Some(false) => ("bad", "✗ crossed"),
        None => ("soft", "not judged"),
    };
    let measured = threshold.value.map_or_else(|| "no samples".to_owned(), |value| text(record, threshold, value));
    html! {
        tr {
            th scope="row" { (threshold.metric) }
            td { code { (threshold.expression) } }
            td class="number" { (measured) }
            td class=(class) { (word) }
            td { @if let (Some(headroom), Some(value)) = (threshold.headroom, threshold.value) { (bar(headroom, value < threshold.limit, threshold.expression.contains('>'))) } }
        }
    }
}

/// The value as a share of the limit, as on the page: full is too much where less is wanted, and enough where more is.
fn bar(headroom: f64, is_below: bool, rises: bool) -> Markup {
    let share = if rises { 1.0 + headroom } else { 1.0 - headroom };
    let used = (100.0 * share).clamp(0.0, 100.0);
    let side = if is_below { "below" } else { "above" };
    let words = format!("{} {side} the limit", format::percent(headroom.abs()));
    let fill = if headroom < 0.0 { "bar-bad" } else { "bar-good" };
    html! {
        svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect class="bar-ground" width="100" height="10" {}
            rect class=(fill) width=(format!("{used:.1}")) height="10" {}
        }
        span class="soft" { (words) }
    }
}

fn text(record: &RunRecord, threshold: &ThresholdStatus, value: f64) -> String {
    let name = threshold.metric.split('{').next().unwrap_or_default();
    let aggregate = threshold.expression.split(['<', '>', '=', '!']).next().unwrap_or_default().trim();
    let of = |wanted: &str| record.metrics.iter().find(|metric| metric.name == wanted);
    let metric: Option<&MetricRecord> = of(&threshold.metric).or_else(|| of(name));
    metric.map_or_else(|| format::number(value), |metric| values::of_metric(metric, aggregate, value))
}
