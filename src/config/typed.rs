//! The profile as it was typed, for files that carry it elsewhere.

use serde_json::{Map, Number, Value};

use crate::config::{document, problem::Report, source::Source, tree};

/// The text as data: variables are not filled in, keys keep their order.
///
/// # Errors
/// One problem, if the text is no YAML.
pub fn typed(source: &Source) -> Result<Value, Report> {
    document::parse(source.text()).map(value).map_err(|fault| fault.into_report(source))
}

fn value(tree: tree::Tree) -> Value {
    match tree {
        tree::Tree::Null | tree::Tree::Unresolved => Value::Null,
        tree::Tree::Bool(flag) => Value::Bool(flag),
        tree::Tree::Number(tree::Number::Unsigned(number)) => number.into(),
        tree::Tree::Number(tree::Number::Negative(number)) => number.into(),
        // JSON has no infinity; as a text it is one again for whoever reads numbers from texts.
        tree::Tree::Number(tree::Number::Float(number)) => {
            Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        tree::Tree::Text(text) => text.value.into(),
        tree::Tree::List(elements) => elements.into_iter().map(value).collect(),
        tree::Tree::Map(entries) => {
            Value::Object(entries.into_iter().map(|(key, tree)| (key, value(tree))).collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_variables_and_keys_their_order() {
        let text = "b: ${NAME}\na: [1, -2, 0.5, yes, '1', null, { on: true }]\n";
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let expected = r#"{"b":"${NAME}","a":[1,-2,0.5,"yes","1",null,{"on":true}]}"#;
        assert_eq!(typed(&source).unwrap().to_string(), expected);
    }
}
