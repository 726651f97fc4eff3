//! Which values are compared, and which way is better.

use std::collections::BTreeSet;

use crate::outputs::{
    comparison::{
        Judgement, Row, Tested, between_runs,
        blocks::{self, Blocks, STATISTICS},
        bootstrap,
        counts::{self, Events, Share},
    },
    record::{MetricRecord, RunRecord},
};

/// Every value that both sides have, tested but not judged.
pub(super) fn rows(base: &[RunRecord], with: &[RunRecord]) -> Vec<Row> {
    let mut rows: Vec<_> = compared(base, with).into_iter().flat_map(|metric| of_metric(metric, base, with)).collect();
    rows.extend(failures(base, with));
    rows
}

/// Every metric of any run that is compared, each once, in the order of the first run that has it.
pub(super) fn compared<'a>(base: &'a [RunRecord], with: &'a [RunRecord]) -> Vec<&'a MetricRecord> {
    let mut known = BTreeSet::new();
    let metrics = base.iter().chain(with).flat_map(|run| &run.metrics);
    // Parts of metrics are compared within their metric; levels depend on the moment.
    let compared = metrics.filter(|metric| !metric.name.contains('{') && metric.kind != "gauge");
    compared.filter(|metric| known.insert(metric.name.as_str())).collect()
}

fn of_metric(metric: &MetricRecord, base: &[RunRecord], with: &[RunRecord]) -> Vec<Row> {
    let statistics: &[&str] = match metric.kind.as_str() {
        "trend" => &STATISTICS,
        "rate" => &["value"],
        _ => &["rate"],
    };
    let blocks = match (base, with) {
        ([base_run], [with_run]) if metric.kind == "trend" => {
            let blocks = Blocks::of(base_run, &metric.name).zip(Blocks::of(with_run, &metric.name));
            blocks.and_then(|(one, other)| bootstrap::test(&one, &other, blocks::are_paired(base, with)))
        }
        _ => None,
    };
    let row = |(place, statistic): (usize, &&str)| {
        let values = |side: &[RunRecord]| values(side, &metric.name, statistic);
        let (base_values, with_values) = (values(base)?, values(with)?);
        let tested = match (base, with) {
            _ if metric.kind == "rate" => shares(base, with, &metric.name)
                .map(|counts| less_sure(counts, between_runs::test(&base_values, &with_values))),
            ([_], [_]) => blocks.and_then(|tested| tested.get(place).copied().flatten()),
            _ => between_runs::test(&base_values, &with_values),
        };
        Some(Row {
            metric: metric.name.clone(),
            kind: metric.kind.clone(),
            unit: metric.unit.clone(),
            statistic: (*statistic).to_owned(),
            ..measured(&base_values, &with_values, tested)
        })
    };
    statistics.iter().enumerate().filter_map(row).collect()
}

/// A row's numbers.
fn measured(base: &[f64], with: &[f64], tested: Option<Tested>) -> Row {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (base, with) = (mean(base), mean(with));
    Row {
        metric: String::new(),
        kind: String::new(),
        unit: String::new(),
        statistic: String::new(),
        base,
        with,
        change: (base != 0.0).then(|| (with - base) / base.abs()),
        interval: tested.map(|tested| tested.interval),
        p: tested.map(|tested| tested.p),
        corrected_p: None,
        judgement: Judgement::NotTested,
    }
}

/// The value in each run that has the metric; none if no run has it.
fn values(side: &[RunRecord], metric: &str, statistic: &str) -> Option<Vec<f64>> {
    let metrics = side.iter().filter_map(|run| run.metrics.iter().find(|known| known.name == metric));
    let values: Vec<_> = metrics.filter_map(|metric| metric.values.get(statistic).copied()).collect();
    (!values.is_empty()).then_some(values)
}

/// What both the counts and the runs say: counts take their events for independent and know no noise between runs, and runs
/// that are all clean know no noise at all. The runs say nothing if there is one a side.
fn less_sure(counts: Tested, runs: Option<Tested>) -> Tested {
    runs.filter(|runs| runs.p > counts.p).unwrap_or(counts)
}

/// Of the counts of all runs of a side together.
fn shares(base: &[RunRecord], with: &[RunRecord], name: &str) -> Option<Tested> {
    let share = |side: &[RunRecord]| {
        let of_run = |run: &RunRecord| {
            let metric = run.metrics.iter().find(|metric| metric.name == name)?;
            let (passes, fails) = (metric.values.get("passes")?, metric.values.get("fails")?);
            Some((*passes, passes + fails))
        };
        let add = |sum: Share, (count, total)| Share { count: sum.count + count, total: sum.total + total };
        side.iter().filter_map(of_run).fold(Share { count: 0.0, total: 0.0 }, add)
    };
    counts::shares(share(base), share(with))
}

/// Every reason that anything failed for on either side, a second.
fn failures(base: &[RunRecord], with: &[RunRecord]) -> Vec<Row> {
    let of_all = base.iter().chain(with).flat_map(|run| &run.failures);
    let reasons: BTreeSet<(&str, &str)> = of_all.map(|failure| (&*failure.what, &*failure.reason)).collect();
    let row = |(what, reason): (&str, &str)| {
        let events = |run: &RunRecord| {
            let known = run.failures.iter().find(|failure| failure.what == what && failure.reason == reason);
            Events { count: known.map_or(0, |failure| failure.count), seconds: run.elapsed_seconds }
        };
        let rates = |side: &[RunRecord]| {
            let rate = |events: Events| if events.seconds > 0.0 { events.count as f64 / events.seconds } else { 0.0 };
            side.iter().map(events).map(rate).collect::<Vec<_>>()
        };
        let (base_rates, with_rates) = (rates(base), rates(with));
        let all = |side: &[RunRecord]| {
            let add =
                |sum: Events, one: Events| Events { count: sum.count + one.count, seconds: sum.seconds + one.seconds };
            side.iter().map(events).fold(Events { count: 0, seconds: 0.0 }, add)
        };
        let tested = counts::events(all(base), all(with))
            .map(|counts| less_sure(counts, between_runs::test(&base_rates, &with_rates)));
        Row {
            metric: format!("{what}: {reason}"),
            kind: "failure".to_owned(),
            statistic: "rate".to_owned(),
            ..measured(&base_rates, &with_rates, tested)
        }
    };
    reasons.into_iter().map(row).collect()
}

/// What a significant difference of a row means.
pub(super) fn meaning(row: &Row) -> Judgement {
    let judged = |is_worse: bool| if is_worse { Judgement::Worse } else { Judgement::Better };
    let is_more = row.with > row.base;
    // How long iterations and sessions last is the plan's, and the generator's own lags are not the target's.
    let is_plans = matches!(row.metric.as_str(), "iteration_duration" | "ws_session_duration");
    match row.kind.as_str() {
        "failure" => judged(is_more),
        "trend" if row.unit == "ms" && !is_plans && !row.metric.starts_with("rampd_") => judged(is_more),
        "rate" if row.metric == "checks" => judged(!is_more),
        "rate" if row.metric.ends_with("_failed") => judged(is_more),
        _ => Judgement::Different,
    }
}
