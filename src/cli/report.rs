//! `rampd report RECORD`

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;

use crate::{
    cli::console::{self, refuse},
    exit::Exit,
    outputs::{
        html,
        record::{self, LARGEST, RunRecord},
    },
};

/// Which record, and where the report goes.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// File that `rampd run --record FILE` has written
    #[arg(value_name = "RECORD")]
    pub record: PathBuf,
    /// Where the report goes, `-` for standard output; by default beside the record, with the ending .html
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No file, or none that may be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Of the system.
        source: std::io::Error,
    },
    /// Something else is in it.
    #[error("{path}: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: record::Error,
    },
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let record = match read(&args.record) {
        Ok(record) => record,
        Err(error) => return refuse(Exit::BadConfiguration, &error),
    };
    let report = html::report(&record);
    let path = args.output.clone().unwrap_or_else(|| args.record.with_extension("html"));
    if path.as_os_str() == "-" {
        console::print(&report);
        return Exit::Passed;
    }
    match std::fs::write(&path, report) {
        Ok(()) => Exit::Passed,
        Err(error) => refuse(
            Exit::Failed,
            &format!("cannot write {}: {error}; choose another path in --output FILE", path.display()),
        ),
    }
}

/// Reads a record.
///
/// # Errors
/// See [`enum@Error`].
pub fn read(path: &Path) -> Result<RunRecord, Error> {
    let mut bytes = Vec::new();
    // A byte more than the largest, so that the reader refuses what is larger.
    let read = File::open(path).and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|source| Error::Read { path: path.to_owned(), source })?;
    record::read(&bytes).map_err(|source| Error::Record { path: path.to_owned(), source })
}
