//! Good profiles with one value changed: the schema refuses nothing that the loader accepts, and knows every key.

use super::*;
use crate::config::tree::Text;

/// Values of every kind.
fn values() -> Vec<Tree> {
    let text = |value: &str| Tree::Text(Text::literal(value));
    let texts = [
        "",
        "x",
        "30s",
        "1.5h1m",
        "0",
        "7",
        "5%",
        "1 KiB",
        "true",
        "p(99)<5",
        "a b",
        "http://h/",
        "ws://h/",
        "200-299",
        "${TOKEN}",
    ];
    let mut values: Vec<_> = texts.into_iter().map(text).collect();
    values.extend([Tree::Null, Tree::Bool(true), Tree::List(Vec::new()), Tree::Map(Vec::new())]);
    values.extend([0, 1, 200, 5000].map(|number| Tree::Number(Number::Unsigned(number))));
    values.extend([
        Tree::Number(Number::Negative(-1)),
        Tree::Number(Number::Float(1.5)),
        Tree::Number(Number::Float(2.0)),
    ]);
    values.push(Tree::List(vec![text("x")]));
    values
}

/// Calls `change` with every value of the tree in turn, and then puts the former value back.
fn each(tree: &mut Tree, path: &[usize], change: &mut impl FnMut(&[usize])) {
    change(path);
    let children = match tree {
        Tree::List(elements) => elements.len(),
        Tree::Map(entries) => entries.len(),
        _ => 0,
    };
    for index in 0..children {
        let below = [path, &[index]].concat();
        if let Some(child) = child(tree, index) {
            each(child, &below, change);
        }
    }
}

fn child(tree: &mut Tree, index: usize) -> Option<&mut Tree> {
    match tree {
        Tree::List(elements) => elements.get_mut(index),
        Tree::Map(entries) => entries.get_mut(index).map(|(_, value)| value),
        _ => None,
    }
}

fn at<'t>(tree: &'t mut Tree, path: &[usize]) -> &'t mut Tree {
    path.iter().fold(tree, |tree, index| child(tree, *index).unwrap())
}

/// Whether the loader accepts a tree.
fn is_accepted(tree: &Tree, source: &Source) -> bool {
    let mut tree = tree.clone();
    let context = Context::new(source);
    environment::substitute(&mut tree, &environment(), &context);
    let raw = decode::profile(&tree, &context);
    let profile = raw.and_then(|raw| validate::profile(raw, &Overrides::default(), &context));
    profile.is_some() && !context.has_problems()
}

fn shown(tree: &Tree) -> String {
    serde_json::to_string_pretty(&json(tree)).unwrap()
}

#[test]
fn the_schema_refuses_nothing_that_the_loader_accepts() {
    let (mut tried, mut accepted) = (0_u32, 0_u32);
    let (_folder, examples) = examples();
    // It has every key; each change is a whole load, 5 ms without optimisation.
    for Example { what, source } in examples.into_iter().filter(|example| example.what == "everything.yaml") {
        let original = document::parse(source.text()).unwrap_or_else(|_| panic!("{what}"));
        let mut paths = Vec::new();
        each(&mut original.clone(), &[], &mut |path| paths.push(path.to_vec()));
        for path in paths {
            for value in values() {
                let mut tree = original.clone();
                *at(&mut tree, &path) = value;
                tried += 1;
                if is_accepted(&tree, &source) {
                    accepted += 1;
                    if let Some(refusal) = refusal(&json(&tree)) {
                        panic!(
                            "{what}: the loader accepts it and src/config/schema/ does not:\n{refusal}\n{}",
                            shown(&tree)
                        );
                    }
                }
            }
        }
    }
    assert!(tried > 5000 && accepted > 500, "{accepted} of {tried} were accepted");
}

#[test]
fn an_unknown_key_is_refused_wherever_the_loader_refuses_it() {
    let mut refused = 0;
    let (_folder, examples) = examples();
    for Example { what, source } in examples {
        let original = document::parse(source.text()).unwrap_or_else(|_| panic!("{what}"));
        let mut paths = Vec::new();
        each(&mut original.clone(), &[], &mut |path| paths.push(path.to_vec()));
        for path in paths {
            let mut tree = original.clone();
            let Tree::Map(entries) = at(&mut tree, &path) else { continue };
            entries.push(("noSuchKey".to_owned(), Tree::Text(Text::literal("x"))));
            let (by_loader, by_schema) = (!is_accepted(&tree, &source), refusal(&json(&tree)).is_some());
            // A name of a metric is a key that only the loader knows.
            let names_metrics = matches!(entries_of(&original, &path), Some("thresholds")) || is_add(&original, &path);
            assert!(
                by_loader == by_schema || names_metrics,
                "{what}, loader {by_loader}, schema {by_schema}:\n{}",
                shown(&tree)
            );
            refused += u32::from(by_schema);
        }
    }
    assert!(refused > 100, "{refused}");
}

/// Whether the map at `path` is the value of a step `add`.
fn is_add(tree: &Tree, path: &[usize]) -> bool {
    match (tree, path) {
        (Tree::Map(entries), [index]) => entries.len() == 1 && entries.get(*index).is_some_and(|(key, _)| key == "add"),
        (Tree::Map(entries), [index, rest @ ..]) => entries.get(*index).is_some_and(|(_, value)| is_add(value, rest)),
        (Tree::List(elements), [index, rest @ ..]) => elements.get(*index).is_some_and(|element| is_add(element, rest)),
        _ => false,
    }
}

/// The key of the map at `path`, if it stands at the top.
fn entries_of<'t>(tree: &'t Tree, path: &[usize]) -> Option<&'t str> {
    match (tree, path) {
        (Tree::Map(entries), [index]) => entries.get(*index).map(|(key, _)| key.as_str()),
        _ => None,
    }
}
