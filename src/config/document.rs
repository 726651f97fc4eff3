//! Text → tree. What is no YAML, or could use up memory or time, ends in one [`Fault`].

use serde::{
    Deserialize as _,
    de::{DeserializeSeed as _, IgnoredAny},
};

use crate::config::{
    problem::{Position, Problem, Report, clean},
    source::Source,
    tree::{Builder, Tree},
};

/// The parser takes time quadratic in open brackets (50 000 `[` are a second, a full MiB minutes),
/// and refuses more than 128 levels only afterwards.
const OPEN_BRACKETS: usize = 512;

/// Why a text is not a document.
#[derive(Debug)]
pub(crate) struct Fault {
    position: Option<Position>,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn into_report(self, source: &Source) -> Report {
        let Self { position, message, hint } = self;
        let problem = Problem { origin: source.name().to_owned(), position, path: String::new(), message, hint };
        Report { problems: vec![problem], omitted: 0 }
    }
}

/// Parses one YAML document; JSON is YAML too.
pub(crate) fn parse(text: &str) -> Result<Tree, Fault> {
    refuse_deep_brackets(text)?;
    let builder = Builder::new(text);
    let tree = builder.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| match builder.said() {
        Some((message, hint)) => Fault { position: position(&error), message, hint },
        None => explain(&error, text),
    })?;
    if tree == Tree::Null {
        return Err(Fault {
            position: Some(Position { line: 1, column: 1 }),
            message: "the profile is empty".to_owned(),
            hint: Some("it needs at least `stages` and `flow`; see config/quantum-ws.yaml".to_owned()),
        });
    }
    Ok(tree)
}

/// A value as YAML.
pub(crate) fn text(value: &serde_json::Value) -> String {
    // Whatever JSON can say, YAML can.
    serde_yaml::to_string(value).unwrap_or_default()
}

/// Counts brackets in texts and comments too: 512 that stay open are not worth telling apart.
fn refuse_deep_brackets(text: &str) -> Result<(), Fault> {
    let mut open = 0_usize;
    let (mut line, mut column) = (1, 1);
    for char in text.chars() {
        match char {
            '[' | '{' => open += 1,
            ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > OPEN_BRACKETS {
            let position = Some(Position { line, column });
            let message = format!("more than {OPEN_BRACKETS} brackets are open here");
            return Err(Fault { position, message, hint: Some("close the brackets".to_owned()) });
        }
        (line, column) = if char == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Ok(())
}

fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|location| Position { line: location.line(), column: location.column() })
}

fn explain(error: &serde_yaml::Error, text: &str) -> Fault {
    let said = clean(&error.to_string(), 200);
    let fixed = |message: &str, hint: &str, position| Fault {
        position,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    if said.contains("recursion limit exceeded") {
        return fixed("nested deeper than 128 levels", "a profile needs about ten", position(error));
    }
    if said.contains("repetition limit exceeded") {
        let hint = "use fewer aliases (`*name`)";
        return fixed("aliases make this profile more than 16 times larger", hint, position(error));
    }
    if said.contains("more than one document") {
        // The library calls text after the end so, be it a second document or a mistake.
        let second = serde_yaml::Deserializer::from_str(text).nth(1);
        if let Some(mistake) =
            second.and_then(|second| IgnoredAny::deserialize(second).err()).filter(|error| position(error).is_some())
        {
            return explain(&mistake, text);
        }
        let hint = "a profile is one YAML document, without a second `---`";
        return fixed("there is more text after the end of the profile", hint, second_document(text));
    }
    let position = position(error);
    let line = position.and_then(|position| text.lines().nth(position.line.saturating_sub(1)));
    let indentation = line.map(|line| &line[..line.len() - line.trim_start().len()]);
    let hint = if indentation.is_some_and(|indentation| indentation.contains('\t')) {
        "YAML does not allow tabs before a key; indent with spaces"
    } else {
        "check indentation, quotes and brackets here and in the line before"
    };
    fixed(&format!("this is not YAML: {said}"), hint, position)
}

/// Where the second document begins, which the library does not say: at the first `---` after
/// content, or at the second one.
fn second_document(text: &str) -> Option<Position> {
    let is_content = |line: &str| !line.trim().is_empty() && !line.starts_with(['#', '%']);
    let mut begun = false;
    for (content, line) in text.lines().zip(1..) {
        if begun && content.starts_with("---") {
            return Some(Position { line, column: 1 });
        }
        begun |= is_content(content);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        parse(text).unwrap_err()
    }

    #[test]
    fn syntax_errors_have_a_place_and_tabs_a_hint() {
        let tab = fault("a:\n\tb: 1");
        assert_eq!(tab.position, Some(Position { line: 2, column: 1 }));
        assert!(tab.hint.unwrap().contains("tabs"));
        assert!(fault("a: [1").message.contains("not YAML"));
        assert!(fault("a: *x").message.contains("unknown anchor"));
        assert!(fault("a: 1\n---\nb: 2").message.contains("more text"));
        assert_eq!(fault("a: 1\n---\nb: 2").position, Some(Position { line: 2, column: 1 }));
        assert_eq!(fault("---\na: 1\n---\nb: 2").position, Some(Position { line: 3, column: 1 }));
        let after = fault("'a' 'b'");
        assert!(after.message.contains("not YAML") && after.position.is_some(), "{after:?}");
        for empty in ["", "# only a comment", "---", "~", " \n\n"] {
            assert_eq!(fault(empty).message, "the profile is empty", "{empty:?}");
        }
    }

    #[test]
    fn keys_are_texts_and_each_is_there_once() {
        let twice = fault("a: 1\nb: 2\na: 3");
        assert_eq!(
            (twice.message.as_str(), twice.position),
            ("the key `a` is there twice", Some(Position { line: 3, column: 1 }))
        );
        for odd in ["1: a", "? [a]\n: b", "true: a", "~: a", "1.5: a", "-1: a", "? {a: b}\n: c"] {
            assert!(fault(odd).message.starts_with("a key must be a text"), "{odd}: {:?}", fault(odd));
        }
        assert!(fault("a: !secret b").message.contains("tags"));
        assert!(fault("a: 99999999999999999999").message.contains("64 bits"));
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        for deep in ["[".repeat(1 << 20), "{a: ".repeat(10_000), "a: [".repeat(10_000), "- ".repeat(10_000)] {
            let fault = fault(&deep);
            assert!(fault.message.contains("brackets") || fault.message.contains("nested"), "{fault:?}");
        }
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..30 {
            let before = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 9].join(", ")));
        }
        assert!(fault(&bomb).message.contains("aliases"));
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), vec!["*a"; 10_000].join(","));
        assert!(fault(&long).message.contains("aliases"));
    }

    #[test]
    fn windows_line_ends_and_json_are_read() {
        assert_eq!(parse("a: 1\r\nb: [x]\r\n").unwrap(), parse(r#"{"a": 1, "b": ["x"]}"#).unwrap());
    }
}
