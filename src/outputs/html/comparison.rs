//! A comparison as one file: what differs first, then every value, then the curves over each other.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::{
    metrics::hdr,
    outputs::{
        chart::{self, Chart},
        comparison::{Comparison, Judgement, Row, Side, table},
        html::{
            document::{document, figures},
            values,
        },
        record::RunRecord,
    },
};

/// `comparison` of these records as one file. Curves are those of the first run of each side.
#[must_use]
pub fn comparison(comparison: &Comparison, base: &[RunRecord], with: &[RunRecord]) -> String {
    let (over_time, percentiles) = match (base.first(), with.first()) {
        (Some(base), Some(with)) => charts(base, with),
        _ => (Vec::new(), Vec::new()),
    };
    let body = html! {
        header { h1 { "Comparison" } }
        (conclusion(comparison))
        @if !comparison.warnings.is_empty() {
            h2 { "Warnings" }
            ul class="plain" { @for warning in &comparison.warnings { li { (warning) } } }
        }
        h2 { "Runs" }
        (runs(comparison))
        h2 { "Values" }
        (rows(&comparison.rows))
        p class="soft" { (comparison.method) }
        @if !over_time.is_empty() {
            h2 { "Over time" }
            @if base.len() > 1 || with.len() > 1 { p class="soft" { "Of the first run of each side." } }
            (figures(&over_time))
        }
        @if !percentiles.is_empty() {
            h2 { "All percentiles" }
            (figures(&percentiles))
        }
    };
    document("Comparison of runs", &body)
}

fn conclusion(comparison: &Comparison) -> Markup {
    let names = |judgement| {
        let names: BTreeSet<_> = comparison.judged(judgement).map(|row| row.metric.as_str()).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    let (worse, better) = (names(Judgement::Worse), names(Judgement::Better));
    let (word, class) = match (worse.is_empty(), better.is_empty()) {
        (true, true) => ("No significant difference", ""),
        (true, false) => ("Better", "good"),
        (false, true) => ("Worse", "bad"),
        (false, false) => ("Worse and better", "warn"),
    };
    html! {
        section class={ "verdict " (class) } aria-label="Conclusion" {
            strong { (word) }
            @if !worse.is_empty() { span { "worse: " (worse) } }
            @if !better.is_empty() { span { "better: " (better) } }
        }
    }
}

fn runs(comparison: &Comparison) -> Markup {
    let row = |word: &str, side: &Side| {
        html! {
            tr {
                td { (word) }
                th scope="row" { (side.testid) }
                td { (side.profile) }
                td { (values::instant(&side.started_at)) }
                td { (side.verdict) }
                td { (side.validity) }
            }
        }
    };
    html! {
        div class="scroll" tabindex="0" {
            table {
                thead { tr { @for name in ["Side", "Run", "Profile", "Started", "Verdict", "Validity"] { th scope="col" { (name) } } } }
                tbody {
                    @for side in &comparison.base { (row("base", side)) }
                    @for side in &comparison.with { (row("with", side)) }
                }
            }
        }
    }
}

fn rows(rows: &[Row]) -> Markup {
    html! {
        div class="scroll" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Value" }
                        @for name in ["Base", "With", "Change", "95 % of the difference"] { th scope="col" class="number" { (name) } }
                        th scope="col" { "Judgement" }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.metric) " " (table::statistic(row)) }
                            td class="number" { (table::value(row, row.base)) }
                            td class="number" { (table::value(row, row.with)) }
                            td class="number" { (table::change(row)) }
                            td class="number" {
                                @if let Some([low, high]) = row.interval {
                                    (table::difference(row, low)) " … " (table::difference(row, high))
                                }
                            }
                            td class=(class(row.judgement)) { (row.judgement.word()) }
                        }
                    }
                }
            }
        }
    }
}

fn class(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Better => "good",
        Judgement::Worse => "bad",
        Judgement::Different => "warn",
        Judgement::NotSignificant | Judgement::NotTested => "soft",
    }
}

/// Of each trend with a curve: over time, and all percentiles.
fn charts(base: &RunRecord, with: &RunRecord) -> (Vec<Chart>, Vec<Chart>) {
    let trends = base.metrics.iter().filter(|metric| metric.kind == "trend").map(|metric| metric.name.as_str());
    let has_curve = |name: &&str| base.timeline.points.iter().any(|point| point.trends.contains_key(*name));
    let trends: Vec<_> = trends.filter(has_curve).collect();
    let over_time = trends.iter().filter_map(|trend| chart::overlay(trend, &[("base", base), ("with", with)]));
    let samples = |run: &RunRecord, trend: &str| {
        let metric = run.metrics.iter().find(|metric| metric.name == trend)?;
        hdr::decode(metric.histogram.as_deref()?).ok()
    };
    let percentiles = trends.iter().filter_map(|trend| {
        let (of_base, of_with) = (samples(base, trend)?, samples(with, trend)?);
        chart::percentiles(trend, &[("base", base, &of_base), ("with", with, &of_with)])
    });
    (over_time.collect(), percentiles.collect())
}

#[cfg(test)]
mod tests;
