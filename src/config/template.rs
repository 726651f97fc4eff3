//! `{{ … }}` in texts. A template is compiled once when the profile is read: names become places
//! in [`Values`], texts are encoded for where they stand. Rendering appends to a buffer that the
//! caller reuses and allocates nothing; a template without placeholders is only copied.

mod draws;
pub mod encoding;
mod placeholder;
pub mod variables;

use std::fmt::Write;

pub use draws::Draws;
pub use placeholder::{Column, Error, Placeholder, placeholder_names};

use crate::config::{
    data::rows::Rows,
    template::{
        encoding::Encoding,
        variables::{Form, Variables},
    },
};

/// What placeholders stand for at one moment of one VU.
#[derive(Debug, Default)]
pub struct Values {
    /// The VU's number, from 1.
    pub vu: u64,
    /// The iteration's number within the VU, from 0.
    pub iteration: u64,
    /// The round of the innermost `repeat`, from 0; 0 outside of one.
    pub index: u64,
    /// Number of the message within the VU, from 0.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// What the iteration has captured and set.
    pub variables: Variables,
    /// The iteration's rows of data files.
    pub rows: Rows,
    /// What `uuid` and `random` draw from.
    pub draws: Draws,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Value {
        placeholder: Placeholder,
        encoding: Encoding,
        /// As typed between the braces, for messages.
        name: Box<str>,
    },
}

/// A compiled text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// Why a template cannot be rendered now. Names the placeholder, never a value.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum RenderError<'t> {
    /// Nothing has been captured or set under the name in this iteration.
    #[error("`{{{{ {0} }}}}` has no value")]
    Missing(&'t str),
    /// What `set` would give the name is above [`variables::LARGEST_VALUE`].
    #[error("the value of `{{{{ {0} }}}}` is larger than 64 KiB")]
    TooLarge(&'t str),
    /// A line break or another control character where it would end the header or the request line.
    #[error("`{{{{ {0} }}}}` has a control character")]
    Control(&'t str),
}

impl Template {
    /// Compiles `text`, which may use the placeholders that need no profile; `\{{` stands for a literal `{{`.
    ///
    /// # Errors
    /// Says which placeholder is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::compile(text, &mut |_| Ok(None))
    }

    /// The same; `resolve` knows further placeholders by what stands between the braces.
    ///
    /// # Errors
    /// Says which placeholder is wrong.
    pub fn compile(
        text: &str,
        resolve: &mut dyn FnMut(&str) -> Result<Option<Placeholder>, Error>,
    ) -> Result<Self, Error> {
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
            let placeholder = match placeholder::built_in(name)? {
                Some(placeholder) => placeholder,
                None => resolve(name)?.ok_or_else(|| Error::Unknown { name: name.to_owned() })?,
            };
            template.pieces.push(Piece::Value { placeholder, encoding: Encoding::Plain, name: name.into() });
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

    /// Appends another template, its texts encoded now and its values when they are rendered.
    /// [`Encoding::Plain`] changes nothing: what is encoded already stays.
    pub fn push(&mut self, other: Self, encoding: Encoding) {
        for piece in other.pieces {
            match piece {
                Piece::Literal(text) => self.push_literal(&encoding.literal(&text)),
                Piece::Value { placeholder, encoding: own, name } => {
                    let encoding = if encoding == Encoding::Plain { own } else { encoding };
                    self.pieces.push(Piece::Value { placeholder, encoding, name });
                }
            }
        }
    }

    /// The template, encoded.
    #[must_use]
    pub fn encoded(self, encoding: Encoding) -> Self {
        let mut template = Self::default();
        template.push(self, encoding);
        template
    }

    /// Whether the template is one placeholder alone; in JSON its value then keeps its type.
    #[must_use]
    pub fn is_lone_placeholder(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Value { .. }])
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

    /// Whether a literal part has `char` in it.
    #[must_use]
    pub fn has_literal(&self, char: char) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains(char)))
    }

    /// Whether the template ends with a literal that ends with one of `chars`.
    #[must_use]
    pub fn ends_with(&self, chars: &[char]) -> bool {
        matches!(self.pieces.last(), Some(Piece::Literal(text)) if text.ends_with(chars))
    }

    /// Appends the text to `out`, a buffer that cannot refuse (`String`, `BytesMut`).
    ///
    /// # Errors
    /// A placeholder without a value, or with one that must not stand there; `out` has a part then.
    pub fn render(&self, values: &Values, out: &mut impl Write) -> Result<(), RenderError<'_>> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => {
                    let _infallible = out.write_str(text);
                }
                Piece::Value { placeholder, encoding, name } => {
                    placeholder.render(values, *encoding, out).map_err(|fault| fault.of(name))?;
                }
            }
        }
        Ok(())
    }

    /// The form that the rendered text has: JSON for a lone number, or for a lone value that was JSON.
    #[must_use]
    pub fn form(&self, values: &Values) -> Form {
        match self.pieces.as_slice() {
            [Piece::Value { placeholder, .. }] => placeholder.form(values),
            _ => Form::Text,
        }
    }

    /// The first placeholder without a value at this moment.
    ///
    /// # Errors
    /// [`RenderError::Missing`].
    pub fn is_complete(&self, values: &Values) -> Result<(), RenderError<'_>> {
        for piece in &self.pieces {
            if let Piece::Value { placeholder, name, .. } = piece
                && placeholder.is_missing(values)
            {
                return Err(RenderError::Missing(name));
            }
        }
        Ok(())
    }

    /// The template with its placeholders as typed, for messages.
    #[must_use]
    pub fn source(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Value { name, .. } => {
                    let _infallible = write!(text, "{{{{ {name} }}}}");
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
