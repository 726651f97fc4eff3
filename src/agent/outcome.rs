//! Files that others go on with after the run: its result for a merge, its verdict for Kubernetes.

use std::fs::File;

use crate::{
    agent::{error::Error, options::Options},
    fleet::result::{self, AgentResult},
    outputs::{report::RunReport, verdict_note},
};

const RESULT: &str = "--result";
const VERDICT: &str = "--verdict-file";

/// Finds out before the load whether they can be written. A result is empty until then, and `rampd merge` says so.
///
/// # Errors
/// One of them cannot be written.
pub fn claim(options: &Options) -> Result<(), Error> {
    if let Some(path) = &options.result {
        File::create(path).map_err(|source| Error::Outcome { option: RESULT, path: path.clone(), source })?;
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

/// Writes how the run ended.
///
/// # Errors
/// It cannot be written.
pub fn write_verdict(report: &RunReport, options: &Options) -> Result<(), Error> {
    let Some(path) = &options.verdict_file else { return Ok(()) };
    let written = verdict_note::write(path, &verdict_note::text(report));
    written.map_err(|source| Error::OutcomeLost { option: VERDICT, path: path.clone(), source })
}
