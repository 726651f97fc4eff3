//! `metrics:`, the profile's own, and how all are served.

use std::collections::BTreeMap;

use crate::{
    catalogue::{
        Metric, MetricKind,
        custom::{self, MOST_IN_PROFILE},
    },
    config::{
        at::Place,
        decode::{all, one_of},
        node::Node,
        problem::shown,
        tree::Tree,
    },
};

const EXAMPLE: &str = "for example `metrics: { orders: counter, settle: { type: trend, time: true } }`";
const KINDS: [(&str, MetricKind); 3] =
    [("counter", MetricKind::Counter), ("rate", MetricKind::Rate), ("trend", MetricKind::Trend)];

/// A map of names to types, and whether k6's series are asked for.
pub(crate) fn metrics(node: &Node<'_>) -> Option<(Vec<&'static Metric>, bool)> {
    let mut fields = node.fields(EXAMPLE)?;
    let compat = fields.take("compat").map(|node| one_of(&node, "a tool", &[("k6", true)]));
    let own = own(node, &fields.rest());
    Some((own?, compat.unwrap_or(Some(false))?))
}

fn own(node: &Node<'_>, entries: &[(&str, Node<'_>)]) -> Option<Vec<&'static Metric>> {
    if entries.len() > MOST_IN_PROFILE {
        node.problem(format!("more than {MOST_IN_PROFILE} metrics"), "each has series in every scenario".to_owned());
        return None;
    }
    let read = all(entries.iter().map(|(name, node)| one(name, node)))?;
    for (place, metric) in read.iter().enumerate() {
        // `a_total` and `a` are one family on `/metrics`.
        if read[..place].iter().any(|other| {
            other.source.family() == metric.source.family()
                || other.source.family().name() == metric.source.family().name()
        }) {
            node.problem(
                format!("two metrics would be `{}` on /metrics", metric.source.family().name()),
                "choose another name".to_owned(),
            );
            return None;
        }
    }
    Some(read)
}

fn one(name: &str, node: &Node<'_>) -> Option<&'static Metric> {
    let (kind, is_time) = if let Tree::Text(_) = node.tree {
        (one_of(node, "a type", &KINDS)?, false)
    } else {
        let mut fields = node.fields(EXAMPLE)?;
        let kind = fields.require(&["type"], "type: trend").map(|node| one_of(&node, "a type", &KINDS));
        let time = fields.take("time");
        let is_time = time.as_ref().map_or(Some(false), Node::flag);
        fields.finish(&["description"], &BTreeMap::from([("isTime", "did you mean `time: true`?")]));
        let (kind, is_time) = (kind??, is_time?);
        if let Some(node) = time.filter(|_| is_time && kind != MetricKind::Trend) {
            node.problem("only a trend has times", "remove `time`".to_owned());
            return None;
        }
        (kind, is_time)
    };
    match custom::metric(name, kind, is_time) {
        Ok(metric) => Some(metric),
        Err(error) => {
            let message = format!("`{}` is no name of a metric: {error}", shown(name));
            node.context.problem(&Place::Key(node.path.clone()), message, Some("choose another name".to_owned()));
            None
        }
    }
}
