//! CSV → a table.

use std::io;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use crate::config::{
    data::{
        Error, LARGEST,
        table::{Builder, Table},
    },
    template::variables::Form,
};

/// Room for reads: larger than the library's 8 KiB, for fewer system calls.
const BUFFER: usize = 256 * 1024;

pub(super) fn parse(reader: impl io::Read, separator: u8, mut builder: Builder) -> Result<Table, Error> {
    let mut reader =
        ReaderBuilder::new().delimiter(separator).trim(Trim::Headers).buffer_capacity(BUFFER).from_reader(reader);
    for name in reader.headers().map_err(error)? {
        if builder.columns().iter().any(|known| known == name) {
            return Err(Error::Twice(crate::config::problem::shown(name)));
        }
        builder.add_column(name);
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(error)? {
        builder.begin_row()?;
        record.iter().for_each(|field| builder.add_cell(Some((field, Form::Text))));
    }
    if reader.position().byte() > LARGEST { Err(Error::TooLarge) } else { Ok(builder.finish()) }
}

fn error(error: csv::Error) -> Error {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => Error::Io(error),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::Fields { line, found: len, expected: expected_len }
        }
        // The others are of writing and of types that are not used.
        _ => Error::Utf8(line),
    }
}
