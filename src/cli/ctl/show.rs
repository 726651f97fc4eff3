//! What a daemon says, as text in columns.

use std::{fmt::Write as _, time::Duration};

use crate::{
    agent::{
        api::status::Status,
        daemon::desk::{DaemonStatus, HistoryPage, RunEntry},
    },
    outputs::{
        record::RunRecord,
        run_status::{Phase, RunStatus, ThresholdStatus},
    },
    units::duration,
};

/// As people say it.
pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Running => "running",
        Phase::Paused => "paused",
        Phase::Stopping => "stopping",
        Phase::Finished => "finished",
    }
}

pub(super) fn status(status: &Status) -> String {
    let Status { daemon, run } = status;
    let mut text = match run {
        Some(run) => about(run),
        None => "no run yet\n".to_owned(),
    };
    if let Some(problem) = &daemon.config_problem {
        text += &format!("\nthe configuration could not be read anew: {problem}\n");
    }
    if !daemon.queue.is_empty() {
        text += "\nwaiting\n";
        text += &table(
            daemon.queue.iter().map(|run| [run.id.clone(), run.profile.clone(), format!("since {}", run.since)]),
        );
    }
    if !daemon.profiles.is_empty() {
        text += "\nprofiles\n";
        text += &profiles(daemon);
    }
    text
}

fn about(run: &RunStatus) -> String {
    let mut text = format!("{} {}", run.id, phase(run.phase));
    if let Some(verdict) = &run.verdict {
        text += &format!(", {verdict}");
    }
    text += "\n";
    let mut rows = vec![["  elapsed".to_owned(), times(run)]];
    let point = &run.latest;
    rows.push(["  VUs".to_owned(), format!("{} of {} planned", point.vus, point.planned_vus)]);
    rows.push(["  connections".to_owned(), format!("{} open, {} connecting", point.open, point.connecting)]);
    rows.push([
        "  each second".to_owned(),
        format!(
            "{} sent, {} received, {} requests, {} iterations, {} dropped",
            rate(point.sent),
            rate(point.received),
            rate(point.requests),
            rate(point.iterations),
            rate(point.dropped)
        ),
    ]);
    rows.extend(point.trends.iter().map(|(name, trend)| {
        [format!("  {name}"), format!("p50 {} ms, p99 {} ms, max {} ms", ms(trend.p50), ms(trend.p99), ms(trend.max))]
    }));
    rows.extend(
        point.failures.iter().map(|(name, failed)| [format!("  {name}"), format!("{} a second", rate(*failed))]),
    );
    let reasons =
        if run.validity.reasons.is_empty() { String::new() } else { format!(": {}", run.validity.reasons.join("; ")) };
    rows.push(["  validity".to_owned(), format!("{}{reasons}", run.validity.level)]);
    text += &table(rows.into_iter());
    text += &table(run.thresholds.iter().map(threshold));
    for note in &run.notes {
        text += &format!("  {note}\n");
    }
    text
}

fn threshold(threshold: &ThresholdStatus) -> [String; 4] {
    let mark = match threshold.passed {
        Some(true) => "  ✓",
        Some(false) => "  ✗",
        None => "  ·",
    };
    let value = threshold.value.map_or_else(|| "no samples".to_owned(), |value| format!("{value:.2}"));
    [mark.to_owned(), threshold.metric.clone(), threshold.expression.clone(), value]
}

/// One line of a run that is watched.
pub(super) fn line(run: &RunStatus) -> String {
    let crossed = run.thresholds.iter().filter(|threshold| threshold.passed == Some(false)).count();
    let point = &run.latest;
    format!(
        "{}  {}  {}/{} VUs  {} open  {} sent/s  {} received/s  {} requests/s  {crossed} crossed  {}\n",
        times(run),
        phase(run.phase),
        point.vus,
        point.planned_vus,
        point.open,
        rate(point.sent),
        rate(point.received),
        rate(point.requests),
        run.validity.level
    )
}

pub(super) fn history(page: &HistoryPage) -> String {
    if page.runs.is_empty() {
        return "no runs\n".to_owned();
    }
    let mut text = table(page.runs.iter().map(entry));
    if let Some(next) = &page.next {
        text += &format!("older: --before {next}\n");
    }
    text
}

fn entry(run: &RunEntry) -> [String; 5] {
    let took = run.elapsed_seconds.map_or_else(|| "-".to_owned(), seconds);
    let note = run.note.clone().unwrap_or_default();
    [run.id.clone(), run.outcome.clone(), took, run.started_at.clone(), note]
}

/// How a run has ended.
pub(super) fn verdict(record: &RunRecord) -> String {
    let mut text =
        format!("{} {}, {}, after {}\n", record.id, record.ended, record.verdict, seconds(record.elapsed_seconds));
    text += &table(record.thresholds.iter().map(threshold));
    for reason in &record.validity.reasons {
        text += &format!("  {}: {reason}\n", record.validity.level);
    }
    text
}

fn profiles(daemon: &DaemonStatus) -> String {
    table(daemon.profiles.iter().map(|profile| {
        let schedule = profile.schedule.clone().unwrap_or_else(|| "on request".to_owned());
        let next = profile.next_at.as_ref().map_or_else(String::new, |at| format!("next {at}"));
        let last =
            profile.last.as_ref().map_or_else(|| "never ran".to_owned(), |last| format!("last {}", last.outcome));
        [format!("  {}", profile.name), schedule, last, profile.problem.clone().unwrap_or(next)]
    }))
}

fn times(run: &RunStatus) -> String {
    format!("{} of {}", seconds(run.plan_elapsed_seconds), seconds(run.plan_seconds))
}

fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    duration::display(whole).to_string()
}

fn rate(rate: f64) -> String {
    if rate >= 10.0 || rate == 0.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

fn ms(ms: f64) -> String {
    if ms >= 100.0 { format!("{ms:.0}") } else { format!("{ms:.2}") }
}

/// Columns as wide as their widest cell, two spaces apart.
fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // Writing into a String cannot fail.
            let _never = write!(line, "{cell:width$}  ");
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests;
