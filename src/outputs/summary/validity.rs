//! VALIDITY: one line for a valid run; otherwise each reason with its figure and what to do, and
//! what that means for the thresholds.

use std::time::Duration;

use super::{BAD, GOOD};
use crate::{
    outputs::{
        format,
        report::{Ended, FleetReport, RunReport},
        style::Style,
    },
    slo::validity::{
        Finding, Level,
        reason::Reason,
        run::{RunValidity, StageValidity},
        signals::{Events, Figure, Lag, Signals},
    },
};

const DOUBTFUL: &str = "!";
/// Stages that are listed; the export has all.
const STAGES: usize = 5;
/// Agents of a fleet that are listed for one reason.
const AGENTS: usize = 5;

pub(super) fn lines(report: &RunReport, style: Style) -> Vec<String> {
    let validity = &report.validity;
    let judgement = &validity.judgement;
    let level = judgement.level;
    let head = paint(level, &format!("{} {}", mark(level), level.name()), style);
    if level == Level::Valid {
        let doubtful = validity.stages.iter().filter(|stage| stage.judgement.level > Level::Valid).count();
        let of = validity.stages.len();
        let stages = if doubtful == 0 { String::new() } else { format!("  suspect stages {doubtful} of {of}") };
        return vec![format!("    {head}  {}{}", figures(&validity.signals, style), style.doubtful(&stages))];
    }
    let mut lines = vec![format!("    {head}: {}", meaning(report))];
    lines.extend(reasons(report, style));
    lines.extend(stages(&validity.stages, style));
    lines
}

pub(super) fn mark(level: Level) -> &'static str {
    match level {
        Level::Valid => GOOD,
        Level::Suspect => DOUBTFUL,
        Level::Invalid => BAD,
    }
}

pub(super) fn paint(level: Level, text: &str, style: Style) -> String {
    match level {
        Level::Valid => style.good(text),
        Level::Suspect => style.doubtful(text),
        Level::Invalid => style.bad(text),
    }
}

/// The few figures that say most; whatever is not available is left out.
fn figures(signals: &Signals, style: Style) -> String {
    let lag = |name: &str, lag: Option<Lag>| Some(format!("{name} p99={}", style.value(&time(lag?.p99))));
    let share = |name: &str, share: Option<f64>| Some(format!("{name} {}", style.value(&format::percent(share?))));
    let figures = [
        lag("send lag", signals.send_lag),
        lag("read lag", signals.read_lag),
        lag("start lag", signals.start_lag),
        lag("loop lag", signals.loop_lag),
        share("cpu wait", signals.run_queue),
        share("throttled", signals.throttled.map(|throttled| throttled.periods)),
    ];
    figures.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

fn meaning(report: &RunReport) -> String {
    let judgement = &report.validity.judgement;
    let meaning = judgement.meaning().unwrap_or_default();
    let verdict = match judgement.level {
        Level::Valid | Level::Suspect => "",
        Level::Invalid if report.thresholds.is_empty() => "",
        // The exit code tells what stopped the run, and nothing of thresholds.
        Level::Invalid if !matches!(report.ended, Ended::Completed | Ended::Aborted) => "",
        Level::Invalid if !report.invalid_fails => "; thresholds are judged regardless",
        Level::Invalid if report.verdict.passed() => "; that thresholds passed is no verdict",
        Level::Invalid => "; that thresholds were crossed is no verdict",
    };
    format!("{meaning}{verdict}")
}

/// Each reason in one sentence, without colours and advice.
pub(in crate::outputs) fn sentences(validity: &RunValidity, fleet: Option<&FleetReport>) -> Vec<String> {
    let findings = validity.judgement.findings.iter();
    let told = findings.map(|finding| {
        let sentence = sentence(finding, &validity.signals, fleet, Style::new(false));
        format!("{}: {sentence}", place(finding))
    });
    told.collect()
}

/// The reason with the agent and the stage it was found in.
fn place(finding: &Finding) -> String {
    let agent = finding.agent.map_or_else(String::new, |agent| format!(" of agent {agent}"));
    let within = finding.within.map_or_else(String::new, |(from, to)| format!(", from {} to {}", time(from), time(to)));
    format!("{}{agent}{within}", finding.reason.name())
}

/// Each reason, the first of those with the same remedy followed by it.
fn reasons(report: &RunReport, style: Style) -> Vec<String> {
    let mut told = Vec::new();
    let mut lines = Vec::new();
    let findings = &report.validity.judgement.findings;
    for (index, finding) in findings.iter().enumerate() {
        let before = findings.iter().take(index).filter(|known| known.reason == finding.reason).count();
        if before >= AGENTS {
            let last = findings.get(index + 1).is_none_or(|next| next.reason != finding.reason);
            if last {
                lines.push(format!("      and {} agents more", before + 1 - AGENTS));
            }
            continue;
        }
        let mark = paint(finding.level, mark(finding.level), style);
        let sentence = sentence(finding, &report.validity.signals, report.fleet.as_ref(), style);
        lines.push(format!("      {mark} {}: {sentence}", place(finding)));
        let advice = finding.reason.advice();
        if !told.contains(&advice) {
            told.push(advice);
            lines.push(format!("        ↳  {}", style.faint_value(advice)));
        }
    }
    lines
}

fn sentence(finding: &Finding, signals: &Signals, fleet: Option<&FleetReport>, style: Style) -> String {
    let text = |figure| match figure {
        Figure::Time(value) => time(value),
        Figure::Share(share) => format::percent(share),
        Figure::Count(count) => count.to_string(),
    };
    let (measured, limit) = (style.value(&text(finding.measured)), text(finding.limit));
    let plural = if finding.measured == Figure::Count(1) { "" } else { "s" };
    let largest = |events: Option<Events>| {
        // The largest of a fleet may be another agent's.
        events
            .filter(|_| finding.agent.is_none())
            .map_or_else(String::new, |events| format!(", the largest of {}", time(events.largest)))
    };
    match finding.reason {
        Reason::SendLag => format!("p99={measured} from the intended to the actual send, more than {limit}"),
        Reason::ReadLag => format!("p99={measured} from a message's arrival to its read, more than {limit}"),
        Reason::StartLag => format!("p99={measured} from a slot to the begin of its iteration, more than {limit}"),
        Reason::LoopLag => format!("p99={measured} late, more than {limit}"),
        Reason::RunQueue => format!("workers waited for a core {measured} of the time, more than {limit}"),
        Reason::CpuPressure => format!("something waited for a core {measured} of the time, more than {limit}"),
        Reason::Throttled => format!("the CPU quota was used up in {measured} of its periods, more than {limit}"),
        Reason::DroppedSlots => format!("{measured} iteration{plural} came too late to be started"),
        Reason::FdLimit => format!("{measured} of connections and requests failed: no file was free"),
        Reason::NoLocalPort => format!("{measured} of connections and requests failed: no local port was free"),
        Reason::NoMemory => {
            format!("{measured} of connections and requests failed: the kernel was out of memory or buffers")
        }
        Reason::ClockGap => format!("{measured} standstill{plural} of the process{}", largest(signals.clock_gaps)),
        Reason::ClockStep => format!("{measured} step{plural} of the wall clock{}", largest(signals.clock_steps)),
        Reason::SamplesDropped => format!("{measured} sample{plural} missing from the JSON output"),
        Reason::WorkerLost => format!("{measured} worker{plural} lost with the last counts"),
        Reason::AgentLost => loss(finding, fleet),
    }
}

fn loss(finding: &Finding, fleet: Option<&FleetReport>) -> String {
    let there = fleet.and_then(|fleet| fleet.agents.iter().find(|agent| Some(agent.index) == finding.agent));
    match there {
        Some(agent) => format!("ended early ({}) after {}", agent.ended.name(), time(agent.elapsed)),
        None => "no result of it is there".to_owned(),
    }
}

/// Stages that are worse than valid, if the run has more than one.
fn stages(stages: &[StageValidity], style: Style) -> Vec<String> {
    if stages.len() < 2 {
        return Vec::new();
    }
    let doubtful: Vec<_> = stages.iter().filter(|stage| stage.judgement.level > Level::Valid).collect();
    let mut lines: Vec<_> = doubtful.iter().take(STAGES).map(|stage| stage_line(stage, style)).collect();
    if doubtful.len() > STAGES {
        lines.push(format!("      and {} stages more", doubtful.len() - STAGES));
    }
    lines
}

fn stage_line(stage: &StageValidity, style: Style) -> String {
    let level = stage.judgement.level;
    let reasons: Vec<_> = stage.judgement.findings.iter().map(|finding| finding.reason.name()).collect();
    let name = paint(level, level.name(), style);
    format!("      from {} to {}: {name} ({})", time(stage.from), time(stage.to), reasons.join(", "))
}

fn time(time: Duration) -> String {
    format::duration(time.as_nanos() as f64 / 1e6)
}
