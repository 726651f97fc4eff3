//! `target_*` in `thresholds:`: which metric of which target is meant.

use crate::{
    catalogue::{Contains, MetricKind},
    config::{
        decode::observe::BUILT_IN,
        node::quoted,
        problem::{did_you_mean, shown},
        profile::observe::Observed,
        threshold::{TARGET_PREFIX, TargetMetric},
    },
};

/// The metric `name` of `targets`; or what is wrong, and what to do.
pub(super) fn subject(
    name: &str,
    selector: &[(String, String)],
    targets: &[Observed],
) -> Result<TargetMetric, (String, String)> {
    let short = name.strip_prefix(TARGET_PREFIX).unwrap_or(name);
    if targets.is_empty() {
        let hint = "add `observe: { server: { url: \"http://localhost:8080/metrics\" } }`".to_owned();
        return Err((format!("`{}` needs an observed target", shown(name)), hint));
    }
    let (mut target, mut reason) = (None, None);
    for (tag, value) in selector {
        match tag.as_str() {
            "target" => target = Some(value.clone()),
            "reason" if short == "scrape_failures" => reason = Some(value.clone()),
            _ => {
                let hint = "for example `target_memory{target:server}`".to_owned();
                return Err((format!("`{}` has no tag `{}`", shown(name), shown(tag)), hint));
            }
        }
    }
    if let Some(wanted) = target.as_deref().filter(|wanted| !targets.iter().any(|target| target.name == **wanted)) {
        let names: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err((format!("no target `{}` in `observe`", shown(wanted)), format!("known: {}", quoted(&names))));
    }
    let wanted: Vec<_> =
        targets.iter().filter(|known| target.as_deref().is_none_or(|wanted| wanted == known.name)).collect();
    let (kind, contains, holders) = match short {
        "up" => (MetricKind::Gauge, Contains::Default, wanted.len()),
        _ if BUILT_IN.contains(&short) => (MetricKind::Counter, Contains::Default, wanted.len()),
        _ => {
            let metrics = || wanted.iter().flat_map(|target| &target.metrics);
            let mut found = metrics().filter(|metric| metric.name == short);
            let Some(first) = found.next() else {
                let known: Vec<_> = metrics()
                    .map(|metric| metric.name.as_str())
                    .chain(BUILT_IN)
                    .map(|name| format!("target_{name}"))
                    .collect();
                let known: Vec<_> = known.iter().map(String::as_str).collect();
                let hint = did_you_mean(name, known.iter().copied());
                let hint = hint.unwrap_or_else(|| format!("known: {}", quoted(&known)));
                return Err((format!("no observed target has the metric `{}`", shown(short)), hint));
            };
            let (kind, contains) = (first.kind.metric_kind(), first.contains());
            let mut holders = 1;
            for metric in found {
                if metric.kind.metric_kind() != kind {
                    let message = format!("`{}` is a gauge of one target and a counter of another", shown(name));
                    return Err((message, one_of(name, &wanted)));
                }
                holders += 1;
            }
            (kind, contains, holders)
        }
    };
    if kind == MetricKind::Gauge && holders > 1 {
        return Err((format!("several targets have `{}`", shown(name)), one_of(name, &wanted)));
    }
    Ok(TargetMetric { name: name.to_owned(), target, reason, kind, contains })
}

fn one_of(name: &str, targets: &[&Observed]) -> String {
    let first = targets.first().map_or("server", |target| target.name.as_str());
    format!("choose one, for example `{}{{target:{first}}}`", shown(name))
}
