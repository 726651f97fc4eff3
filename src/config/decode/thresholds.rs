//! `thresholds:`.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    catalogue::{self, METRICS, Metric},
    config::{
        at::Place,
        node::Node,
        problem::{did_you_mean, shown},
        threshold::{Error, Threshold, parse_expression, parse_name},
        tree::{Text, Tree},
    },
};

/// A map of metrics to lists of thresholds.
pub(crate) fn thresholds(node: &Node<'_>) -> Vec<Threshold> {
    let entries = node.entries("for example `thresholds: { ws_connecting: [\"p(99)<200\"] }`").unwrap_or_default();
    entries.iter().flat_map(|(name, value)| metric_thresholds(name, value)).collect()
}

fn metric_thresholds(name: &str, node: &Node<'_>) -> Vec<Threshold> {
    let refuse = |message: String, hint: String| {
        node.context.problem(&Place::Key(node.path.clone()), message, Some(hint));
    };
    let own = |name: &str| node.context.metrics.borrow().iter().copied().find(|metric| metric.name == name);
    let (metric, selector) = match parse_name(name) {
        Ok((metric, selector)) => (own(metric).or_else(|| catalogue::find(metric)).ok_or(metric), selector),
        Err(error) => {
            refuse(shown(&error.to_string()), "for example `ws_connecting{scenario:ramp}`".to_owned());
            return Vec::new();
        }
    };
    let metric = match metric {
        Ok(metric) => metric,
        Err(_) if node.context.metrics_unsound.get() => return Vec::new(),
        Err(unknown) => {
            let hint = did_you_mean(
                unknown,
                METRICS.iter().chain(node.context.metrics.borrow().iter().copied()).map(|metric| metric.name),
            );
            let all = || format!("known: {}", METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>().join(", "));
            refuse(format!("unknown metric `{}`", shown(unknown)), hint.unwrap_or_else(all));
            return Vec::new();
        }
    };
    // k6 insists on a list; one text can only mean a list of one.
    let elements = match node.tree {
        Tree::Text(_) => vec![node.clone()],
        Tree::Null => Vec::new(),
        _ => node.list("for example `[\"p(99)<200\"]`").unwrap_or_default(),
    };
    elements.iter().filter_map(|element| threshold(name, metric, &selector, element)).collect()
}

fn threshold(name: &str, metric: &'static Metric, selector: &[(String, String)], node: &Node<'_>) -> Option<Threshold> {
    let built = |text: &Text, expression| Threshold {
        metric,
        selector: selector.to_vec(),
        name: name.trim().to_owned(),
        source: text.value.trim().to_owned(),
        expression,
        abort_on_fail: false,
        delay_abort_eval: Duration::ZERO,
        allow_empty: false,
    };
    if let Tree::Text(text) = node.tree {
        return expression(node, text, metric).map(|expression| built(text, expression));
    }
    let mut fields = node.fields("a threshold is a text such as \"p(99)<200\" or a map such as `{ threshold: \"p(99)<200\", abortOnFail: true }`")?;
    let typed = fields.require(&["threshold"], "threshold: \"p(99)<200\"");
    let abort_on_fail = fields.take("abortOnFail").map_or(Some(false), |node| node.flag());
    let delay_abort_eval = fields.take("delayAbortEval").map_or(Some(Duration::ZERO), |node| node.duration());
    let allow_empty = fields.take("allowEmpty").map_or(Some(false), |node| node.flag());
    fields.finish(&[], &BTreeMap::new());
    let typed = typed?;
    let text = typed.text()?;
    let threshold = built(text, expression(&typed, text, metric)?);
    Some(Threshold {
        abort_on_fail: abort_on_fail?,
        delay_abort_eval: delay_abort_eval?,
        allow_empty: allow_empty?,
        ..threshold
    })
}

fn expression(node: &Node<'_>, text: &Text, metric: &Metric) -> Option<crate::config::threshold::Expression> {
    parse_expression(&text.value, metric).map_or_else(
        |error| {
            let hint = match &error {
                Error::NoOperator(_) => "use one of `<`, `<=`, `>`, `>=`, `==`, `!=`, as in `p(99)<200`".to_owned(),
                Error::Method { supported, .. } => format!("`{}` has {supported}", metric.name),
                Error::Percentile(_) => "for example `p(99)<200` or `p(99.9)<500`".to_owned(),
                Error::Limit(_) if metric.contains == catalogue::Contains::Time => {
                    "a limit is a bare number of milliseconds, as in `p(99)<200`".to_owned()
                }
                Error::Limit(_) | Error::Selector(_) => "a limit is a bare number, as in `rate>0.99`".to_owned(),
            };
            node.bad_text(text, "a threshold", &error.to_string(), hint)
        },
        Some,
    )
}
