//! Every metric, those of a kind in one table.

use maud::{Markup, html};

use crate::outputs::{
    html::values,
    record::{MetricRecord, RunRecord},
};

/// A kind with its title and its values from left to right.
const KINDS: [(&str, &str, &[&str]); 4] = [
    ("trend", "Distributions", &["count", "avg", "min", "med", "p(90)", "p(95)", "p(99)", "max"]),
    ("rate", "Rates", &["value", "passes", "fails"]),
    ("counter", "Counts", &["count", "rate"]),
    ("gauge", "Levels", &["value", "min", "max"]),
];

pub(super) fn tables(record: &RunRecord) -> Markup {
    html! {
        @for (kind, title, names) in KINDS {
            @let metrics: Vec<_> = record.metrics.iter().filter(|metric| metric.kind == kind).collect();
            @if !metrics.is_empty() {
                h3 { (title) }
                (table(&metrics, names))
            }
        }
    }
}

fn table(metrics: &[&MetricRecord], names: &[&str]) -> Markup {
    // Percentiles that a profile asks for stand behind the usual ones.
    let has = |name: &&String| !names.contains(&name.as_str());
    let mut more: Vec<_> = metrics.iter().flat_map(|metric| metric.values.keys()).filter(has).collect();
    more.sort();
    more.dedup();
    let names: Vec<&str> = names.iter().copied().chain(more.into_iter().map(String::as_str)).collect();
    html! {
        div class="scroll" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Metric" }
                        @for name in &names { th scope="col" class="number" { (name) } }
                    }
                }
                tbody {
                    @for metric in metrics {
                        tr {
                            th scope="row" { (metric.name) }
                            @for name in &names {
                                td class="number" {
                                    @if let Some(value) = metric.values.get(*name) { (values::of_metric(metric, name, *value)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
