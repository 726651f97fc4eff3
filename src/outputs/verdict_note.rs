//! `--verdict-file FILE`: the verdict as one short text, for those who read a pod's end and not its log: Kubernetes shows
//! what is in `/dev/termination-log`.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use crate::{
    outputs::{
        report::{Ended, Part, RunReport},
        summary::thresholds::value_text,
    },
    slo::validity::{Finding, Level, reason::Reason},
};

/// Kubernetes takes so many bytes of a termination message.
pub const LONGEST: usize = 4_096;
/// Agents that are named for one reason.
const AGENTS: usize = 20;
const CUT: &str = "…\n";

/// The verdict, crossed thresholds with what was measured, and why the run is not valid. At most [`LONGEST`] bytes.
#[must_use]
pub fn text(report: &RunReport) -> String {
    if let Some(Part { index, of, has_leader }) = report.part {
        let judge = if has_leader { "agent 0 has the verdict" } else { "`rampd merge` makes the verdict" };
        let notes: String = report.notes.iter().map(|note| format!("{note}\n")).collect();
        let ended = report.ended.name();
        return cut(&format!(
            "{ended}: agent {index} of {of}, its part of the run (testid {}, exit code {}); {judge}\n{notes}",
            report.testid, report.exit_code
        ));
    }
    let crossed: Vec<_> = report.judged().filter(|(_, evaluation)| !evaluation.passed).collect();
    let mut lines = vec![format!(
        "{}: {} (testid {}, exit code {})",
        word(report),
        match (report.thresholds.len(), crossed.len()) {
            (0, _) => "no thresholds".to_owned(),
            (all, 0) => format!("all {all} thresholds passed"),
            (all, some) => format!("{some} of {all} thresholds crossed"),
        },
        report.testid,
        report.exit_code
    )];
    for (threshold, evaluation) in crossed {
        let measured = evaluation.value.map_or_else(|| "no samples".to_owned(), |value| value_text(threshold, value));
        lines.push(format!("{}: '{}' measured {measured}", threshold.name, threshold.source));
    }
    let judgement = &report.validity.judgement;
    if let Some(message) = judgement.message() {
        lines.push(message);
    }
    lines.extend(of_agents(&judgement.findings));
    cut(&lines.into_iter().map(|line| format!("{line}\n")).collect::<String>())
}

/// Which agents of a fleet each reason is of.
fn of_agents(findings: &[Finding]) -> Vec<String> {
    let mut agents: BTreeMap<(Reason, Level), Vec<u32>> = BTreeMap::new();
    for finding in findings {
        if let Some(agent) = finding.agent {
            agents.entry((finding.reason, finding.level)).or_default().push(agent);
        }
    }
    let line = |((reason, level), agents): ((Reason, Level), Vec<u32>)| {
        let named: Vec<_> = agents.iter().take(AGENTS).map(u32::to_string).collect();
        let more = match agents.len().saturating_sub(AGENTS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let plural = if agents.len() == 1 { "" } else { "s" };
        format!("{}: {} of agent{plural} {}{more}", level.name(), reason.name(), named.join(", "))
    };
    agents.into_iter().map(line).collect()
}

fn word(report: &RunReport) -> &'static str {
    match report.ended {
        Ended::Interrupted | Ended::Stopped | Ended::Failed => report.ended.name(),
        _ if report.invalid_fails && report.validity.judgement.level == Level::Invalid => Level::Invalid.name(),
        Ended::Aborted => "crossed",
        Ended::Completed if report.verdict.passed() => "passed",
        Ended::Completed => "crossed",
    }
}

/// The text's first [`LONGEST`] bytes, whole characters, and a mark if there were more.
#[must_use]
pub fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST - CUT.len()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{CUT}", &text[..end])
}

/// Opens the file as it is, to find out before the run whether it can be written.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    // In place: `/dev/termination-log` is a mount, which nothing can be renamed onto.
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// Replaces what is in the file.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = open(path)?;
    // A pipe or a terminal has no length.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(cut(text).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::fixture;

    #[test]
    fn the_verdict_comes_first_then_what_was_crossed_then_validity() {
        let mut report = fixture::report();
        report.validity = fixture::validity(&[fixture::calm(), fixture::troubled()]);
        insta::assert_snapshot!(text(&report));
        report.invalid_fails = false;
        assert!(text(&report).starts_with("crossed: 4 of 11 thresholds crossed"), "{}", text(&report));
    }

    #[test]
    fn a_run_without_thresholds_has_a_verdict_too() {
        assert_eq!(text(&fixture::empty_report()), "passed: no thresholds (testid t1, exit code 0)\n");
        let report = RunReport { ended: Ended::Interrupted, exit_code: 105, ..fixture::empty_report() };
        assert!(text(&report).starts_with("interrupted: no thresholds (testid t1, exit code 105)"));
    }

    #[test]
    fn agents_are_named_by_reason() {
        let validity = fixture::validity(&[crate::slo::validity::signals::Signals {
            clock_gaps: fixture::troubled().clock_gaps,
            ..fixture::calm()
        }]);
        let mut findings: Vec<_> =
            (0..22).map(|agent| Finding { agent: Some(agent), ..validity.judgement.findings[0] }).collect();
        assert_eq!(of_agents(&findings[3..4]), ["suspect: clock_gap of agent 3"]);
        findings[7].level = Level::Invalid;
        let said = of_agents(&findings);
        assert_eq!(said[1], "invalid: clock_gap of agent 7");
        assert!(said[0].starts_with("suspect: clock_gap of agents 0, 1, 2") && said[0].ends_with("20 and 1 more"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = cut(&"é".repeat(LONGEST));
        assert!(long.len() <= LONGEST && long.len() > LONGEST - 8 && long.ends_with("é…\n"));
        assert_eq!(cut(&"a".repeat(LONGEST)).len(), LONGEST);
    }

    #[test]
    fn an_earlier_text_is_replaced_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("note");
        let link = directory.path().join("link");
        write(&path, "a long text from before").unwrap();
        std::fs::hard_link(&path, &link).unwrap();
        open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "a long text from before");
        write(&path, "short").unwrap();
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "short");
        assert!(write(directory.path(), "x").is_err());
    }
}
