//! `set`, `check` and `add`.

use std::collections::BTreeMap;

use crate::config::{
    at::Place,
    decode::{all, matching, message, template},
    node::Node,
    problem::{did_you_mean, shown},
    profile::action::{Action, Adding, Checking, Setting},
    template::Template,
    tree::Tree,
};

/// Kinds of steps that only compute.
pub(crate) const KINDS: [&str; 3] = ["set", "check", "add"];
/// Longest name of a check: it is a label value.
const LONGEST_NAME: usize = 200;

/// Reads a step of one of [`KINDS`].
pub(crate) fn action(kind: &str, node: &Node<'_>) -> Option<Action> {
    match kind {
        "set" => {
            each(node, "for example `set: { id: \"{{ random(1,9) }}\" }`", set).map(|list| Action::Set(list.into()))
        }
        "check" => {
            each(node, "for example `check: { \"has a token\": { value: \"{{ token }}\", exists: true } }`", check)
                .map(|list| Action::Check(list.into()))
        }
        _ => each(node, "for example `add: { price: \"{{ price }}\" }`", add).map(|list| Action::Add(list.into())),
    }
}

fn each<T>(node: &Node<'_>, example: &str, read: impl Fn(&str, &Node<'_>) -> Option<T>) -> Option<Vec<T>> {
    let entries = node.entries(example)?;
    if entries.is_empty() {
        node.problem("nothing in this step", example.to_owned());
        return None;
    }
    all(entries.iter().map(|(name, node)| read(name, node)))
}

fn set(name: &str, node: &Node<'_>) -> Option<Setting> {
    let (value, is_json) = match node.tree {
        Tree::Text(text) => (template(node, text), false),
        _ => (message::json(node), true),
    };
    // After the value, which may use what the name was before.
    let slot = node.context.scope.borrow_mut().given(name, &node.path, node.context);
    Some(Setting { name: name.to_owned(), slot: slot?, value: value?, is_json })
}

fn check(name: &str, node: &Node<'_>) -> Option<Checking> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("`{}` is no name of a check", shown(name));
        let hint = format!("1 to {LONGEST_NAME} characters on one line");
        node.context.problem(&Place::Key(node.path.clone()), message, Some(hint));
    }
    let mut fields = node.fields("for example `{ value: \"{{ price }}\", min: 0 }`")?;
    let value = fields.require(&["value"], "value: \"{{ price }}\"");
    let value = value.map(|node| node.scalar().and_then(|text| template(&node, &text)));
    let test = matching::test_in(&mut fields);
    fields.finish(&[], &BTreeMap::new());
    if test.is_none() {
        node.problem("no test in this check", matching::TESTS.to_owned());
    }
    Some(Checking { name: name.to_owned(), value: value??, test: test??.0 })
}

fn add(name: &str, node: &Node<'_>) -> Option<Adding> {
    let metrics = node.context.metrics.borrow();
    let Some(metric) = metrics.iter().position(|metric| metric.name == name) else {
        // What is wrong with `metrics` has been said.
        if !node.context.metrics_unsound.get() {
            let known = metrics.iter().map(|metric| metric.name);
            let hint = did_you_mean(name, known)
                .unwrap_or_else(|| format!("declare it: `metrics: {{ {}: counter }}`", shown(name)));
            let place = Place::Key(node.path.clone());
            node.context.problem(&place, format!("`metrics` has no `{}`", shown(name)), Some(hint));
        }
        return None;
    };
    let text = node.scalar()?;
    let value: Template = template(node, &text)?;
    if let Some(constant) = value.constant()
        && !metrics[metric].takes(constant)
    {
        let why = format!("`{}` cannot be added to `{name}`", shown(constant));
        let what = match metrics[metric].kind {
            crate::catalogue::MetricKind::Counter => "a whole number of at least 0",
            crate::catalogue::MetricKind::Rate => "`true`, `false` or a number",
            _ => "a number of at least 0",
        };
        return node.bad_text(&text, what, &why, format!("it takes {what}"));
    }
    Some(Adding { metric, value })
}
