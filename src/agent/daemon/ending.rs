//! How a run ended, in the words of the history.

use crate::{
    agent::{daemon::desk::RunEntry, error::Error},
    exit::Exit,
    outputs::{
        record::RunRecord,
        report::{Ended, RunReport},
    },
};

/// Puts a run's end into its entry.
pub fn judge(entry: &mut RunEntry, report: &RunReport, exit: Exit) {
    outcome(report.ended, exit).clone_into(&mut entry.outcome);
    entry.elapsed_seconds = Some(report.elapsed.as_secs_f64());
    entry.exit_code = Some(exit.code());
    let judgement = report.validity.judgement.message().filter(|_| exit == Exit::RunInvalid);
    entry.note = judgement.or_else(|| report.verdict.message()).or_else(|| report.notes.first().cloned());
}

/// Puts into an entry why its run did not happen, or not to its end.
pub fn fail(entry: &mut RunEntry, error: &Error) {
    let exit = error.exit();
    // Stopped before its start, a run has not failed either.
    match exit {
        Exit::Interrupted => "interrupted",
        Exit::StoppedByApi => "stopped",
        _ => "failed",
    }
    .clone_into(&mut entry.outcome);
    entry.exit_code = Some(exit.code());
    entry.note = Some(error.to_string());
}

/// Puts into an entry what its record says.
pub fn fill(entry: &mut RunEntry, record: &RunRecord) {
    entry.outcome = match record.ended.as_str() {
        "completed" | "aborted" => record.verdict.clone(),
        other => other.to_owned(),
    };
    entry.elapsed_seconds = Some(record.elapsed_seconds);
    entry.exit_code = Some(record.exit_code);
    entry.note = record.notes.first().cloned();
}

fn outcome(ended: Ended, exit: Exit) -> &'static str {
    match (ended, exit) {
        (Ended::Stopped, _) => "stopped",
        (Ended::Interrupted, _) => "interrupted",
        (_, Exit::Passed) => "passed",
        (_, Exit::ThresholdCrossed) => "crossed",
        (_, Exit::RunInvalid) => "invalid",
        _ => "failed",
    }
}
