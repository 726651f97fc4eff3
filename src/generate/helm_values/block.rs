//! Data as YAML that readers of 1.1 and of 1.2 take for the same: Helm reads `on` and `yes` as booleans.

use std::fmt::Write as _;

use serde_json::Value;

use crate::generate::rulefile::scalar;

/// Longest line of a map or list in braces.
const WIDTH: usize = 100;
/// Maps and lists within one another in braces; deeper ones are easier to read as lines.
const DEPTH: usize = 3;

/// A map or list as lines, each behind `indent` spaces.
#[must_use]
pub fn block(value: &Value, indent: usize) -> String {
    let mut text = String::new();
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let _infallible = write!(text, "{}{}:", " ".repeat(indent), text_scalar(key));
                after(&mut text, value, indent, indent + 2);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for element in elements {
                let _infallible = write!(text, "{}-", " ".repeat(indent));
                after(&mut text, element, indent, indent + 2);
            }
        }
        other => {
            let _infallible = writeln!(text, "{}{}", " ".repeat(indent), flow(other));
        }
    }
    text
}

/// What follows `key:` or `-`: on the same line if it is short.
fn after(text: &mut String, value: &Value, indent: usize, inner: usize) {
    let short = flow(value);
    let list = text.ends_with('-');
    if depth(value) < DEPTH && indent + short.len() < WIDTH || depth(value) == 0 {
        let _infallible = writeln!(text, " {short}");
    } else if list {
        // The first line of what is in the element stands behind its dash.
        text.push(' ');
        text.push_str(block(value, inner).trim_start_matches(' '));
    } else {
        text.push('\n');
        text.push_str(&block(value, inner));
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text_scalar(text),
        Value::Array(elements) => format!("[{}]", elements.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let pairs: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}: {}", text_scalar(key), flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// JSON leaves characters as they are that YAML does not admit, or that YAML 1.1 takes for line breaks.
fn text_scalar(text: &str) -> String {
    let mut out = String::new();
    for char in scalar(text).chars() {
        match char {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(char));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::{source::Source, typed};

    #[test]
    fn short_values_stand_on_one_line() {
        let value = json!({ "on": [{ "duration": "30s", "target": 100 }], "a": { "b": { "c": { "d": ["yes", null] } } }, "e": {} });
        let expected = "\"on\": [{ duration: \"30s\", target: 100 }]\na:\n  b:\n    c: { d: [\"yes\", null] }\ne: {}\n";
        assert_eq!(block(&value, 0), expected);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "(on|off|y|no|null|~|1e3|0x1|-|: |#|\\{|\u{2028}|\u{85}|\n)".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,8}", inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_value()) {
            let document = json!({ "value": value });
            let text = block(&document, 2);
            let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
            prop_assert_eq!(typed(&source).unwrap(), document, "{}", text);
        }
    }
}
