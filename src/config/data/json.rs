//! JSON → a table: a list of maps whose keys are the columns. A key that a map does not have is a cell without a value.

use std::{collections::HashMap, fmt, io};

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::{
    data::{
        Error, LARGEST,
        table::{Builder, Table},
    },
    pointer::Raw,
};

/// Cells that any file may make.
const SMALL: u64 = 1 << 20;

pub(super) fn parse(mut reader: impl io::Read, mut builder: Builder) -> Result<Table, Error> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // Twice, because every row has a cell for each column, and the last row may have a new one.
    let mut columns = Columns::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.deserialize_seq(Rows(&mut columns)).and_then(|()| reader.end()).map_err(|error| self::error(&error))?;
    let (rows, names) = (columns.rows, columns.names.len() as u64);
    // A cell without a value is a byte: with fewer cells than bytes the table stays within its bound.
    if rows.saturating_mul(names) > SMALL.max(bytes.len() as u64) {
        return Err(Error::Sparse { rows, columns: names });
    }
    columns.names.iter().for_each(|name| builder.add_column(name));
    let mut cells = Cells { columns: &columns, builder, row: vec![None; columns.names.len()], full: false };
    let read = serde_json::Deserializer::from_slice(bytes).deserialize_seq(Rows(&mut cells));
    if cells.full {
        return Err(Error::Rows);
    }
    read.map_err(|error| self::error(&error))?;
    Ok(cells.builder.finish())
}

/// The library's words may quote a value.
fn error(error: &serde_json::Error) -> Error {
    Error::Json { line: error.line(), column: error.column() }
}

/// Gets the entries of each map.
trait Sink<'d> {
    fn entry(&mut self, key: &str, value: &'d RawValue);
    /// False when there is no room for the row.
    fn end_of_row(&mut self) -> bool;
}

#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
    rows: u64,
}

impl<'d> Sink<'d> for Columns {
    fn entry(&mut self, key: &str, _value: &'d RawValue) {
        if !self.places.contains_key(key) {
            self.places.insert(key.to_owned(), self.names.len());
            self.names.push(key.to_owned());
        }
    }

    fn end_of_row(&mut self) -> bool {
        self.rows += 1;
        true
    }
}

struct Cells<'c, 'd> {
    columns: &'c Columns,
    builder: Builder,
    row: Vec<Option<&'d RawValue>>,
    full: bool,
}

impl<'d> Sink<'d> for Cells<'_, 'd> {
    fn entry(&mut self, key: &str, value: &'d RawValue) {
        if let Some(cell) = self.columns.places.get(key).and_then(|place| self.row.get_mut(*place)) {
            *cell = Some(value);
        }
    }

    fn end_of_row(&mut self) -> bool {
        self.full = self.builder.begin_row().is_err();
        for cell in &mut self.row {
            let raw = cell.take().map(|value| Raw::of(value.get()));
            let added = raw.and_then(|raw| raw.with_any(|text, form| self.builder.add_cell(Some((text, form)))));
            if added.is_none() {
                self.builder.add_cell(None);
            }
        }
        !self.full
    }
}

struct Rows<'s, S>(&'s mut S);

impl<'d, S: Sink<'d>> Visitor<'d> for Rows<'_, S> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of maps")
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

struct Row<'s, S>(&'s mut S);

impl<'d, S: Sink<'d>> DeserializeSeed<'d> for Row<'_, S> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'d, S: Sink<'d>> Visitor<'d> for Row<'_, S> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            self.0.entry(&key, map.next_value()?);
        }
        if self.0.end_of_row() { Ok(()) } else { Err(A::Error::custom("too many rows")) }
    }
}
