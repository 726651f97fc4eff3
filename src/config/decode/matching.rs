//! `contains`, `regex`, `json` and `headers` of an `expect`, and `capture`: what `http` and `websocket` steps share.

use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};

use crate::config::{
    at::Place,
    capture::{self, Between, Capture, Captures, From},
    decode::{all, template},
    matcher::{self, Matcher, Matchers, Pattern, Sought, Test},
    node::{Fields, Node},
    pointer,
    problem::shown,
    profile::http::HeaderTest,
    tree::{Number, Text, Tree},
};

/// Bounds what one expression may take when it is compiled; the library's default of 10 MiB is for one, not for thousands.
const LARGEST_REGEX: usize = 1 << 20;

/// What a map of a test may have.
pub(crate) const TESTS: &str = "one of `is`, `exists`, `contains`, `regex`, `min` and `max`";

/// Takes `contains`, `regex` and `json`. Names are as `rampd` counts them, with `what` for the whole text.
pub(crate) fn matchers(fields: &mut Fields<'_>, what: &str) -> Option<Matchers> {
    let mut matchers = Matchers::default();
    let mut sound = true;
    if let Some(node) = fields.take("contains") {
        for node in one_or_more(&node) {
            let read = sought(&node);
            sound &= read.is_some();
            if let Some((sought, typed)) = read {
                matchers.add(format!("{what} contains {typed}"), Matcher::Contains(sought));
            }
        }
    }
    if let Some(node) = fields.take("regex") {
        for node in one_or_more(&node) {
            let read = regex(&node);
            sound &= read.is_some();
            if let Some((pattern, typed)) = read {
                matchers.add(format!("{what} matches {typed}"), Matcher::Regex(pattern));
            }
        }
    }
    if let Some(node) = fields.take("json") {
        let entries = node.entries("for example `json: { /status: ok }`");
        sound &= entries.is_some();
        for (pointer, node) in entries.unwrap_or_default() {
            let read = test(&node);
            let added =
                read.map(|(test, words)| matchers.add_pointer(pointer, format!("{} {words}", shown(pointer)), test));
            sound &= matches!(added, Some(Ok(())));
            if let Some(Err(error)) = added {
                refuse_pointer(&node, pointer, &error);
            }
        }
    }
    if matchers.list().len() > matcher::MOST {
        fields.node.problem(format!("more than {} matchers in one step", matcher::MOST), None);
        return None;
    }
    sound.then_some(matchers)
}

/// `{ NAME: text }` or `{ NAME: { exists | contains | regex | … } }`.
pub(crate) fn header_tests(node: &Node<'_>) -> Option<Vec<HeaderTest>> {
    let entries = node.entries("for example `headers: { content-type: { contains: json } }`")?;
    all(entries.iter().map(|(name, node)| {
        let header = header_name(&Text::literal(*name), &Place::Key(node.path.clone()), node)?;
        let (test, words) = test(node)?;
        Some(HeaderTest { name: format!("header {header} {words}"), header, test })
    }))
}

fn header_name(text: &Text, place: &Place, node: &Node<'_>) -> Option<String> {
    let name = &text.value;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
        let hint = "use letters, digits and `-`".to_owned();
        node.context.problem(place, format!("`{}` is no name of a header", shown(text.typed())), Some(hint));
        return None;
    }
    Some(name.to_ascii_lowercase())
}

/// One element, or a list of some.
fn one_or_more<'t>(node: &Node<'t>) -> Vec<Node<'t>> {
    match node.tree {
        Tree::List(_) => node.list("").unwrap_or_default(),
        _ => vec![node.clone()],
    }
}

/// A text to look for, and how it was typed.
fn sought(node: &Node<'_>) -> Option<(Sought, String)> {
    let text = node.scalar()?;
    if text.value.is_empty() {
        return node.bad_text(&text, "a text to look for", "every text contains the empty one", None);
    }
    Some((Sought::new(template(node, &text)?), shown(text.typed())))
}

fn regex(node: &Node<'_>) -> Option<(Pattern, String)> {
    let text = node.text()?;
    compile(node, text).map(|regex| (Pattern(regex), shown(text.typed())))
}

/// Compiles a typed expression.
pub(crate) fn compile(node: &Node<'_>, text: &Text) -> Option<Regex> {
    match RegexBuilder::new(&text.value).size_limit(LARGEST_REGEX).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The library draws the place over several lines; the last one says what is wrong.
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default();
            let why = last.strip_prefix("error: ").unwrap_or(last);
            let why = format!("`{}` is no regular expression: {why}", shown(&text.value));
            node.bad_text(
                text,
                "a regular expression",
                &why,
                "in YAML, put it in single quotes: 'id=(\\d+)'".to_owned(),
            )
        }
    }
}

/// A value that it should be, or a map with one test; with the words for it.
fn test(node: &Node<'_>) -> Option<(Test, String)> {
    match node.tree {
        Tree::Null => Some((Test::IsJson("null".to_owned()), "is null".to_owned())),
        Tree::Bool(flag) => Some((Test::IsJson(flag.to_string()), format!("is {flag}"))),
        Tree::Number(number) => {
            let test = match *number {
                Number::Unsigned(whole) => Test::IsWhole(whole.into()),
                Number::Negative(whole) => Test::IsWhole(whole.into()),
                Number::Float(float) => Test::IsNumber(float),
            };
            Some((test, format!("is {number}")))
        }
        Tree::Text(text) => Some((Test::Is(Sought::new(template(node, text)?)), format!("is {}", shown(text.typed())))),
        Tree::Map(_) => test_of_map(node),
        Tree::List(_) | Tree::Unresolved => {
            node.expected("a value or a test", "for example `ok`, or `{ exists: true }`")
        }
    }
}

fn test_of_map(node: &Node<'_>) -> Option<(Test, String)> {
    let mut fields = node.fields("")?;
    let test = test_in(&mut fields);
    fields.finish(&[], &BTreeMap::from([("equals", "did you mean `is`?")]));
    if matches!(node.tree, Tree::Map(entries) if entries.is_empty()) {
        node.problem("no test in this map", TESTS.to_owned());
    }
    test?
}

/// Takes the one test of a map; none without one.
#[expect(clippy::option_option, reason = "no test, a wrong one, a test")]
pub(crate) fn test_in(fields: &mut Fields<'_>) -> Option<Option<(Test, String)>> {
    let is = fields.take_even_empty("is").map(|node| match node.tree {
        Tree::Map(_) => node.expected("a value", "for example `is: ok`"),
        _ => test(&node),
    });
    let exists = fields.take("exists").map(|node| {
        let words =
            |flag| if flag { (Test::Exists, "exists".to_owned()) } else { (Test::Absent, "is absent".to_owned()) };
        node.flag().map(words)
    });
    let contains = fields
        .take("contains")
        .map(|node| sought(&node).map(|(sought, typed)| (Test::Contains(sought), format!("contains {typed}"))));
    let matches = fields
        .take("regex")
        .map(|node| regex(&node).map(|(pattern, typed)| (Test::Matches(pattern), format!("matches {typed}"))));
    let bounds = [fields.take("min"), fields.take("max")];
    let within = if bounds.iter().all(Option::is_none) { None } else { Some(within(&fields.node, bounds)) };
    let given: Vec<_> = [is, exists, contains, matches, within].into_iter().flatten().collect();
    if given.len() > 1 {
        fields.node.problem("more than one test", "`min` and `max` go together, the others stand alone".to_owned());
        return Some(None);
    }
    given.into_iter().next()
}

fn within(node: &Node<'_>, bounds: [Option<Node<'_>>; 2]) -> Option<(Test, String)> {
    let number = |bound: Option<Node<'_>>, otherwise: f64| match bound {
        None => Some(otherwise),
        Some(node) => node.number("a number", "for example `min: 1`"),
    };
    let [min, max] = bounds;
    let (min, max) = (number(min, f64::NEG_INFINITY), number(max, f64::INFINITY));
    let (min, max) = (min?, max?);
    if min > max {
        node.problem("`max` is below `min`", "swap the two".to_owned());
        return None;
    }
    let words = match (min.is_finite(), max.is_finite()) {
        (true, true) => format!("is from {min} to {max}"),
        (true, false) => format!("is at least {min}"),
        _ => format!("is at most {max}"),
    };
    Some((Test::Within { min, max }, words))
}

/// `{ NAME: { json | regex | header | between } }`; a message has no headers.
pub(crate) fn captures(node: &Node<'_>, has_headers: bool) -> Option<Captures> {
    let entries = node.entries("for example `capture: { token: { json: /token } }`")?;
    if entries.len() > capture::MOST {
        node.problem(format!("more than {} captures in one step", capture::MOST), None);
        return None;
    }
    let mut captures = Captures::default();
    let mut sound = true;
    for (name, node) in &entries {
        sound &= capture(name, node, has_headers, &mut captures).is_some();
    }
    sound.then_some(captures)
}

fn capture(name: &str, node: &Node<'_>, has_headers: bool, captures: &mut Captures) -> Option<()> {
    // The name counts even if its source is wrong: what uses it is not wrong then.
    let slot = node.context.scope.borrow_mut().given(name, &node.path, node.context);
    let mut fields = node.fields("for example `{ json: /token }` or `{ regex: 'id=(\\d+)' }`")?;
    let json = fields.take("json");
    let regex = fields.take("regex");
    let header = if has_headers { fields.take("header") } else { None };
    let between = fields.take("between");
    fields.finish(
        &[],
        &BTreeMap::from([("header", "a message has no headers"), ("jsonpath", "did you mean `json: /token`?")]),
    );
    let slot = slot?;
    let sources = [&json, &regex, &header, &between].into_iter().flatten().count();
    let is_empty = matches!(node.tree, Tree::Map(entries) if entries.is_empty());
    if sources > 1 || is_empty {
        let known =
            if has_headers { "`json`, `regex`, `header` and `between`" } else { "`json`, `regex` and `between`" };
        node.problem("a capture has one source", format!("one of {known}"));
    }
    if sources != 1 {
        return None;
    }
    let name = name.to_owned();
    let from = if let Some(node) = json {
        let typed = node.text()?;
        return captures
            .add_pointer(&typed.value, name, slot)
            .map_err(|error| {
                node.bad_text::<()>(typed, "a JSON pointer", &error.to_string(), "for example `/token`".to_owned())
            })
            .ok();
    } else if let Some(node) = regex {
        From::Regex(Pattern(compile(&node, node.text()?)?))
    } else if let Some(node) = header {
        From::Header(header_name(node.text()?, &node.place(), &node)?)
    } else {
        From::Between(Box::new(ends(&between?)?))
    };
    captures.add(Capture { name, slot, from });
    Some(())
}

/// `[start, end]`
fn ends(node: &Node<'_>) -> Option<Between> {
    const HINT: &str = "for example `between: ['token=\"', '\"']`";
    let elements = node.list(HINT)?;
    let [start, end] = elements.as_slice() else {
        node.problem("expected the text before and the text behind", HINT.to_owned());
        return None;
    };
    let text = |node: &Node<'_>| {
        let text = node.scalar()?;
        if text.value.is_empty() {
            return node.bad_text(&text, "a text to look for", "the empty text is everywhere", HINT.to_owned());
        }
        Some(text.value)
    };
    Some(Between::new(&text(start)?, &text(end)?))
}

fn refuse_pointer(node: &Node<'_>, pointer: &str, error: &pointer::Error) {
    let message = format!("`{}` is no JSON pointer: {error}", shown(pointer));
    node.context.problem(&Place::Key(node.path.clone()), message, Some("for example `/status`".to_owned()));
}
