//! The schema against the loader, from both sides.

mod bad;
mod mutation;

use std::{collections::BTreeSet, fs, path::Path};

use jsonschema::Validator;
use serde_json::{Map as Object, Value};
use tempfile::TempDir;

use super::{
    describe::description,
    shape::{Key, Map, Rule, Shape},
    tables::profile::PROFILE,
};
use crate::config::{
    at::Segment,
    context::{Context, ReadMap},
    decode, document,
    documentation::{environment, keys, shown_profiles},
    environment,
    overrides::Overrides,
    source::Source,
    tree::{Number, Tree},
    validate,
};

/// Keys of every map, in the forms that the pages do not show.
const EVERYTHING: &str = include_str!("tests/everything.yaml");

thread_local! {
    static VALIDATOR: Validator = jsonschema::draft202012::new(&super::document()).unwrap();
}

/// What the schema says is wrong; none if nothing is.
fn refusal(document: &Value) -> Option<String> {
    VALIDATOR.with(|validator| {
        let errors: Vec<_> =
            validator.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        (!errors.is_empty()).then(|| errors.join("\n"))
    })
}

/// A document as an editor sees it: variables are not filled in.
fn as_typed(text: &str) -> Value {
    json(&document::parse(text).unwrap_or_else(|_| panic!("no YAML:\n{text}")))
}

fn json(tree: &Tree) -> Value {
    match tree {
        Tree::Null | Tree::Unresolved => Value::Null,
        Tree::Bool(flag) => Value::from(*flag),
        Tree::Number(Number::Unsigned(number)) => Value::from(*number),
        Tree::Number(Number::Negative(number)) => Value::from(*number),
        Tree::Number(Number::Float(number)) => Value::from(*number),
        Tree::Text(text) => Value::from(text.typed()),
        Tree::List(elements) => elements.iter().map(json).collect(),
        Tree::Map(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), json(value))).collect::<Object<_, _>>().into()
        }
    }
}

/// Fails with what the schema says about a profile that the loader accepts.
pub(crate) fn assert_valid(what: &str, text: &str) {
    if let Some(refusal) = refusal(&as_typed(text)) {
        panic!("{what}: the loader accepts it and src/config/schema/ does not:\n{refusal}\n{text}");
    }
}

/// A profile with where it comes from.
struct Example {
    what: String,
    source: Source,
}

/// Every profile of the pages and of config/, and the one with everything; with the folder of the files that they name.
fn examples() -> (TempDir, Vec<Example>) {
    let folder = tempfile::tempdir().unwrap();
    let shown = shown_profiles(folder.path());
    let mut examples: Vec<_> =
        shown.into_iter().map(|(what, path)| Example { what, source: Source::read(&path).unwrap() }).collect();
    for entry in fs::read_dir("config").unwrap() {
        let path = entry.unwrap().path();
        // The daemon's configuration is no profile.
        if path.extension().is_none_or(|extension| extension != "yaml") || path.ends_with("rampd.yaml") {
            continue;
        }
        examples.push(Example { what: path.display().to_string(), source: Source::read(&path).unwrap() });
    }
    let everything = Source::from_bytes("everything.yaml", EVERYTHING.as_bytes().to_vec()).unwrap();
    examples.push(Example { what: "everything.yaml".to_owned(), source: everything });
    (folder, examples)
}

/// What the loader makes of a source: its tree with variables filled in, whether it is accepted, and the maps it read.
fn read(source: &Source) -> (Tree, Result<(), String>, Vec<ReadMap>) {
    let mut tree = document::parse(source.text()).unwrap_or_else(|_| panic!("no YAML:\n{}", source.text()));
    let context = Context::new(source);
    environment::substitute(&mut tree, &environment(), &context);
    let raw = decode::profile(&tree, &context);
    let profile = raw.and_then(|raw| validate::profile(raw, &Overrides::default(), &context));
    let maps = context.maps.take();
    let report = context.into_report();
    let accepted = if profile.is_some() && report.problems.is_empty() { Ok(()) } else { Err(report.to_string()) };
    (tree, accepted, maps)
}

/// The map at the end of a path.
fn descend<'t>(shape: &'static Shape, tree: &'t Tree, path: &[Segment]) -> Option<(&'static Map, &'t Tree)> {
    if let Shape::OneOf(shapes) = shape {
        // Of several maps the one that knows all keys.
        let mut found: Vec<_> = shapes.iter().filter_map(|shape| descend(shape, tree, path)).collect();
        let fits = |(map, tree): &(&'static Map, &Tree)| {
            let known = keys_of(map, tree);
            matches!(tree, Tree::Map(entries) if entries.iter().all(|(name, _)| known.iter().any(|key| key.name == name)))
        };
        let at = found.iter().position(fits).unwrap_or_default();
        return (at < found.len()).then(|| found.swap_remove(at));
    }
    match (shape, tree, path) {
        (Shape::Map(map) | Shape::MapWith(map, _, _), Tree::Map(_), []) => Some((map, tree)),
        (Shape::MapWith(map, _, of), Tree::Map(entries), [Segment::Key(name), rest @ ..]) => {
            let known = map.keys.iter().find(|key| key.name == name);
            descend(known.map_or(*of, |key| &key.shape), value(entries, name)?, rest)
        }
        (Shape::Map(map), Tree::Map(entries), [Segment::Key(name), rest @ ..]) => {
            let key = keys_of(map, tree).into_iter().find(|key| key.name == name)?;
            descend(&key.shape, value(entries, name)?, rest)
        }
        (
            Shape::MapOf(_, _, of) | Shape::MapExcept(_, _, of) | Shape::ByMetric(of),
            Tree::Map(entries),
            [Segment::Key(name), rest @ ..],
        ) => descend(of, value(entries, name)?, rest),
        (Shape::List(_, of), Tree::List(elements), [Segment::Index(index), rest @ ..]) => {
            descend(of, elements.get(*index)?, rest)
        }
        _ => None,
    }
}

fn value<'t>(entries: &'t [(String, Tree)], name: &str) -> Option<&'t Tree> {
    entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The map's own keys, and those that the value of one key adds.
fn keys_of(map: &'static Map, tree: &Tree) -> Vec<&'static Key> {
    let mut keys: Vec<_> = map.keys.iter().collect();
    let Tree::Map(entries) = tree else { return keys };
    for (discriminator, variants) in variants(map) {
        if let Some(Tree::Text(text)) = value(entries, discriminator) {
            keys.extend(variants.iter().filter(|(name, _)| *name == text.value).flat_map(|(_, keys)| *keys));
        }
    }
    keys
}

type Variants = (&'static str, &'static [(&'static str, &'static [Key])]);

fn variants(map: &'static Map) -> impl Iterator<Item = Variants> {
    map.rules.iter().filter_map(|rule| if let Rule::By(key, variants) = rule { Some((*key, *variants)) } else { None })
}

#[test]
fn every_map_that_the_loader_reads_has_the_same_keys_in_the_schema() {
    static ROOT: Shape = Shape::Map(&PROFILE);
    let mut seen = BTreeSet::new();
    let (_folder, examples) = examples();
    for Example { what, source } in examples {
        let (tree, accepted, maps) = read(&source);
        accepted.unwrap_or_else(|report| panic!("{what}\n{report}"));
        for (path, known, required) in maps {
            let place = format!("{what}, at `{path}`");
            let Some((map, tree)) = descend(&ROOT, &tree, &path.segments()) else {
                panic!("{place}: the loader reads a map with {known:?} that src/config/schema/tables/ does not have");
            };
            seen.insert(map.name);
            let described: BTreeSet<_> = keys_of(map, tree).into_iter().map(|key| key.name).collect();
            let known: BTreeSet<_> = known.into_iter().collect();
            let missing: Vec<_> = known.difference(&described).collect();
            let unknown: Vec<_> = described.difference(&known).collect();
            assert!(
                missing.is_empty(),
                "{place}: the map `{}` of src/config/schema/tables/ lacks {missing:?}",
                map.name
            );
            assert!(unknown.is_empty(), "{place}: the loader does not know {unknown:?} of the map `{}`", map.name);
            for key in keys_of(map, tree).into_iter().filter(|key| required.contains(&key.name)) {
                assert!(key.required, "{place}: `{}` must be there, says the loader: `.required()`", key.name);
            }
        }
    }
    let all: BTreeSet<_> = all_maps().iter().map(|map| map.name).collect();
    let unread: Vec<_> = all.difference(&seen).collect();
    assert!(unread.is_empty(), "no profile has {unread:?}: add one to src/config/schema/tests/everything.yaml");
}

#[test]
fn every_key_in_the_loaders_code_is_in_the_schema() {
    let described: BTreeSet<_> = all_keys().iter().map(|(_, key)| key.name).collect();
    let missing: Vec<_> = keys().into_iter().filter(|key| !described.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "src/config/schema/tables/ lacks {missing:?}");
}

#[test]
fn every_key_has_a_description() {
    for (map, key) in all_keys() {
        assert!(
            description(map, key).is_some(),
            "`{}` of the map `{}`: docs/profile.md has no row for it under {:?}; add one, or `.about(…)`",
            key.name,
            map.name,
            map.rows,
        );
    }
}

#[test]
fn every_profile_on_the_pages_and_in_config_is_valid() {
    let (_folder, examples) = examples();
    for Example { what, source } in examples {
        assert_valid(&what, source.text());
    }
}

#[test]
fn the_schema_is_a_schema() {
    let schema = super::document();
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    let text = serde_json::to_string(&schema).unwrap();
    let references = text.split("\"#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap());
    for name in references {
        assert!(schema["$defs"][name].is_object(), "no definition of {name}");
    }
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let websocket = &schema["$defs"]["websocket"]["properties"];
    assert_eq!(websocket["maxMessageSize"]["description"], "a larger message ends the connection\n\nDefault: 1 MiB");
}

/// Every map that can be reached.
fn all_maps() -> Vec<&'static Map> {
    fn walk(shape: &'static Shape, found: &mut Vec<&'static Map>) {
        match shape {
            Shape::Map(map) if found.iter().all(|known| known.name != map.name) => {
                found.push(map);
                keys_of_all_variants(map).for_each(|key| walk(&key.shape, found));
            }
            Shape::MapWith(map, _, of) => {
                found.push(map);
                keys_of_all_variants(map).for_each(|key| walk(&key.shape, found));
                walk(of, found);
            }
            Shape::List(_, of) | Shape::MapOf(_, _, of) | Shape::MapExcept(_, _, of) | Shape::ByMetric(of) => {
                walk(of, found);
            }
            Shape::OneOf(shapes) => shapes.iter().for_each(|shape| walk(shape, found)),
            _ => {}
        }
    }
    static ROOT: Shape = Shape::Map(&PROFILE);
    let mut found = Vec::new();
    walk(&ROOT, &mut found);
    found
}

fn keys_of_all_variants(map: &'static Map) -> impl Iterator<Item = &'static Key> {
    map.keys.iter().chain(variants(map).flat_map(|(_, variants)| variants.iter().flat_map(|(_, keys)| *keys)))
}

fn all_keys() -> Vec<(&'static Map, &'static Key)> {
    all_maps().into_iter().flat_map(|map| keys_of_all_variants(map).map(move |key| (map, key))).collect()
}

/// Bad fixtures by name.
fn fixtures() -> Vec<(String, String)> {
    let files = fs::read_dir(Path::new("tests/config_errors")).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let named = yaml.filter_map(|path| {
        let text = String::from_utf8(fs::read(&path).unwrap()).ok()?;
        Some((path.file_stem().unwrap().to_str().unwrap().to_owned(), text))
    });
    let mut named: Vec<_> = named.collect();
    named.sort();
    named
}
