//! VALIDITY: one line for a valid run; otherwise each reason with its figure and what to do, and
//! what that means for the thresholds.

use std::time::Duration;

use super::{BAD, GOOD};
use crate::{
    exit::Exit,
    outputs::{format, report::RunReport, style::Style},
    slo::validity::{
        Finding, Level,
        reason::Reason,
        run::StageValidity,
        signals::{Figure, Lag, Signals},
    },
};

const DOUBTFUL: &str = "!";
/// Stages that are listed; the export has all.
const STAGES: usize = 5;

pub(super) fn lines(report: &RunReport, style: Style) -> Vec<String> {
    let validity = &report.validity;
    let judgement = &validity.judgement;
    let mut lines = vec![match judgement.level {
        Level::Valid => format!("    {}  {}", style.good(&format!("{GOOD} valid")), figures(&validity.signals, style)),
        level => {
            format!("    {}: {}", paint(level, &format!("{} {}", mark(level), level.name()), style), meaning(report))
        }
    }];
    lines.extend(judgement.findings.iter().flat_map(|finding| reason(finding, &validity.signals, style)));
    lines.extend(stages(&validity.stages, style));
    lines
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Valid => GOOD,
        Level::Suspect => DOUBTFUL,
        Level::Invalid => BAD,
    }
}

fn paint(level: Level, text: &str, style: Style) -> String {
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
        lag("loop lag", signals.loop_lag),
        share("cpu wait", signals.run_queue),
        share("throttled", signals.throttled.map(|throttled| throttled.periods)),
    ];
    figures.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

fn meaning(report: &RunReport) -> String {
    let what = match report.validity.judgement.level {
        Level::Invalid => "the generator was the limit; the figures below are its own, not the target's",
        Level::Valid | Level::Suspect => "some figures below may hold the generator's own delay",
    };
    let crossed = !report.verdict.passed();
    let verdict = match report.validity.judgement.level {
        Level::Invalid if report.thresholds.is_empty() => "",
        Level::Invalid if report.exit_code == Exit::RunInvalid.code() => {
            if crossed {
                "; crossed thresholds are no verdict"
            } else {
                "; passed thresholds are no verdict"
            }
        }
        Level::Invalid => "; thresholds are judged regardless",
        Level::Valid | Level::Suspect => "",
    };
    format!("{what}{verdict}")
}

fn reason(finding: &Finding, signals: &Signals, style: Style) -> Vec<String> {
    let mark = paint(finding.level, mark(finding.level), style);
    let within = finding.within.map_or_else(String::new, |(from, to)| format!(" from {} to {}", time(from), time(to)));
    vec![
        format!("      {mark} {}: {}{within}", finding.reason.name(), sentence(finding, signals, style)),
        format!("        ↳  {}", style.faint_value(finding.reason.advice())),
    ]
}

fn sentence(finding: &Finding, signals: &Signals, style: Style) -> String {
    let text = |figure| match figure {
        Figure::Time(value) => time(value),
        Figure::Share(share) => format::percent(share),
        Figure::Count(count) => count.to_string(),
    };
    let (measured, limit) = (style.value(&text(finding.measured)), text(finding.limit));
    let plural = if finding.measured == Figure::Count(1) { "" } else { "s" };
    let longest = |events: Option<crate::slo::validity::signals::Events>| {
        events.map_or_else(String::new, |events| format!(", the longest of {}", time(events.largest)))
    };
    match finding.reason {
        Reason::SendLag => format!("p99={measured} from the intended to the actual send, more than {limit}"),
        Reason::ReadLag => format!("p99={measured} from a message's arrival to its read, more than {limit}"),
        Reason::LoopLag => format!("p99={measured} late, more than {limit}"),
        Reason::RunQueue => format!("workers waited for a core {measured} of the time, more than {limit}"),
        Reason::CpuPressure => format!("something waited for a core {measured} of the time, more than {limit}"),
        Reason::Throttled => format!("the CPU quota was used up in {measured} of its periods, more than {limit}"),
        Reason::DroppedSlots => format!("{measured} iteration{plural} could not be started"),
        Reason::ClockGap => format!("{measured} standstill{plural} of the process{}", longest(signals.clock_gaps)),
        Reason::ClockStep => format!("{measured} step{plural} of the wall clock{}", longest(signals.clock_steps)),
        Reason::SamplesDropped => format!("{measured} sample{plural} missing from the JSON output"),
        Reason::WorkerLost => format!("{measured} worker{plural} lost with the last counts"),
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
