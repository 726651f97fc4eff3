//! What a value may be, as plain data.

/// A value.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text; a number must be quoted to be one.
    Text,
    /// A text that fits an expression: one that ECMA-262 and RE2 have in common, without looking ahead, for Helm is in Go.
    Pattern(&'static str),
    /// One of these texts.
    Words(&'static [&'static str]),
    /// A text, a number or a boolean.
    Scalar,
    /// `true` or `false`.
    Flag,
    /// A number, or a text that fits an expression.
    Number(&'static str),
    /// A number from and to, and no text.
    Decimal(Option<f64>, Option<f64>),
    /// A whole number from and to.
    Whole(u64, u64),
    /// `1m30s`, or milliseconds.
    Duration,
    /// `1MiB`, or bytes.
    Size,
    /// Nothing: the key alone.
    Nothing,
    /// Whatever JSON has.
    Anything,
    /// At least so many of them.
    List(usize, &'static Shape),
    /// A map by the catalogue's metrics, and others.
    ByMetric(&'static Shape),
    /// A map of at least so many values, with names that fit an expression.
    MapOf(usize, &'static str, &'static Shape),
    /// Names that are none of these and fit an expression, each with a value.
    MapExcept(&'static [&'static str], &'static str, &'static Shape),
    /// A map with known keys, and with names that fit an expression for other values.
    MapWith(&'static Map, &'static str, &'static Shape),
    /// A map with known keys.
    Map(&'static Map),
    /// Any of these; told apart by what kind of value it is.
    OneOf(&'static [Shape]),
}

/// A map with known keys.
#[derive(Debug)]
pub(super) struct Map {
    /// Its name among the schema's definitions.
    pub(super) name: &'static str,
    /// Where docs/profile.md explains its keys.
    pub(super) rows: Rows,
    pub(super) keys: &'static [Key],
    pub(super) rules: &'static [Rule],
}

/// A table of docs/profile.md: the heading above it, and what stands at the head of its first column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) heading: &'static str,
    pub(super) column: &'static str,
}

/// Which keys must or may stand together.
#[derive(Debug)]
pub(super) enum Rule {
    /// Exactly one: a step.
    Step,
    /// At least one of these.
    AnyOf(&'static [&'static str]),
    /// At most one of these.
    Exclusive(&'static [&'static str]),
    /// The first only beside the second.
    Needs(&'static str, &'static str),
    /// More keys by the value of one.
    By(&'static str, &'static [(&'static str, &'static [Key])]),
}

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    /// What it is, where docs/profile.md has no row for it.
    pub(super) about: Option<&'static str>,
    /// Where docs/profile.md explains it, if not beside the others of its map.
    pub(super) rows: Option<Rows>,
}

/// A key with a row in docs/profile.md.
pub(super) const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false, about: None, rows: None }
}

impl Key {
    /// The key must be there.
    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Its row stands in another table than those of its map.
    pub(super) const fn explained(self, heading: &'static str, column: &'static str) -> Self {
        Self { rows: Some(rows(heading, column)), ..self }
    }

    /// What it is, without a row of its own.
    pub(super) const fn about(self, about: &'static str) -> Self {
        Self { about: Some(about), ..self }
    }
}

/// The rows of a table.
pub(super) const fn rows(heading: &'static str, column: &'static str) -> Rows {
    Rows { heading, column }
}
