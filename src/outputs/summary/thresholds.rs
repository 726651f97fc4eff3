//! THRESHOLDS: each expression as typed, with what was measured.

use std::collections::BTreeMap;

use super::{BAD, GOOD, NO_SAMPLES};
use crate::{
    catalogue::{Contains, MetricKind},
    config::threshold::{Method, Threshold},
    outputs::{
        format,
        report::{self, RunReport},
        style::Style,
    },
    slo::evaluate::Evaluation,
};

pub(super) fn lines(report: &RunReport, style: Style) -> Vec<String> {
    let mut by_name: BTreeMap<(&str, &str), Vec<_>> = BTreeMap::new();
    for (threshold, evaluation) in report.judged() {
        let selector =
            threshold.name.get(threshold.name.find('{').unwrap_or(threshold.name.len())..).unwrap_or_default();
        by_name.entry((threshold.metric.name(), selector)).or_default().push((threshold, evaluation));
    }
    let mut lines = Vec::new();
    for ((metric, selector), judged) in &by_name {
        // A part stands below its metric if that has thresholds too, and alone otherwise.
        let below = !selector.is_empty() && by_name.contains_key(&(*metric, ""));
        let indent = if below { "      " } else { "    " };
        lines.push(if below { format!("{indent}{selector}") } else { format!("{indent}{metric}{selector}") });
        lines.extend(
            judged.iter().map(|(threshold, evaluation)| format!("{indent}{}", line(threshold, evaluation, style))),
        );
        lines.push(String::new());
    }
    lines
}

fn line(threshold: &Threshold, evaluation: &Evaluation, style: Style) -> String {
    let mark = if evaluation.passed { style.good(GOOD) } else { style.bad(BAD) };
    let measured = match evaluation.value {
        Some(value) => format!("{}={}", report::method_text(threshold), style.value(&value_text(threshold, value))),
        None => style.value(NO_SAMPLES),
    };
    format!("{mark} '{}' {measured}", threshold.source)
}

/// What was measured, in the unit that people read.
pub(in crate::outputs) fn value_text(threshold: &Threshold, value: f64) -> String {
    let text = match (threshold.metric.kind(), threshold.metric.contains()) {
        _ if threshold.expression.method == Method::Ratio => format::number(value),
        (MetricKind::Rate, _) => format::percent(value),
        (_, Contains::Time) => format::duration(value),
        (_, Contains::Data) => format::bytes(value),
        (_, Contains::Default) => format::number(value),
    };
    let per_second = threshold.metric.kind() == MetricKind::Counter && threshold.expression.method == Method::Rate;
    if per_second { format!("{text}/s") } else { text }
}
