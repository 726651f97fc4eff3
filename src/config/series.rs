//! Which series of a target's page are meant: PromQL's instant selector,
//! `http_requests_total{code=~"5..",path!="/health"}`.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Compiled size of one expression; PromQL has no such limit, but nobody watches a profile compile for minutes.
const LARGEST_EXPRESSION: usize = 1 << 20;

/// A name with conditions on the labels, all of which must hold.
#[derive(Debug, Clone)]
pub struct SeriesSelector {
    name: String,
    matchers: Vec<Matcher>,
    source: String,
}

#[derive(Debug, Clone)]
struct Matcher {
    label: String,
    /// False for `!=` and `!~`.
    positive: bool,
    wanted: Wanted,
}

#[derive(Debug, Clone)]
enum Wanted {
    Text(String),
    Pattern(Regex),
}

/// What is wrong with a selector.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No name at the start.
    #[error("a series begins with its name, found `{0}`")]
    Name(String),
    /// Something else than what should follow.
    #[error("expected {expected} at `{found}`")]
    Syntax {
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A regular expression that cannot be compiled.
    #[error("`{0}` is no regular expression, or too large a one")]
    Pattern(String),
}

impl SeriesSelector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let source = text.trim();
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
        let end = source.find(|char| !is_name(char)).unwrap_or(source.len());
        let (name, rest) = source.split_at(end);
        if name.is_empty() || name.starts_with(|char: char| char.is_ascii_digit()) {
            return Err(Error::Name(source.to_owned()));
        }
        let mut selector = Self { name: name.to_owned(), matchers: Vec::new(), source: source.to_owned() };
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(selector);
        }
        let mut rest = rest
            .strip_prefix('{')
            .ok_or_else(|| syntax("labels such as `{code=\"500\"}` or the end", rest))?
            .trim_start();
        while !rest.starts_with('}') {
            let (matcher, after) = matcher(rest)?;
            selector.matchers.push(matcher);
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if after.starts_with('}') => after,
                None => return Err(syntax("`,` or `}`", after)),
            };
        }
        match rest[1..].trim() {
            "" => Ok(selector),
            more => Err(syntax("the end", more)),
        }
    }

    /// Name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the labels of a series of this name fit; `label` finds a value. As in PromQL a label that is not
    /// there is empty.
    pub fn fits<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.matchers.iter().all(|matcher| {
            let value = label(&matcher.label).unwrap_or_default();
            let found = match &matcher.wanted {
                Wanted::Text(text) => text == value,
                Wanted::Pattern(pattern) => pattern.is_match(value),
            };
            found == matcher.positive
        })
    }
}

impl fmt::Display for SeriesSelector {
    /// As typed, trimmed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)
    }
}

fn syntax(expected: &'static str, found: &str) -> Error {
    Error::Syntax { expected, found: found.to_owned() }
}

/// `code=~"5.."`, and what follows it.
fn matcher(text: &str) -> Result<(Matcher, &str), Error> {
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(text.len());
    let (label, rest) = text.split_at(end);
    if label.is_empty() || label.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(syntax("the name of a label", text));
    }
    let rest = rest.trim_start();
    // The longer ones first: `=` begins `=~`.
    let operators = [("=~", true, true), ("!~", false, true), ("!=", false, false), ("=", true, false)];
    let found = operators.into_iter().find_map(|(symbol, positive, pattern)| {
        rest.strip_prefix(symbol).map(|after| (positive, pattern, after.trim_start()))
    });
    let (positive, is_pattern, rest) = found.ok_or_else(|| syntax("`=`, `!=`, `=~` or `!~`", rest))?;
    let (value, rest) = quoted(rest)?;
    let wanted = if is_pattern { Wanted::Pattern(pattern(&value)?) } else { Wanted::Text(value) };
    Ok((Matcher { label: label.to_owned(), positive, wanted }, rest))
}

/// Anchored at both ends, and `.` is any character, as in Prometheus.
fn pattern(text: &str) -> Result<Regex, Error> {
    let refused = |_| Error::Pattern(text.to_owned());
    // Alone first: `a)(b` would be fine between brackets.
    let build = |text: &str| RegexBuilder::new(text).size_limit(LARGEST_EXPRESSION).build();
    build(text).and_then(|_| build(&format!("^(?s:{text})$"))).map_err(refused)
}

/// A text in quotes without them, and what follows it. In back quotes nothing is escaped.
fn quoted(text: &str) -> Result<(String, &str), Error> {
    let unclosed = || syntax("a text in quotes", text);
    let quote = text.chars().next().filter(|quote| "\"'`".contains(*quote)).ok_or_else(unclosed)?;
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((value, &text[at + 1..])),
            '\\' if quote != '`' => match characters.next().ok_or_else(unclosed)?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                // A pattern's `\d` is written `\\d` in PromQL; a single `\` before anything else is refused there.
                escaped @ ('\\' | '"' | '\'') => value.push(escaped),
                _ => return Err(syntax(r#"`\\`, `\"`, `\n` or `\t`"#, &text[at..])),
            },
            _ => value.push(character),
        }
    }
    Err(unclosed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(selector: &str, labels: &[(&str, &str)]) -> bool {
        let find = |name: &str| labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value);
        SeriesSelector::parse(selector).unwrap().fits(find)
    }

    #[test]
    fn labels_are_matched_as_in_promql() {
        let labels = [("code", "503"), ("path", "/a\"b\\c\nd")];
        for (selector, expected) in [
            ("up", true),
            ("up{}", true),
            (" up { code = \"503\" , } ", true),
            ("up{code!=\"503\"}", false),
            ("up{code=~\"5..\"}", true),
            ("up{code=~\"5.\"}", false),
            ("up{code=~\"0\"}", false),
            ("up{code=~\"4..|5..\",path!=\"/\"}", true),
            ("up{code!~\"4..\"}", true),
            (r#"up{path="/a\"b\\c\nd"}"#, true),
            (r#"up{path=~"/a.*d"}"#, true),
            (r#"up{code=~'\\d+'}"#, true),
            (r"up{code=~`\d+`}", true),
            ("up{absent=\"\"}", true),
            ("up{absent!=\"x\"}", true),
            ("up{absent=~\".+\"}", false),
        ] {
            assert_eq!(fits(selector, &labels), expected, "{selector}");
        }
        assert_eq!(SeriesSelector::parse(" a:b_1{x=\"y\"} ").unwrap().name(), "a:b_1");
        assert_eq!(SeriesSelector::parse(" up {} ").unwrap().to_string(), "up {}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let message = |text: &str| SeriesSelector::parse(text).unwrap_err().to_string();
        let all: Vec<_> = [
            "",
            "5xx",
            "{code=\"5\"}",
            "up up",
            "up{code}",
            "up{code=5}",
            "up{code=\"5}",
            "up{=\"5\"}",
            "up{a=\"b\" c=\"d\"}",
            "up{a=\"b\"} [5m]",
            "up{a=~\"(\"}",
            "up{a=~\"x)(y\"}",
            "up{a=\"\\d\"}",
            "up{a=~\"(((x{900}){900}){900})\"}",
        ]
        .into_iter()
        .map(|text| format!("{text:<30} {}", message(text)))
        .collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z{}=~!\",\\\\'` ]{0,24}|\\PC*") {
            let _outcome = SeriesSelector::parse(&text);
        }

        #[test]
        fn any_value_in_quotes_matches_itself_and_nothing_else(value in "\\PC*", other in "\\PC*") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            let selector = format!("up{{x=\"{escaped}\"}}");
            prop_assert!(fits(&selector, &[("x", &value)]));
            prop_assert_eq!(fits(&selector, &[("x", &other)]), other == value);
            let pattern = format!("up{{x=~`{}`}}", regex::escape(&value));
            if !value.contains('`') {
                prop_assert!(fits(&pattern, &[("x", &value)]));
            }
        }
    }
}
