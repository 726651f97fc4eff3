//! Rows of data files and which of them an iteration has.

mod csv;
mod json;
pub mod rows;
pub mod table;

use std::{io, sync::Arc};

use crate::config::{
    access::Readable,
    data::{
        rows::{Order, WhenExhausted},
        table::{Builder, Table},
    },
};

/// Largest file, in bytes.
pub const LARGEST: u64 = 1 << 30;

/// A data file of a profile.
#[derive(Debug, Clone)]
pub struct Data {
    /// Name in placeholders.
    pub name: String,
    /// Which row an iteration has.
    pub order: Order,
    /// What comes after the last row.
    pub when_exhausted: WhenExhausted,
    /// The rows; shared by all workers.
    pub table: Arc<Table>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a line of column names; fields are separated by this byte.
    Csv(u8),
    /// A list of maps.
    Json,
}

/// Why a file cannot be used. Says where, never what stands there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system's.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A directory, or something stranger.
    #[error("it is no file")]
    NoFile,
    /// More than [`LARGEST`].
    #[error("the file is larger than 1 GiB")]
    TooLarge,
    /// No line of names, or nothing below it.
    #[error("the file has no rows")]
    Empty,
    /// Two columns of one name.
    #[error("the column `{0}` is there twice")]
    Twice(String),
    /// A row with another number of fields than there are names.
    #[error("line {line} has {found} fields, there are {expected} columns")]
    Fields {
        /// From 1.
        line: u64,
        /// In this row.
        found: u64,
        /// Names in the first line.
        expected: u64,
    },
    /// A text that is not UTF-8.
    #[error("line {0} is not UTF-8")]
    Utf8(u64),
    /// Not a list of maps.
    #[error("no JSON list of maps, from line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Maps that have few keys in common: each row has a cell for each column.
    #[error("{rows} rows of {columns} different keys make more cells than the file has bytes")]
    Sparse {
        /// Maps.
        rows: u64,
        /// Keys over all of them.
        columns: u64,
    },
    /// Room for row numbers ends at 2^32.
    #[error("more than 4,294,967,295 rows")]
    Rows,
}

/// Reads a file.
///
/// # Errors
/// See [`enum@Error`].
pub(crate) fn read(file: &Readable, format: Format) -> Result<Table, Error> {
    let metadata = file.metadata()?;
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(Error::NoFile);
    }
    let table = parse(io::Read::take(file.open()?, LARGEST + 1), metadata.len(), format)?;
    if table.rows() == 0 { Err(Error::Empty) } else { Ok(table) }
}

/// `size` is what `reader` will probably yield.
fn parse(reader: impl io::Read, size: u64, format: Format) -> Result<Table, Error> {
    if size > LARGEST {
        return Err(Error::TooLarge);
    }
    let builder = Builder::new(size as usize);
    match format {
        Format::Csv(separator) => csv::parse(reader, separator, builder),
        Format::Json => json::parse(reader, builder),
    }
}

#[cfg(test)]
mod tests;
