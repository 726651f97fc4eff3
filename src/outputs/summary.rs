//! The summary at the end of a run: VALIDITY, then in the compact form of k6 v2 THRESHOLDS and
//! TOTAL RESULTS by section, then notes.
//!
//! Different on purpose: a rate or trend without samples says `no samples` where k6 prints zeros
//! that nobody measured, failed connects and closes are broken down by reason and code, and lines
//! have no trailing blanks.

mod agents;
mod results;
mod table;
mod target;
pub(in crate::outputs) mod thresholds;
pub(in crate::outputs) mod validity;

use crate::outputs::{
    format,
    report::{Ended, Part, RunReport},
    style::Style,
};

pub(in crate::outputs) use thresholds::value_text;

const GOOD: &str = "✓";
const BAD: &str = "✗";
const NO_SAMPLES: &str = "no samples";

/// The whole summary, framed by empty lines; every line ends with a line break.
#[must_use]
pub fn render(report: &RunReport, style: Style) -> String {
    let mut lines = vec![String::new()];
    title(&mut lines, "VALIDITY", style);
    lines.extend(validity::lines(report, style));
    lines.extend([String::new(), String::new()]);
    if let Some(fleet) = &report.fleet {
        title(&mut lines, "AGENTS", style);
        lines.extend(agents::lines(fleet, style));
        lines.extend([String::new(), String::new()]);
    }
    if !report.thresholds.is_empty() {
        title(&mut lines, "THRESHOLDS", style);
        lines.extend(thresholds::lines(report, style));
        lines.push(String::new());
    }
    title(&mut lines, "TOTAL RESULTS", style);
    lines.extend(results::lines(report, style));
    lines.push(String::new());
    let notes = notes(report);
    if !notes.is_empty() {
        title(&mut lines, "NOTES", style);
        lines.extend(notes.iter().map(|note| format!("    {note}")));
        lines.extend([String::new(), String::new()]);
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn title(lines: &mut Vec<String>, text: &str, style: Style) {
    lines.extend([format!("  █ {}", style.bold(text)), String::new()]);
}

fn notes(report: &RunReport) -> Vec<String> {
    let part = report.part.map(|Part { index, of, has_leader }| {
        let judge = if has_leader { "agent 0 judges it" } else { "`rampd merge` judges it" };
        format!("these are the figures of agent {index} of {of} alone; the whole run is not judged here: {judge}")
    });
    let how = match report.ended {
        Ended::Completed => None,
        Ended::Aborted => Some("stopped early by a threshold with abortOnFail"),
        Ended::Interrupted => Some("interrupted by a signal"),
        Ended::Stopped => Some("stopped through the API"),
        Ended::Failed => Some("the agent failed"),
    };
    let how = how.map(|how| format!("{how} after {}", format::duration(report.elapsed.as_secs_f64() * 1e3)));
    part.into_iter().chain(how).chain(report.notes.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outputs::fixture,
        slo::validity::{run::RunValidity, signals::Signals},
    };

    #[test]
    fn full_summary_of_a_run_with_every_kind_of_line() {
        insta::assert_snapshot!(render(&fixture::report(), Style::new(false)));
    }

    #[test]
    fn colours_only_if_asked_and_never_anything_else() {
        let report = fixture::report();
        let colored = render(&report, Style::new(true));
        assert!(colored.contains("\x1b[32m✓") && colored.contains("\x1b[31m✗"));
        let mut plain = String::new();
        let mut parts = colored.split("\x1b[");
        plain.push_str(parts.next().unwrap());
        parts.for_each(|part| plain.push_str(part.split_once('m').unwrap().1));
        let plain: String = plain.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        assert_eq!(plain, render(&report, Style::new(false)));
    }

    #[test]
    fn a_run_that_is_not_valid_says_why_and_what_to_do() {
        let block = |validity: RunValidity, ended, invalid_fails| {
            let report = RunReport { validity, ended, invalid_fails, ..fixture::report() };
            let summary = render(&report, Style::new(false));
            summary.split("  █ ").nth(1).unwrap_or_default().trim_end().to_owned()
        };
        let (calm, troubled) = (fixture::calm(), fixture::troubled());
        let gap = Signals { clock_gaps: troubled.clock_gaps, ..calm };
        insta::assert_snapshot!(
            [
                block(fixture::validity(&[Signals { run_queue: Some(0.2), ..calm }, calm]), Ended::Completed, true),
                block(fixture::validity(&[calm, gap]), Ended::Completed, true),
                block(fixture::validity(&[troubled, calm]), Ended::Completed, true),
                block(fixture::validity(&[calm, troubled]), Ended::Completed, true),
                block(fixture::validity(&[calm, troubled]), Ended::Aborted, false),
                block(fixture::validity(&[gap; 9]), Ended::Completed, true),
                block(
                    fixture::validity(&[Signals { workers_lost: Some(1), ..Signals::default() }]),
                    Ended::Failed,
                    true
                ),
            ]
            .join("\n\n--------\n\n")
        );
    }

    #[test]
    fn a_run_without_anything_is_still_a_summary() {
        insta::assert_snapshot!(render(&fixture::empty_report(), Style::new(false)));
    }
}
