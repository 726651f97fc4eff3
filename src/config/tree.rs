//! A parsed text before anything is known about its meaning. Unlike the YAML library's own value
//! type it knows which texts hold substituted variables, and building one is bounded: aliases
//! that would expand to gigabytes end in an error.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt,
};

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use crate::config::problem::shown;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
    /// A text whose variables could not be filled in. That is reported; nothing more is said about it.
    Unresolved,
}

/// A number as typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    Negative(i64),
    Float(f64),
}

/// A text, perhaps with variables filled in. Then it may hold a secret and is in no message and no `Debug` text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The text to use.
    pub(crate) value: String,
    /// What was typed, if variables were filled in.
    pub(crate) typed: Option<String>,
    /// Whether a variable of a request is among them, even by way of another one.
    pub(crate) requested: bool,
}

impl Text {
    /// Without variables.
    pub(crate) fn literal(value: impl Into<String>) -> Self {
        Self { value: value.into(), typed: None, requested: false }
    }

    /// As typed, for messages.
    pub(crate) fn typed(&self) -> &str {
        self.typed.as_deref().unwrap_or(&self.value)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.typed(), formatter)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Unsigned(number) => number.fmt(formatter),
            Number::Negative(number) => number.fmt(formatter),
            // Debug writes 1e300 where Display writes 301 digits.
            Number::Float(number) => write!(formatter, "{number:?}"),
        }
    }
}

impl Number {
    /// The nearest float.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Number::Unsigned(number) => number as f64,
            Number::Negative(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

impl Tree {
    /// What was found, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Tree::Null | Tree::Unresolved => "nothing".to_owned(),
            Tree::Bool(flag) => format!("`{flag}`"),
            Tree::Number(number) => format!("the number {number}"),
            Tree::Text(text) => format!("the text `{}`", shown(text.typed())),
            Tree::List(_) => "a list".to_owned(),
            Tree::Map(_) => "a map".to_owned(),
        }
    }
}

/// Most that a tree may cost: 4 per node and 1 per byte of text. Without aliases that is less than
/// 5 times the file (`{a,b,…}`: 9 for every 2 bytes), so that only aliases reach 16 times.
fn budget(text: &str) -> usize {
    (16 << 10) + 16 * text.len()
}

/// Says what is wrong and what to do; the library's errors have room for one text only.
pub(crate) type Said = (String, Option<String>);

/// Builds a tree; keeps what is wrong in `said`.
pub(crate) struct Builder {
    left: Cell<usize>,
    said: RefCell<Option<Said>>,
}

impl Builder {
    /// For one text.
    pub(crate) fn new(text: &str) -> Self {
        Self { left: Cell::new(budget(text)), said: RefCell::new(None) }
    }

    /// What was wrong, if it was not the library that noticed.
    pub(crate) fn said(&self) -> Option<Said> {
        self.said.take()
    }

    fn refuse<E: Error>(&self, message: String, hint: &str) -> E {
        let error = E::custom(&message);
        self.said.replace(Some((message, Some(hint.to_owned()))));
        error
    }

    fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(4 + bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.refuse(
                "aliases make this profile more than 16 times larger".to_owned(),
                "use fewer aliases (`*name`)",
            )),
        }
    }

    fn too_large<E: Error>(&self) -> E {
        self.refuse("a number that does not fit in 64 bits".to_owned(), "put it in quotes to make it a text")
    }
}

impl<'de> DeserializeSeed<'de> for &Builder {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Builder {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        self.spend(0).map(|()| Tree::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Tree, E> {
        self.spend(0).map(|()| Tree::Bool(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree, E> {
        self.spend(0).map(|()| Tree::Number(Number::Unsigned(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree, E> {
        self.spend(0).map(|()| Tree::Number(Number::Negative(number)))
    }

    fn visit_u128<E: Error>(self, _number: u128) -> Result<Tree, E> {
        Err(self.too_large())
    }

    fn visit_i128<E: Error>(self, _number: i128) -> Result<Tree, E> {
        Err(self.too_large())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        self.spend(0).map(|()| Tree::Number(Number::Float(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        self.spend(text.len()).map(|()| Tree::Text(Text::literal(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        self.spend(0)?;
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        self.spend(0)?;
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key_seed(Key { builder: self, known: &keys })? {
            let value = map.next_value_seed(self)?;
            keys.insert(key.clone());
            entries.push((key, value));
        }
        Ok(Tree::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<Tree, A::Error> {
        Err(self.refuse(
            "YAML tags (`!name`) mean nothing here".to_owned(),
            "remove the tag, or quote a text that begins with `!`",
        ))
    }
}

/// A map's key: a text that is not there yet. Failing here makes the error point at the key.
struct Key<'b> {
    builder: &'b Builder,
    known: &'b HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Key<'_> {
    fn no_text<E: Error>(&self, found: &str) -> E {
        self.builder.refuse(format!("a key must be a text, found {found}"), "put the key in quotes")
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text as key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        self.builder.spend(key.len())?;
        if self.known.contains(key) {
            return Err(self
                .builder
                .refuse(format!("the key `{}` is there twice", shown(key)), "remove one of the two"));
        }
        Ok(key.to_owned())
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Err(self.no_text("nothing"))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<String, E> {
        Err(self.no_text(&format!("`{flag}`")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Err(self.no_text(&format!("the number {number}")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Err(self.no_text(&format!("the number {number}")))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Err(self.no_text(&format!("the number {number}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _list: A) -> Result<String, A::Error> {
        Err(self.no_text("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> Result<String, A::Error> {
        Err(self.no_text("a map"))
    }
}
