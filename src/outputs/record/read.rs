//! A record as a file: written in one piece, read with messages for people.

use std::io;

use serde::Deserialize;

use crate::outputs::record::{FORMAT, RunRecord};

/// Largest file, in bytes. A run of config/quantum-ws.yaml has 200 KB, one with twenty trends over a day some megabytes.
pub const LARGEST: usize = 64 << 20;

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As it is from the start of a run to its end.
    #[error("this record is empty: its run has not ended, or was killed")]
    Empty,
    /// See [`LARGEST`].
    #[error("this record is larger than {} MiB, which no run's is", LARGEST >> 20)]
    TooLarge,
    /// Something else.
    #[error("this is no record of a run; `rampd run --record FILE` writes one")]
    NotARecord,
    /// The end is missing.
    #[error("this record is cut off: {0}; copy it again")]
    Truncated(serde_json::Error),
    /// Of a later version.
    #[error(
        "this record has format {theirs}, and this rampd reads up to {FORMAT}; read it with rampd {version} or newer"
    )]
    Newer {
        /// Its format.
        theirs: u32,
        /// Of rampd that wrote it.
        version: String,
    },
    /// Changed by someone.
    #[error("this record is damaged: {0}; copy it again")]
    Damaged(serde_json::Error),
}

/// What every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
    version: String,
    #[serde(rename = "testid")]
    _testid: String,
}

/// Reads a record.
///
/// # Errors
/// See [`enum@Error`].
pub fn read(bytes: &[u8]) -> Result<RunRecord, Error> {
    if bytes.trim_ascii().is_empty() {
        return Err(Error::Empty);
    }
    if bytes.len() > LARGEST {
        return Err(Error::TooLarge);
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|error| {
        // A file that begins as ours and ends too early is one of ours.
        if error.is_eof() && bytes.trim_ascii_start().starts_with(b"{\"format\":") {
            Error::Truncated(error)
        } else {
            Error::NotARecord
        }
    })?;
    if head.format > FORMAT {
        return Err(Error::Newer { theirs: head.format, version: head.version });
    }
    serde_json::from_slice(bytes).map_err(Error::Damaged)
}

/// Writes a record.
///
/// # Errors
/// What `target` says.
pub fn write(record: &RunRecord, mut target: impl io::Write) -> io::Result<()> {
    serde_json::to_writer(&mut target, record)?;
    target.write_all(b"\n")?;
    target.flush()
}
