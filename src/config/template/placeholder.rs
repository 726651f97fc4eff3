//! What may stand between the braces, and how it is rendered.

use std::fmt::Write;

use crate::config::template::{
    RenderError, Values,
    encoding::Encoding,
    variables::{Form, Slot},
};

/// Something that a value stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
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
    /// A random UUID (version 4).
    Uuid,
    /// A whole number drawn evenly, both ends included.
    Random {
        /// Lowest.
        min: i64,
        /// Highest, not below `min`.
        max: i64,
    },
    /// What was captured or set under a name.
    Variable(Slot),
    /// A cell of the iteration's row of a data file.
    Data(Column),
}

/// A column of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Place of the file in the profile.
    pub file: u16,
    /// Place of the column in the file.
    pub column: u32,
}

const NAMES: [(&str, Placeholder); 6] = [
    ("vu", Placeholder::Vu),
    ("iteration", Placeholder::Iteration),
    ("index", Placeholder::Index),
    ("seq", Placeholder::Seq),
    ("now_ms", Placeholder::NowMs),
    ("uuid", Placeholder::Uuid),
];
/// Those with something behind their name.
const FORMS: [&str; 1] = ["random(a,b)"];

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
    /// `data.` with a name or a column that is not there.
    #[error("{what}")]
    NoData {
        /// What is missing.
        what: String,
        /// What there is.
        hint: Option<String>,
    },
    /// `random` without two whole numbers in order.
    #[error("`{{{{ {0} }}}}` wants two whole numbers, the lower one first")]
    Random(String),
}

/// Why a value cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Missing,
    Control,
}

impl Fault {
    pub(super) fn of(self, name: &str) -> RenderError<'_> {
        match self {
            Self::Missing => RenderError::Missing(name),
            Self::Control => RenderError::Control(name),
        }
    }
}

/// Names of the placeholders that every profile has, for hints and for the documentation.
#[must_use]
pub fn placeholder_names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).chain(FORMS).collect()
}

/// The placeholder of that name, if every profile has it.
pub(super) fn built_in(name: &str) -> Result<Option<Placeholder>, Error> {
    if let Some((_, placeholder)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(Some(*placeholder));
    }
    let bounds = || name.strip_prefix("random")?.trim_start().strip_prefix('(')?.strip_suffix(')');
    let Some(bounds) = bounds() else { return Ok(None) };
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let read = bounds.split_once(',').and_then(|(min, max)| number(min).zip(number(max)));
    let (min, max) = read.filter(|(min, max)| min <= max).ok_or_else(|| Error::Random(name.to_owned()))?;
    Ok(Some(Placeholder::Random { min, max }))
}

impl Placeholder {
    fn number(self, values: &Values) -> Option<u64> {
        match self {
            Self::Vu => Some(values.vu),
            Self::Iteration => Some(values.iteration),
            Self::Index => Some(values.index),
            Self::Seq => Some(values.seq),
            Self::NowMs => Some(values.now_ms),
            Self::Uuid | Self::Random { .. } | Self::Variable(_) | Self::Data(_) => None,
        }
    }

    /// A captured, set or looked-up value.
    fn stored(self, values: &Values) -> Option<(&str, Form)> {
        match self {
            Self::Variable(slot) => values.variables.get(slot),
            Self::Data(Column { file, column }) => values.rows.get(file.into(), column as usize),
            _ => None,
        }
    }

    pub(super) fn form(self, values: &Values) -> Form {
        match self {
            Self::Uuid => Form::Text,
            Self::Variable(_) | Self::Data(_) => self.stored(values).map_or(Form::Text, |(_, form)| form),
            Self::Vu | Self::Iteration | Self::Index | Self::Seq | Self::NowMs | Self::Random { .. } => Form::Json,
        }
    }

    pub(super) fn is_missing(self, values: &Values) -> bool {
        matches!(self, Self::Variable(_) | Self::Data(_)) && self.stored(values).is_none()
    }

    pub(super) fn render(self, values: &Values, encoding: Encoding, out: &mut impl Write) -> Result<(), Fault> {
        if let Some(number) = self.number(values) {
            // Digits are the same in every encoding.
            let _infallible = out.write_str(itoa::Buffer::new().format(number));
            return Ok(());
        }
        match self {
            Self::Random { min, max } => {
                let _infallible = out.write_str(itoa::Buffer::new().format(values.draws.between(min, max)));
                Ok(())
            }
            Self::Uuid => encoding.write(uuid(values, &mut [0; 36]), Form::Text, out),
            Self::Variable(_) | Self::Data(_) => {
                let (text, form) = self.stored(values).ok_or(Fault::Missing)?;
                encoding.write(text, form, out)
            }
            Self::Vu | Self::Iteration | Self::Index | Self::Seq | Self::NowMs => Ok(()),
        }
    }
}

/// RFC 9562, 5.4.
fn uuid<'b>(values: &Values, text: &'b mut [u8; 36]) -> &'b str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bits = u128::from(values.draws.word()) << 64 | u128::from(values.draws.word());
    let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut shift = 128;
    for (place, byte) in text.iter_mut().enumerate() {
        *byte = if matches!(place, 8 | 13 | 18 | 23) {
            b'-'
        } else {
            shift -= 4;
            DIGITS[(bits >> shift) as usize & 15]
        };
    }
    str::from_utf8(text).unwrap_or_default()
}
