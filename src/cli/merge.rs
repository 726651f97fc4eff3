//! `rampd merge RESULT…`

use std::{
    fs::File,
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;

use crate::{
    agent::stopping,
    cli::console::{self, refuse},
    exit::Exit,
    fleet::{
        merge::{Fold, MergeError},
        result::{LARGEST, Reader, ResultError},
    },
    outputs::{
        record::{
            self, RunRecord,
            build::{About, Course},
        },
        report::RunReport,
        style::Style,
        summary, summary_export, verdict_note,
    },
};

/// Which results, and where the outcome goes.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Files that `rampd run --result FILE` has written, one of each agent of the run
    #[arg(required = true, value_name = "RESULT")]
    pub results: Vec<PathBuf>,
    /// Write the summary as JSON, as a run does
    #[arg(long, value_name = "FILE")]
    pub summary_export: Option<PathBuf>,
    /// Write the run as one JSON document, as a run does; curves are not in results
    #[arg(long, value_name = "FILE", env = "RAMPD_RECORD")]
    pub record: Option<PathBuf>,
    /// Write the verdict as one short text
    #[arg(long, value_name = "FILE", env = "RAMPD_VERDICT_FILE")]
    pub verdict_file: Option<PathBuf>,
    /// Judge although results of some agents are missing: the run is suspect, and not invalid
    #[arg(long)]
    pub allow_missing: bool,
    /// No summary
    #[arg(long, short)]
    pub quiet: bool,
}

/// Why results cannot be merged, or the outcome not be written.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}")]
    Result { path: PathBuf, source: ResultError },
    #[error("{path}: {source}")]
    Merge { path: PathBuf, source: MergeError },
    #[error(transparent)]
    Finish(#[from] MergeError),
    #[error("cannot write {path}: {source}; choose another path in {option} FILE")]
    Write { path: PathBuf, option: &'static str, source: std::io::Error },
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    match merged(args) {
        Ok(exit) => exit,
        Err(error) => refuse(Exit::BadConfiguration, &error),
    }
}

fn merged(args: &Args) -> Result<Exit, Error> {
    // One at a time: a thousand results take the memory of two.
    let (mut reader, mut fold, mut digest) = (Reader::default(), Fold::default(), String::new());
    for path in &args.results {
        let bytes = bytes(path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let result = reader.read(&bytes).map_err(|source| Error::Result { path: path.clone(), source })?;
        // They are equal, or the next line refuses them.
        digest.clone_from(&result.digest);
        fold.add(result).map_err(|source| Error::Merge { path: path.clone(), source })?;
    }
    let (report, exit) = fold.finish(args.allow_missing, stopping::exit)?;
    if !args.quiet {
        console::print(&summary::render(&report, Style::new(console::colour())));
    }
    if let Some(path) = &args.summary_export {
        export(&report, path).map_err(|source| Error::Write {
            path: path.clone(),
            option: "--summary-export",
            source,
        })?;
    }
    if let Some(path) = &args.record {
        let record = recorded(&report, digest);
        let written = File::create(path).and_then(|file| record::write(&record, BufWriter::new(file)));
        written.map_err(|source| Error::Write { path: path.clone(), option: "--record", source })?;
    }
    if let Some(path) = &args.verdict_file {
        verdict_note::write(path, &verdict_note::text(&report)).map_err(|source| Error::Write {
            path: path.clone(),
            option: "--verdict-file",
            source,
        })?;
    }
    Ok(exit)
}

/// What results tell of a run.
fn recorded(report: &RunReport, digest: String) -> RunRecord {
    let about = About { id: report.testid.clone(), digest, ..About::default() };
    let mut record = record::build(report, about, Course::default());
    record
        .notes
        .push("merged from results, which have no curves, no times of day, no profile and no machine".to_owned());
    record
}

/// A byte more than the largest result at most, so that the reader refuses what is larger.
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn export(report: &RunReport, path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    summary_export::write(report, &mut file)?;
    file.flush()
}
