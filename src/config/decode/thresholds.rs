//! `thresholds:`.

mod target;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    catalogue::{self, METRICS},
    config::{
        at::Place,
        node::Node,
        problem::{did_you_mean, shown},
        profile::observe::Observed,
        threshold::{
            Error, Expression, Subject, TARGET_PREFIX, Threshold, parse_expression, parse_name, parse_target_expression,
        },
        tree::{Text, Tree},
    },
};

/// Targets of `observe`: none without the key, `Some(None)` if it could not be read, which has been reported.
type Targets<'t> = Option<&'t Option<Vec<Observed>>>;

/// A map of metrics to lists of thresholds.
pub(crate) fn thresholds(node: &Node<'_>, observe: Targets<'_>, scenarios: &[&str]) -> Vec<Threshold> {
    let entries = node.entries("for example `thresholds: { ws_connecting: [\"p(99)<200\"] }`").unwrap_or_default();
    entries.iter().flat_map(|(name, value)| metric_thresholds(name, value, observe, scenarios)).collect()
}

fn metric_thresholds(name: &str, node: &Node<'_>, observe: Targets<'_>, scenarios: &[&str]) -> Vec<Threshold> {
    let refuse = |message: String, hint: String| {
        node.context.problem(&Place::Key(node.path.clone()), message, Some(hint));
        Vec::new()
    };
    let own = |name: &str| node.context.metrics.borrow().iter().copied().find(|metric| metric.name == name);
    let (metric, selector) = match parse_name(name) {
        Ok(parsed) => parsed,
        Err(error) => {
            return refuse(shown(&error.to_string()), "for example `ws_connecting{scenario:ramp}`".to_owned());
        }
    };
    // Of a scenario that is not there nothing is ever counted, and `count<10` would pass for ever.
    let unknown = |(tag, value): &&(String, String)| tag == "scenario" && !scenarios.contains(&value.as_str());
    if let Some((_, value)) = selector.iter().find(unknown) {
        let hint = did_you_mean(value, scenarios.iter().copied());
        let all = || format!("known: {}", scenarios.join(", "));
        return refuse(format!("there is no scenario `{}`", shown(value)), hint.unwrap_or_else(all));
    }
    let subject = match (own(metric).or_else(|| catalogue::find(metric)), observe) {
        (Some(metric), _) => Subject::Load(metric),
        (None, Some(None)) if metric.starts_with(TARGET_PREFIX) => return Vec::new(),
        (None, observe) if metric.starts_with(TARGET_PREFIX) => {
            let targets = observe.and_then(Option::as_deref).unwrap_or_default();
            match target::subject(metric, &selector, targets) {
                Ok(subject) => Subject::Target(subject),
                Err((message, hint)) => return refuse(message, hint),
            }
        }
        (None, _) if node.context.metrics_unsound.get() => return Vec::new(),
        (None, _) => {
            let own = node.context.metrics.borrow();
            let hint = did_you_mean(metric, METRICS.iter().chain(own.iter().copied()).map(|metric| metric.name));
            let all = || format!("known: {}", METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>().join(", "));
            return refuse(format!("unknown metric `{}`", shown(metric)), hint.unwrap_or_else(all));
        }
    };
    // k6 insists on a list; one text can only mean a list of one.
    let elements = match node.tree {
        Tree::Text(_) => vec![node.clone()],
        Tree::Null => Vec::new(),
        _ => node.list("for example `[\"p(99)<200\"]`").unwrap_or_default(),
    };
    elements.iter().filter_map(|element| threshold(name, &subject, &selector, element)).collect()
}

fn threshold(name: &str, metric: &Subject, selector: &[(String, String)], node: &Node<'_>) -> Option<Threshold> {
    let built = |text: &Text, expression| Threshold {
        metric: metric.clone(),
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

fn expression(node: &Node<'_>, text: &Text, metric: &Subject) -> Option<Expression> {
    let parsed = match metric {
        Subject::Load(metric) => parse_expression(&text.value, metric),
        Subject::Target(metric) => parse_target_expression(&text.value, metric),
    };
    parsed.map_or_else(
        |error| {
            let hint = match &error {
                Error::NoOperator(_) => "use one of `<`, `<=`, `>`, `>=`, `==`, `!=`, as in `p(99)<200`".to_owned(),
                Error::Method { supported, .. } => format!("`{}` has {supported}", metric.name()),
                Error::Percentile(_) => "for example `p(99)<200` or `p(99.9)<500`".to_owned(),
                Error::Limit(_) if metric.contains() == catalogue::Contains::Time => {
                    "a limit is a bare number of milliseconds, as in `p(99)<200`".to_owned()
                }
                Error::Limit(_) | Error::Selector(_) => "a limit is a bare number, as in `rate>0.99`".to_owned(),
            };
            node.bad_text(text, "a threshold", &error.to_string(), hint)
        },
        Some,
    )
}
