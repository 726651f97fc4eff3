//! Tree → `Raw`: every key and every single value is checked here. Reading goes on after a problem;
//! what could not be read is left out.

mod address;
mod executors;
mod flow;
mod headers;
mod http;
mod message;
mod scenarios;
mod socket;
mod thresholds;
mod tls;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::{
        at::{Path, Place, Typed},
        context::Context,
        node::{Fields, Later, Node, quoted},
        overrides::tag_name_fault,
        problem::{did_you_mean, shown},
        profile::{LatencyClock, Precision, Step, Timing, TrendStat},
        raw::{Load, Raw},
        template::{self, Template},
        tree::{Text, Tree},
    },
    units::tags::Tags,
};

const LATER: Later = &["data", "network", "observe", "metrics", "fleet"];

/// Reads the whole profile.
pub(crate) fn profile(tree: &Tree, context: &Context<'_>) -> Option<Raw> {
    let root = Node { tree, path: Path::default(), context };
    let mut fields = root.fields("a profile begins with keys such as `stages:` and `flow:`")?;
    let name = fields.take("name").and_then(|node| name(&node));
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    if let Some(env) = fields.take("env") {
        environment(&env);
    }
    let load = Load {
        vus: fields.take("vus").map(|node| executors::vus(&node, 1)),
        duration: fields.take("duration").map(|node| node.typed(Node::duration)),
        iterations: fields.take("iterations").map(|node| executors::iterations(&node)),
        stages: fields.take("stages").map(|node| executors::stages(&node)),
    };
    let scenarios = fields.take("scenarios").map(|node| scenarios::scenarios(&node));
    let flow = fields.take("flow").map(|node| flow(&node));
    let thresholds = fields.take("thresholds").map(|node| thresholds::thresholds(&node)).unwrap_or_default();
    let mut tls = fields.take("tls").map(|node| tls::tls(&node)).unwrap_or_default();
    tls.insecure_skip_verify |= fields.take("insecureSkipTLSVerify").and_then(|node| node.flag()).unwrap_or_default();
    let summary_trend_stats = fields.take("summaryTrendStats").and_then(|node| trend_stats(&node));
    let timing = Timing {
        latency_clock: choice(
            &mut fields,
            "latencyClock",
            &[("kernel", LatencyClock::Kernel), ("user", LatencyClock::User)],
        ),
        precision: choice(&mut fields, "precision", &[("timer", Precision::Timer), ("spin", Precision::Spin)]),
        seed: fields.take("seed").and_then(|node| node.whole(&(0..=u64::MAX))),
    };
    let meant = fields.finish(LATER, &BTreeMap::new());
    Some(Raw {
        name,
        tags,
        load,
        scenarios,
        flow,
        thresholds,
        tls,
        timing,
        summary_trend_stats,
        place: root.place(),
        meant,
    })
}

fn name(node: &Node<'_>) -> Option<String> {
    let text = node.scalar()?;
    let name = text.value.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return node.bad_text(&text, "a name", "a name needs at least one letter and no line breaks", None);
    }
    Some(name.to_owned())
}

/// Names that are labels, values that are scalars.
fn tags(node: &Node<'_>) -> Tags {
    let entries = node.entries("for example `tags: { team: quantum }`").unwrap_or_default();
    let mut tags = Tags::new();
    for (name, value) in entries {
        if let Some(fault) = tag_name_fault(name) {
            node.context.problem(&Place::Key(value.path.clone()), format!("the tag name {fault}"), None);
        }
        if let Some(text) = value.scalar() {
            tags.insert(name.to_owned(), text.value);
        }
    }
    tags
}

/// `environment::substitute` has read it; here its shape is checked.
fn environment(node: &Node<'_>) {
    for (_, value) in node.entries("for example `env: { HOST: localhost }`").unwrap_or_default() {
        let _checked = value.scalar();
    }
}

fn flow(node: &Node<'_>) -> Typed<Arc<[Step]>> {
    node.typed(|node| flow::steps(node).map(Arc::from))
}

fn trend_stats(node: &Node<'_>) -> Option<Vec<TrendStat>> {
    let hint = "for example `[avg, min, med, max, p(95), p(99)]`";
    all(node.list(hint)?.iter().map(|element| {
        let text = element.text()?;
        let percentile = || {
            let percent = text.value.trim().strip_prefix("p(")?.strip_suffix(')')?.trim().parse::<f64>().ok()?;
            (0.0..=100.0).contains(&percent).then_some(TrendStat::Percentile(percent))
        };
        match text.value.trim() {
            "avg" => Some(TrendStat::Avg),
            "min" => Some(TrendStat::Min),
            "med" => Some(TrendStat::Med),
            "max" => Some(TrendStat::Max),
            "count" => Some(TrendStat::Count),
            other => percentile().or_else(|| {
                let why = format!("`{}` is no column of a trend", shown(other));
                element.bad_text(text, "a column of a trend", &why, hint.to_owned())
            }),
        }
    }))
}

/// One of a few words; the default if it is not given or wrong.
fn choice<T: Copy + Default>(fields: &mut Fields<'_>, key: &'static str, words: &[(&'static str, T)]) -> T {
    let Some(node) = fields.take(key) else { return T::default() };
    let Some(text) = node.text() else { return T::default() };
    let found = words.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let why = format!("`{}` is no {key}", shown(&text.value));
        let hint = format!("use {}", quoted(&names));
        let _reported: Option<()> = node.bad_text(text, &format!("a {key}"), &why, hint);
    }
    found.map_or_else(T::default, |(_, value)| *value)
}

/// Reads everything before it gives up, so that all problems are reported.
fn all<T>(read: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = read.collect();
    read.into_iter().collect()
}

/// A step: a map with one key, its kind.
fn step<'t>(node: &Node<'t>, kinds: &'static [&'static str], later: Later) -> Option<(&'t str, Node<'t>)> {
    let hint = format!("a step is a map with one key: {}", quoted(kinds));
    let entries = match node.tree {
        Tree::Text(text) if kinds.contains(&text.value.as_str()) => {
            node.problem(
                format!("a step is a map with one key, found {}", node.tree.describe()),
                format!("write `{}: …`", text.value),
            );
            return None;
        }
        _ => node.entries(&hint)?,
    };
    let [(kind, value)] = entries.as_slice() else {
        let names: Vec<_> = entries.iter().take(5).map(|(name, _)| shown(name)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let message = format!("a step has one key, this one has {}: {}", entries.len(), quoted(&names));
        node.problem(message, "begin each step with `-`, and indent what belongs to it deeper".to_owned());
        return None;
    };
    if kinds.contains(kind) {
        return Some((kind, value.clone()));
    }
    let place = Place::Key(value.path.clone());
    if later.contains(kind) {
        let hint = format!("this version knows {}", quoted(kinds));
        node.context.problem(&place, format!("the step `{kind}` is not supported yet"), Some(hint));
    } else {
        let hint = did_you_mean(kind, kinds.iter().copied()).unwrap_or(hint);
        node.context.problem(&place, format!("unknown step `{}`", shown(kind)), Some(hint));
    }
    None
}

/// Compiles a text with placeholders.
fn template(node: &Node<'_>, text: &Text) -> Option<Template> {
    let known = template::placeholder_names();
    match Template::parse(&text.value) {
        Ok(template) => Some(template),
        Err(error @ template::Error::Unclosed) => {
            node.bad_text(text, "a template", &error.to_string(), r"write `\{{` for a literal `{{`".to_owned())
        }
        Err(template::Error::Unknown { name }) => {
            let near = did_you_mean(&name, known.iter().copied()).filter(|_| text.typed.is_none());
            let hint = near.unwrap_or_else(|| format!(r"known: {}; `\{{{{` is a literal `{{{{`", quoted(&known)));
            node.bad_text(text, "a template", &format!("unknown placeholder `{{{{ {} }}}}`", shown(&name)), hint)
        }
    }
}
