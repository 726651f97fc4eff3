//! One agent's finished run as bytes: a file for `rampd merge`, and what followers hand to their leader.
//!
//! A line that says what it is, the format's number, then deflated: the run, its table of series, and its counts as
//! `metrics::wire` has them. Thresholds are kept as typed and parsed again. Nothing in it is a secret: no header, no
//! query, no value of a variable but those in tags and names.

use std::{collections::BTreeMap, io::Read as _, sync::Arc};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

mod record;
mod table;

use crate::{
    fleet::result::record::{Contents, Record},
    metrics::{series::SeriesTable, wire},
    outputs::report::RunReport,
};

/// Most agents of a fleet; their counts add up within 64 bits, see [`wire::LARGEST_TOTAL`].
pub const MOST_AGENTS: u32 = 2_000;
/// Largest file, in bytes. A run of config/quantum-ws.yaml has 16 KiB.
pub const LARGEST: usize = 64 << 20;
/// Largest contents, in bytes, when no longer deflated.
const LARGEST_INFLATED: u64 = 192 << 20;
/// What files begin with.
const MAGIC: &[u8] = b"rampd result\n";
/// Grows with every change of what is in a file.
const FORMAT: u8 = 1;

/// See the module.
#[derive(Debug, Clone)]
pub struct AgentResult {
    /// Of rampd.
    pub version: String,
    /// Of the profile as it is meant.
    pub digest: String,
    /// The agent's number, from 0.
    pub index: u32,
    /// How many agents there are; 1 without a fleet.
    pub of: u32,
    /// The run.
    pub report: RunReport,
}

/// Why bytes are no result.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// Something else.
    #[error("this is no result of a run; `rampd run --result FILE` writes one")]
    NotAResult,
    /// Empty, as it is from the start of a run to its end.
    #[error("this result is empty: its run has not ended, or was killed")]
    Empty,
    /// Another version of the format.
    #[error("this result has format {0}, and this rampd reads {FORMAT}; merge it with the version that wrote it")]
    Format(u8),
    /// See [`LARGEST`].
    #[error("this result is larger than {} MiB, which no run is", LARGEST >> 20)]
    TooLarge,
    /// Cut off, or changed.
    #[error("this result is damaged: {0}; copy it again")]
    Damaged(String),
    /// Not from 0 to one below the number of agents, or too many.
    #[error("this result is of agent {index} of {of}; there are 1 to {MOST_AGENTS} agents, numbered from 0")]
    Number {
        /// The agent.
        index: u32,
        /// Of how many.
        of: u32,
    },
    /// Its series, thresholds or metrics are none of this version.
    #[error("this result, of rampd {version}, has {what}; merge it with that version")]
    Unknown {
        /// Which has written it.
        version: String,
        /// What is not known.
        what: String,
    },
    /// Its counts.
    #[error("this result's counts cannot be read: {0}")]
    Counts(#[from] wire::WireError),
}

/// A file's bytes.
#[must_use]
pub fn encode(result: &AgentResult) -> Vec<u8> {
    let report = &result.report;
    let contents = Contents {
        record: Record::of(result),
        table: &table::encode(&report.table),
        counts: &wire::encode(&report.snapshot, &report.table, |_| true),
    };
    let mut bytes = MAGIC.to_vec();
    bytes.push(FORMAT);
    deflated(&contents.encode(), bytes)
}

/// # Panics
/// Never: a vector takes every byte.
#[expect(clippy::expect_used, reason = "a vector takes every byte")]
fn deflated(contents: &[u8], into: Vec<u8>) -> Vec<u8> {
    use std::io::Write as _;
    // Of 61 KB of a run of the seed zlib makes 14.1 KB at level 1 and 12.8 KB at level 6, in five times the time.
    let mut encoder = ZlibEncoder::new(into, Compression::fast());
    encoder.write_all(contents).expect("written to memory");
    encoder.finish().expect("written to memory")
}

/// Reads one file.
///
/// # Errors
/// See [`ResultError`].
pub fn decode(bytes: &[u8]) -> Result<AgentResult, ResultError> {
    Reader::default().read(bytes)
}

/// Reads the files of one fleet. Their tables are equal, so that the first one is kept and read only once.
#[derive(Debug, Default)]
pub struct Reader {
    known: Option<(Vec<u8>, Arc<SeriesTable>)>,
}

impl Reader {
    /// Reads one file.
    ///
    /// # Errors
    /// See [`ResultError`].
    pub fn read(&mut self, bytes: &[u8]) -> Result<AgentResult, ResultError> {
        if bytes.is_empty() {
            return Err(ResultError::Empty);
        }
        if bytes.len() > LARGEST {
            return Err(ResultError::TooLarge);
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(ResultError::NotAResult)?;
        let contents = match rest.split_first() {
            Some((&FORMAT, deflated)) => inflated(deflated, LARGEST_INFLATED)?,
            Some((other, _)) => return Err(ResultError::Format(*other)),
            None => return Err(ResultError::Damaged("it ends after its first line".to_owned())),
        };
        let Contents { record, table, counts } = Contents::decode(&contents)?;
        if record.of == 0 || record.of > MOST_AGENTS || record.index >= record.of {
            return Err(ResultError::Number { index: record.index, of: record.of });
        }
        let unknown = |what| ResultError::Unknown { version: record.version.clone(), what };
        let table = match &self.known {
            Some((known, restored)) if known == table => restored.clone(),
            _ => {
                let restored = Arc::new(table::decode(table).map_err(unknown)?);
                self.known = Some((table.to_vec(), restored.clone()));
                restored
            }
        };
        let snapshot = wire::decode(counts, &table)?;
        let version = record.version.clone();
        record.restore(table, snapshot).map_err(|what| ResultError::Unknown { version, what })
    }
}

fn inflated(deflated: &[u8], largest: u64) -> Result<Vec<u8>, ResultError> {
    let mut contents = Vec::new();
    let mut decoder = ZlibDecoder::new(deflated);
    let read = decoder.by_ref().take(largest + 1).read_to_end(&mut contents);
    read.map_err(|error| ResultError::Damaged(error.to_string()))?;
    if contents.len() as u64 > largest {
        return Err(ResultError::TooLarge);
    }
    if decoder.total_in() != deflated.len() as u64 {
        return Err(ResultError::Damaged("something follows its end".to_owned()));
    }
    Ok(contents)
}

/// Of families by name.
fn families(table: &SeriesTable) -> BTreeMap<&'static str, crate::catalogue::Family> {
    table.families().map(|family| (family.name(), family)).collect()
}

#[cfg(test)]
mod tests;
