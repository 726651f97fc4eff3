//! TARGET: what observed targets said of themselves.

use super::{
    NO_SAMPLES,
    results::{part_row, quantity},
    table::{Cells, Row},
};
use crate::{
    catalogue::Contains,
    metrics::observed::{GaugeValue, ObservedValue, TargetValues},
    outputs::{
        format,
        report::{RunReport, target_metric_name},
    },
};

/// The metrics of each target in the profile's order, then how it could be read.
pub(super) fn rows(report: &RunReport) -> Vec<Row> {
    report.observed.iter().flat_map(|target| of_target(report, target)).collect()
}

fn of_target(report: &RunReport, target: &TargetValues) -> Vec<Row> {
    let row = |name: &str, cells| Row { name: target_metric_name(report, target, name), cells };
    let metrics = target.metrics.iter().map(|metric| row(&metric.name, cells(metric.value, metric.contains)));
    let mut rows: Vec<_> = metrics.collect();
    rows.push(row("restarts", target.restarts.map_or(Cells::Text(NO_SAMPLES), |count| number(count, Vec::new()))));
    rows.push(row("scrapes", number(target.scrapes, vec![format!("{} failed", target.failed())])));
    let failures = target.failures.iter();
    rows.extend(
        failures.map(|(reason, count)| part_row(&format!("reason:{}", reason.label()), number(*count, Vec::new()))),
    );
    rows
}

fn number(count: u64, remarks: Vec<String>) -> Cells {
    Cells::Value(format::number(count as f64), remarks)
}

fn cells(value: ObservedValue, contains: Contains) -> Cells {
    match value {
        ObservedValue::Gauge(Some(gauge)) => Cells::Value(quantity(gauge.value, contains), remarks(&gauge, contains)),
        ObservedValue::Counter(Some(counter)) => {
            let rate = format!("{}/s", quantity(counter.rate(), contains));
            Cells::Value(quantity(counter.increase, contains), vec![rate])
        }
        ObservedValue::Gauge(None) | ObservedValue::Counter(None) => Cells::Text(NO_SAMPLES),
    }
}

fn remarks(gauge: &GaugeValue, contains: Contains) -> Vec<String> {
    let known = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| quantity(value, contains));
    vec![
        format!("min={}", quantity(gauge.min, contains)),
        format!("max={}", quantity(gauge.max, contains)),
        format!("before={}", known(gauge.before)),
        format!("after={}", known(gauge.after)),
    ]
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use crate::{
        metrics::observed::{
            CounterValue, GaugeValue, ObservedMetricValue, ObservedValue, ScrapeFailure, TargetValues,
        },
        outputs::{fixture, report::RunReport, style::Style, summary, summary_export},
    };

    use super::*;

    fn target(name: &str) -> TargetValues {
        let metric = |name: &str, contains, value| ObservedMetricValue { name: name.to_owned(), contains, value };
        let gauge = GaugeValue { value: 5.5e7, min: 4e7, max: 2.4e8, before: Some(4e7), after: Some(5.5e7) };
        let no_baseline = GaugeValue { value: 12.0, min: 10.0, max: 31.0, before: None, after: Some(12.0) };
        let counter = CounterValue { increase: 30.0, time: Duration::from_secs(20) };
        let mut target = TargetValues::new(
            name,
            vec![
                metric("memory", Contains::Data, ObservedValue::Gauge(Some(gauge))),
                metric("files", Contains::Default, ObservedValue::Gauge(Some(no_baseline))),
                metric("errors", Contains::Default, ObservedValue::Counter(Some(counter))),
                metric("heap", Contains::Data, ObservedValue::Gauge(None)),
            ],
        );
        target.scrapes = 12;
        target
    }

    fn report(observed: Vec<TargetValues>) -> RunReport {
        RunReport { observed, ..fixture::empty_report() }
    }

    #[test]
    fn one_target_has_plain_names_and_several_are_told_apart() {
        let mut failing = target("b");
        failing.failures = BTreeMap::from([(ScrapeFailure::Refused, 2), (ScrapeFailure::Page, 1)]);
        failing.restarts = Some(1);
        let section = |observed| {
            let summary = summary::render(&report(observed), Style::new(false));
            summary.split("    TARGET\n").nth(1).unwrap().trim_end().to_owned()
        };
        let (one, two) = (section(vec![target("a")]), section(vec![target("a"), failing]));
        insta::assert_snapshot!(format!("{one}\n\n--------\n\n{two}"));
    }

    #[test]
    fn the_export_has_the_same_numbers_under_the_same_names() {
        let document = summary_export::document(&report(vec![target("a")]));
        let memory = &document["metrics"]["target_memory"];
        assert_eq!((&memory["before"], &memory["ratio"]), (&serde_json::json!(40_000_000), &serde_json::json!(1.375)));
        assert_eq!(document["metrics"]["target_errors"], serde_json::json!({ "count": 30, "rate": 1.5 }));
        assert_eq!(document["metrics"]["target_heap"], serde_json::json!({}));
        assert_eq!(document["metrics"]["target_scrapes"]["count"], 12);
        assert_eq!(document["rampd"]["targets"][0]["restarts"], serde_json::Value::Null);
    }
}
