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

/// Writes them.
///
/// # Errors
/// One of them cannot be written.
pub fn write(report: RunReport, options: &Options) -> Result<(), Error> {
    if let Some(path) = &options.verdict_file {
        let written = verdict_note::write(path, &verdict_note::text(&report));
        written.map_err(|source| Error::OutcomeLost { option: VERDICT, path: path.clone(), source })?;
    }
    if let Some(path) = &options.result {
        let result = AgentResult {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: options.digest.clone(),
            index: 0,
            of: 1,
            report,
        };
        let written = std::fs::write(path, result::encode(&result));
        written.map_err(|source| Error::OutcomeLost { option: RESULT, path: path.clone(), source })?;
    }
    Ok(())
}
