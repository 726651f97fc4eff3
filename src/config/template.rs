//! `{{ … }}` in texts. A template is compiled once when the profile is read; rendering appends to
//! a buffer that the caller reuses, and a template without placeholders is only copied.

use std::fmt::Write as _;

/// A value that a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// The VU's number, from 1.
    Vu,
    /// The iteration's number within the VU, from 0.
    Iteration,
    /// The round of the innermost `repeat`, from 0; 0 outside of one.
    Index,
    /// Number of the message within the VU, from 0.
    Seq,
    /// Milliseconds since 1970.
    NowMs,
}

const NAMES: [(&str, Variable); 5] = [
    ("vu", Variable::Vu),
    ("iteration", Variable::Iteration),
    ("index", Variable::Index),
    ("seq", Variable::Seq),
    ("now_ms", Variable::NowMs),
];

/// The values at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Values {
    /// See [`Variable::Vu`].
    pub vu: u64,
    /// See [`Variable::Iteration`].
    pub iteration: u64,
    /// See [`Variable::Index`].
    pub index: u64,
    /// See [`Variable::Seq`].
    pub seq: u64,
    /// See [`Variable::NowMs`].
    pub now_ms: u64,
}

impl Values {
    fn get(&self, variable: Variable) -> u64 {
        match variable {
            Variable::Vu => self.vu,
            Variable::Iteration => self.iteration,
            Variable::Index => self.index,
            Variable::Seq => self.seq,
            Variable::NowMs => self.now_ms,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(Variable),
}

/// A compiled text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// Why a text is not a template.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// `{{` without its end.
    #[error("`{{{{` is never closed by `}}}}`")]
    Unclosed,
    /// A placeholder nobody knows.
    #[error("unknown placeholder `{{{{ {name} }}}}`")]
    Unknown {
        /// What stands between the braces.
        name: String,
    },
}

impl Template {
    /// Compiles `text`; `\{{` stands for a literal `{{`.
    ///
    /// # Errors
    /// Says which placeholder is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, after) = rest.split_at(open);
            if let Some(unescaped) = before.strip_suffix('\\') {
                template.push_literal(unescaped);
                template.push_literal("{{");
                rest = &after[2..];
                continue;
            }
            template.push_literal(before);
            let close = after.find("}}").ok_or(Error::Unclosed)?;
            let name = after[2..close].trim();
            let variable = NAMES.iter().find(|(known, _)| *known == name);
            let (_, variable) = variable.ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
            template.pieces.push(Piece::Variable(*variable));
            rest = &after[close + 2..];
        }
        template.push_literal(rest);
        Ok(template)
    }

    /// A template that is `text` to the letter.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let mut template = Self::default();
        template.push_literal(text);
        template
    }

    /// Appends a literal text.
    pub fn push_literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Piece::Literal(last)) = self.pieces.last_mut() {
            last.push_str(text);
        } else {
            self.pieces.push(Piece::Literal(text.to_owned()));
        }
    }

    /// Appends another template, its literals changed by `map`: JSON escaping of the text around the placeholders.
    pub fn push_mapped(&mut self, other: Self, map: impl Fn(&str) -> String) {
        for piece in other.pieces {
            match piece {
                Piece::Literal(text) => self.push_literal(&map(&text)),
                variable @ Piece::Variable(_) => self.pieces.push(variable),
            }
        }
    }

    /// Whether the template is one placeholder alone; in JSON its value then keeps its type.
    #[must_use]
    pub fn is_single_variable(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Variable(_)])
    }

    /// The text, if there is no placeholder.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text to `out`, a buffer that cannot refuse (`String`, `BytesMut`).
    pub fn render(&self, values: &Values, out: &mut impl std::fmt::Write) {
        let mut digits = itoa::Buffer::new();
        for piece in &self.pieces {
            let text = match piece {
                Piece::Literal(text) => text,
                Piece::Variable(variable) => digits.format(values.get(*variable)),
            };
            let _infallible = out.write_str(text);
        }
    }

    /// The template as typed, for messages.
    #[must_use]
    pub fn source(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Variable(variable) => {
                    let name = NAMES.iter().find(|(_, known)| known == variable).map_or("?", |(name, _)| name);
                    let _infallible = write!(text, "{{{{ {name} }}}}");
                }
            }
        }
        text
    }
}

/// Names of all placeholders, for hints.
#[must_use]
pub fn placeholder_names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(text: &str, values: &Values) -> String {
        let mut out = String::new();
        Template::parse(text).unwrap().render(values, &mut out);
        out
    }

    #[test]
    fn placeholders_are_replaced() {
        let values = Values { vu: 7, iteration: 2, index: 99, ..Values::default() };
        assert_eq!(rendered("vu {{ vu }} of {{iteration}}: {{ index }}", &values), "vu 7 of 2: 99");
        assert_eq!(rendered(r"\{{ vu }}", &values), "{{ vu }}");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(Template::parse("{{ vuu }}"), Err(Error::Unknown { name: "vuu".into() }));
        assert_eq!(Template::parse("a {{ vu"), Err(Error::Unclosed));
    }

    #[test]
    fn a_text_without_placeholders_is_constant() {
        assert_eq!(Template::parse("plain").unwrap().constant(), Some("plain"));
        assert_eq!(Template::parse("{{ vu }}").unwrap().constant(), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _outcome = Template::parse(&text);
        }

        #[test]
        fn source_reads_back_to_the_same_template(text in "([a-z ]|\\{\\{ (vu|index|seq) \\}\\}){0,8}") {
            let template = Template::parse(&text).unwrap();
            prop_assert_eq!(Template::parse(&template.source()).unwrap(), template);
        }
    }
}
