//! `rampd compare BASE WITH`

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use crate::{
    cli::{
        console::{self, refuse},
        report,
    },
    exit::Exit,
    outputs::{
        comparison::{Comparison, Judgement, Row, compare, table},
        html,
        record::RunRecord,
        style::Style,
    },
};

/// Which runs, and where the outcome goes.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Two files that `rampd run --record FILE` has written: what is compared with, and what is judged
    #[arg(value_name = "RECORD", num_args = 2, required_unless_present_all = ["base", "with"], conflicts_with_all = ["base", "with"])]
    pub records: Vec<PathBuf>,
    /// A run to compare with; several times for several runs
    #[arg(long, value_name = "RECORD", requires = "with")]
    pub base: Vec<PathBuf>,
    /// A run that is judged; several times for several runs
    #[arg(long, value_name = "RECORD", requires = "base")]
    pub with: Vec<PathBuf>,
    /// Write the comparison as one HTML file, with curves
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the comparison as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// End with code 99 if this is found
    #[arg(long, value_name = "WHAT", value_enum)]
    pub fail_on: Option<FailOn>,
    /// What --fail-on overlooks: changes of less than so many percent of the base
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, requires = "fail_on", value_parser = percent)]
    pub tolerance: f64,
    /// No table
    #[arg(long, short)]
    pub quiet: bool,
}

/// What makes a comparison fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A latency or a failure is significantly worse
    Worse,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent =
        text.trim_end_matches('%').parse::<f64>().ok().filter(|percent| percent.is_finite() && *percent >= 0.0);
    percent.ok_or_else(|| format!("`{text}` is no percentage; expected a number from 0, for example 5"))
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let (base, with) = match args.records.as_slice() {
        [base, with] => (vec![base.clone()], vec![with.clone()]),
        _ => (args.base.clone(), args.with.clone()),
    };
    let read = |paths: &[PathBuf]| paths.iter().map(|path| report::read(path)).collect::<Result<Vec<_>, _>>();
    let (base, with) = match read(&base).and_then(|base| Ok((base, read(&with)?))) {
        Ok(sides) => sides,
        Err(error) => return refuse(Exit::BadConfiguration, &error),
    };
    let comparison = compare(&base, &with);
    if !args.quiet {
        console::print(&table::render(&comparison, Style::new(console::colour())));
    }
    if let Err(message) = write(args, &comparison, &base, &with) {
        return refuse(Exit::Failed, &message);
    }
    let is_failed = args.fail_on == Some(FailOn::Worse)
        && comparison.judged(Judgement::Worse).any(|row| !is_tolerated(row, args.tolerance));
    if is_failed { Exit::ThresholdCrossed } else { Exit::Passed }
}

/// A change of nothing to something is not tolerated.
fn is_tolerated(row: &Row, percent: f64) -> bool {
    row.change.is_some_and(|change| change.abs() * 100.0 < percent)
}

fn write(args: &Args, comparison: &Comparison, base: &[RunRecord], with: &[RunRecord]) -> Result<(), String> {
    let file = |path: &Path, option: &str, text: &str| {
        std::fs::write(path, text)
            .map_err(|error| format!("cannot write {}: {error}; choose another path in {option} FILE", path.display()))
    };
    if let Some(path) = &args.html {
        file(path, "--html", &html::comparison(comparison, base, with))?;
    }
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(comparison).map_err(|error| error.to_string())?;
        file(path, "--json", &(json + "\n"))?;
    }
    Ok(())
}
