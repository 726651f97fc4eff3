//! Tree → `Raw`: every key and every single value is checked here. Reading goes on after a problem;
//! what could not be read is left out.

mod action;
mod address;
mod body;
mod data;
mod dns;
mod executors;
mod fleet;
mod flow;
mod headers;
mod hosts;
mod http;
mod identity;
mod matching;
mod message;
mod metrics;
mod network;
mod observe;
mod scenarios;
mod send;
mod socket;
mod thresholds;
mod tls;
mod watch;

pub(crate) use network::each;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::{
        at::{Path, Place, Typed},
        context::Context,
        node::{Fields, Node, quoted},
        overrides::tag_name_fault,
        problem::{did_you_mean, shown},
        profile::{LatencyClock, Precision, Step, Timing, TrendStat},
        raw::{Load, Raw},
        scope::{self, is_name},
        template::{self, Placeholder, Template, placeholder_names},
        tree::{Text, Tree},
    },
    units::tags::Tags,
};

/// Reads the whole profile.
pub(crate) fn profile(tree: &Tree, context: &Context<'_>) -> Option<Raw> {
    let root = Node { tree, path: Path::default(), context };
    let mut fields = root.fields("a profile begins with keys such as `stages:` and `flow:`")?;
    let name = fields.take("name").and_then(|node| name(&node));
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    if let Some(env) = fields.take("env") {
        environment(&env);
    }
    // Before the flows and thresholds, which name them.
    let mut k6_series = false;
    if let Some(node) = fields.take("metrics") {
        let read = metrics::metrics(&node);
        context.metrics_unsound.set(read.is_none());
        let (own, compat) = read.unwrap_or_default();
        context.metrics.replace(own);
        k6_series = compat;
    }
    if let Some(node) = fields.take("data") {
        let read = data::data(&node);
        context.data.replace(read);
    }
    let load = Load {
        vus: fields.take("vus").map(|node| executors::vus(&node, 0)),
        duration: fields.take("duration").map(|node| node.typed(Node::duration)),
        iterations: fields.take("iterations").map(|node| executors::iterations(&node)),
        stages: fields.take("stages").map(|node| executors::stages(&node)),
    };
    let scenarios = fields.take("scenarios").map(|node| scenarios::scenarios(&node));
    // Flags may replace the scenarios by the shorthand's one.
    let found = scenarios.as_ref().and_then(|scenarios| scenarios.value.as_ref());
    let names: Vec<_> = found.into_iter().flatten().map(|scenario| scenario.name.as_str()).chain(["default"]).collect();
    let flow = fields.take("flow").map(|node| flow(&node));
    let observe = fields.take("observe").map(|node| observe::observe(&node));
    let thresholds = fields.take("thresholds").map(|node| thresholds::thresholds(&node, observe.as_ref(), &names));
    let mut tls = fields.take("tls").map(|node| tls::tls(&node)).unwrap_or_default();
    tls.insecure_skip_verify |= fields.take("insecureSkipTLSVerify").and_then(|node| node.flag()).unwrap_or_default();
    if let Some(node) = fields.take("tlsVersion") {
        tls::versions(&node, &mut tls);
    }
    let (network, proxied) = network::network(&mut fields);
    let summary_trend_stats = fields.take("summaryTrendStats").and_then(|node| trend_stats(&node));
    let fleet = fields.take("fleet").and_then(|node| fleet::fleet(&node)).unwrap_or_default();
    let keep_cookies = fields.take("noCookiesReset").and_then(|node| node.flag()).unwrap_or_default();
    // Bodies are kept only where a step looks into them, whatever this says.
    let _accepted = fields.take("discardResponseBodies").map(|node| node.flag());
    let timing = Timing {
        latency_clock: choice(
            &mut fields,
            "latencyClock",
            &[("kernel", LatencyClock::Kernel), ("user", LatencyClock::User)],
        ),
        precision: choice(&mut fields, "precision", &[("timer", Precision::Timer), ("spin", Precision::Spin)]),
        seed: fields.take("seed").and_then(|node| node.whole(&(0..=u64::MAX))),
    };
    let meant = fields.finish(
        &[],
        &BTreeMap::from([
            ("tlsAuth", "did you mean `tls: { certFile: client.pem, keyFile: client.key }`?"),
            ("tlsCipherSuites", "the suites are rustls' own, of TLS 1.2 and 1.3; `tlsVersion` chooses between those"),
            ("localIPs", "did you mean `network: { sourceAddresses: [10.0.0.1-10.0.0.9] }`?"),
            ("proxy", "did you mean `network: { proxy: \"http://proxy:3128\" }`?"),
        ]),
    );
    Some(Raw {
        name,
        tags,
        load,
        scenarios,
        flow,
        thresholds: thresholds.unwrap_or_default(),
        observe: observe.flatten().unwrap_or_default(),
        metrics: context.metrics.take(),
        k6_series,
        data: context.data.take().unwrap_or_default().into(),
        tls,
        network,
        proxied,
        timing,
        keep_cookies,
        fleet,
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
    node.typed(|node| scope::flow(node.context, || flow::steps(node)).map(Arc::from))
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
pub(crate) fn choice<T: Copy + Default>(fields: &mut Fields<'_>, key: &'static str, words: &[(&'static str, T)]) -> T {
    fields.take(key).and_then(|node| one_of(&node, &format!("a {key}"), words)).unwrap_or_default()
}

/// One of a few words; `what` begins with its article.
fn one_of<T: Copy>(node: &Node<'_>, what: &str, words: &[(&'static str, T)]) -> Option<T> {
    let text = node.text()?;
    let found = words.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let (_, noun) = what.split_once(' ').unwrap_or(("", what));
        let why = format!("`{}` is no {noun}", shown(&text.value));
        return node.bad_text(text, what, &why, format!("use {}", quoted(&names)));
    }
    found.map(|(_, value)| *value)
}

/// Reads everything before it gives up, so that all problems are reported.
fn all<T>(read: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = read.collect();
    read.into_iter().collect()
}

/// A step: a map with one key, its kind.
fn step<'t>(node: &Node<'t>, kinds: &'static [&'static str]) -> Option<(&'t str, Node<'t>)> {
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
        #[cfg(test)]
        node.context.maps.borrow_mut().push((node.path.clone(), kinds.to_vec(), Vec::new()));
        return Some((kind, value.clone()));
    }
    let place = Place::Key(value.path.clone());
    let hint = did_you_mean(kind, kinds.iter().copied()).unwrap_or(hint);
    node.context.problem(&place, format!("unknown step `{}`", shown(kind)), Some(hint));
    None
}

/// Compiles a text with placeholders. Names that no profile has of itself are the flow's, which tells when it has
/// been read whether anything gives them a value.
fn template(node: &Node<'_>, text: &Text) -> Option<Template> {
    let resolve = &mut |name: &str| {
        if let Some(column) = data::column(name, node) {
            return column.map(|column| Some(Placeholder::Data(column)));
        }
        let mut scope = node.context.scope.borrow_mut();
        let slot = if is_name(name) { scope.used(name, &node.path, text.typed.as_ref()) } else { None };
        Ok(slot.map(Placeholder::Variable))
    };
    match Template::compile(&text.value, resolve) {
        Ok(template) => Some(template),
        Err(error @ template::Error::Unclosed) => {
            node.bad_text(text, "a template", &error.to_string(), r"write `\{{` for a literal `{{`".to_owned())
        }
        Err(error @ template::Error::Random(_)) => {
            node.bad_text(text, "a template", &error.to_string(), "for example `{{ random(1,100) }}`".to_owned())
        }
        Err(template::Error::NoData { what, hint }) => node.bad_text(text, "a template", &what, hint),
        Err(template::Error::Unknown { name }) => {
            let known = placeholder_names();
            let near = did_you_mean(&name, known.iter().copied()).filter(|_| text.typed.is_none());
            let hint = near.unwrap_or_else(|| scope::literal_hint(&known));
            node.bad_text(text, "a template", &format!("unknown placeholder `{{{{ {} }}}}`", shown(&name)), hint)
        }
    }
}
