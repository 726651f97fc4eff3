//! Files that others go on with after the run: its result for a merge, its verdict for Kubernetes.

use std::{fs::File, io::BufWriter};

use crate::{
    agent::{error::Error, options::Options},
    fleet::result::{self, AgentResult},
    outputs::{
        html,
        record::{self, RunRecord},
        report::RunReport,
        verdict_note,
    },
};

const RESULT: &str = "--result";
const RECORD: &str = "--record";
const REPORT: &str = "--report";
const VERDICT: &str = "--verdict-file";

/// Finds out before the load whether they can be written. A result or a record is empty until then, and who reads it says so.
///
/// # Errors
/// One of them cannot be written.
pub fn claim(options: &Options) -> Result<(), Error> {
    if let Some(path) = &options.result {
        File::create(path).map_err(|source| Error::Outcome { option: RESULT, path: path.clone(), source })?;
    }
    if let Some(path) = &options.record {
        File::create(path).map_err(|source| Error::Outcome { option: RECORD, path: path.clone(), source })?;
    }
    if let Some(path) = &options.report {
        File::create(path).map_err(|source| Error::Outcome { option: REPORT, path: path.clone(), source })?;
    }
    if let Some(path) = &options.verdict_file {
        verdict_note::open(path).map_err(|source| Error::Outcome { option: VERDICT, path: path.clone(), source })?;
    }
    Ok(())
}

/// Writes what this agent alone has counted.
///
/// # Errors
/// It cannot be written.
pub fn write_result(result: &AgentResult, options: &Options) -> Result<(), Error> {
    let Some(path) = &options.result else { return Ok(()) };
    let written = std::fs::write(path, result::encode(result));
    written.map_err(|source| Error::OutcomeLost { option: RESULT, path: path.clone(), source })
}

/// Writes the whole run.
///
/// # Errors
/// It cannot be written.
pub fn write_record(record: &RunRecord, options: &Options) -> Result<(), Error> {
    let Some(path) = &options.record else { return Ok(()) };
    let written = File::create(path).and_then(|file| record::write(record, BufWriter::new(file)));
    written.map_err(|source| Error::OutcomeLost { option: RECORD, path: path.clone(), source })
}

/// Writes the whole run for people.
///
/// # Errors
/// It cannot be written.
pub fn write_report(record: &RunRecord, options: &Options) -> Result<(), Error> {
    let Some(path) = &options.report else { return Ok(()) };
    let written = std::fs::write(path, html::report(record));
    written.map_err(|source| Error::OutcomeLost { option: REPORT, path: path.clone(), source })
}

/// Writes how the run ended.
///
/// # Errors
/// It cannot be written.
pub fn write_verdict(report: &RunReport, options: &Options) -> Result<(), Error> {
    let Some(path) = &options.verdict_file else { return Ok(()) };
    let written = verdict_note::write(path, &verdict_note::text(report));
    written.map_err(|source| Error::OutcomeLost { option: VERDICT, path: path.clone(), source })
}
