//! `json:` → a compiled message: compact JSON in the order typed.

use crate::config::{
    decode::{all, template},
    node::Node,
    template::{Template, encoding::Encoding},
    tree::{Number, Tree},
};

/// Compiles a value. A text that is one placeholder alone becomes what it stands for, as `"{{ index }}"` a number in
/// `payload: "{{ index }}"`; other texts are JSON strings.
pub(crate) fn json(node: &Node<'_>) -> Option<Template> {
    let mut out = Template::default();
    match node.tree {
        Tree::Unresolved => return None,
        Tree::Null => out.push_literal("null"),
        Tree::Bool(flag) => out.push_literal(&flag.to_string()),
        Tree::Number(number) => out.push_literal(&number_text(node, *number)?),
        Tree::Text(text) => {
            let compiled = template(node, text)?;
            if compiled.is_lone_placeholder() {
                out.push(compiled, Encoding::JsonValue);
            } else {
                out.push_literal("\"");
                out.push(compiled, Encoding::JsonText);
                out.push_literal("\"");
            }
        }
        Tree::List(_) => {
            out.push_literal("[");
            let elements = all(node.list("")?.iter().map(json))?;
            for (index, element) in elements.into_iter().enumerate() {
                out.push_literal(if index == 0 { "" } else { "," });
                out.push(element, Encoding::Plain);
            }
            out.push_literal("]");
        }
        Tree::Map(_) => {
            out.push_literal("{");
            let entries = all(node.entries("")?.iter().map(|(key, value)| Some((*key, json(value)?))))?;
            for (index, (key, value)) in entries.into_iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                out.push_literal(&format!("{comma}\"{}\":", Encoding::JsonText.literal(key)));
                out.push(value, Encoding::Plain);
            }
            out.push_literal("}");
        }
    }
    Some(out)
}

fn number_text(node: &Node<'_>, number: Number) -> Option<String> {
    match number {
        Number::Unsigned(number) => Some(number.to_string()),
        Number::Negative(number) => Some(number.to_string()),
        Number::Float(float) => match serde_json::Number::from_f64(float) {
            Some(number) => Some(number.to_string()),
            None => {
                node.problem(format!("JSON has no number {float}"), "put it in quotes to send a text".to_owned());
                None
            }
        },
    }
}
