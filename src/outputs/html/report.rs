//! The report of a run: the verdict first, then what it rests on, then everything else.

mod distributions;
mod metrics;
mod thresholds;

use maud::{Markup, html};

use crate::outputs::{
    chart, format,
    html::{
        document::{document, facts, figures},
        values,
    },
    record::RunRecord,
};

/// A run as one file.
#[must_use]
pub fn report(record: &RunRecord) -> String {
    let (percentiles, unreadable) = distributions::charts(record);
    let body = html! {
        header {
            h1 { (record.profile) }
            p class="soft" { (record.testid) }
        }
        (verdict(record))
        (validity(record))
        (facts(&of_run(record)))
        @if !record.thresholds.is_empty() {
            h2 { "Thresholds" }
            (thresholds::table(record))
        }
        h2 { "Over time" }
        (figures(&chart::of_record(record)))
        @if !percentiles.is_empty() {
            h2 { "All percentiles" }
            (figures(&percentiles))
        }
        h2 { "Failures" }
        (failures(record))
        h2 { "Metrics" }
        (metrics::tables(record))
        @let notes: Vec<_> = record.notes.iter().chain(&unreadable).collect();
        @if !notes.is_empty() {
            h2 { "Notes" }
            ul class="plain" { @for note in notes { li { (note) } } }
        }
        h2 { "Machine" }
        (facts(&of_machine(record)))
        @if let Some(text) = &record.profile_text {
            details open { summary { "Profile" } pre { (text) } }
        }
        footer { p class="soft" { "rampd " (record.version) ", digest of the profile " (record.digest) } }
    };
    document(&format!("{} – {}", record.testid, verdict_word(record).0), &body)
}

/// The word, its class and what it means.
fn verdict_word(record: &RunRecord) -> (&'static str, &'static str, String) {
    let crossed = record.thresholds.iter().filter(|threshold| threshold.passed == Some(false)).count();
    let all = record.thresholds.len();
    match record.verdict.as_str() {
        _ if !matches!(record.ended.as_str(), "completed" | "aborted" | "interrupted" | "stopped") => {
            ("Failed", "bad", "the run has no verdict".to_owned())
        }
        "invalid" => {
            ("Invalid", "warn", "the generator was the limit: the figures say little about the target".to_owned())
        }
        "passed" if !matches!(record.ended.as_str(), "completed" | "aborted") => {
            ("Incomplete", "warn", format!("{} of {all} thresholds held until the run was ended", all - crossed))
        }
        "passed" if all == 0 => ("No thresholds", "", "the profile has no thresholds to pass".to_owned()),
        "passed" => ("Passed", "good", format!("{} of {all} thresholds hold", all - crossed)),
        _ => ("Failed", "bad", format!("{crossed} of {all} thresholds crossed")),
    }
}

fn verdict(record: &RunRecord) -> Markup {
    let (word, class, meaning) = verdict_word(record);
    let how = match record.ended.as_str() {
        "completed" => None,
        "aborted" => Some("ended early by a threshold with abortOnFail"),
        "interrupted" => Some("interrupted by a signal"),
        "stopped" => Some("stopped by request"),
        _ => Some("the agent failed"),
    };
    html! {
        section class={ "verdict " (class) } aria-label="Verdict" {
            strong { (word) }
            span { (meaning) }
            @if let Some(how) = how {
                span { (how) " after " (format::duration(record.elapsed_seconds * 1e3)) }
            }
            span class="soft" { "exit code " (record.exit_code) }
        }
    }
}

fn validity(record: &RunRecord) -> Markup {
    let (class, meaning) = match record.validity.level.as_str() {
        "valid" => ("good", "the figures are the target's"),
        "suspect" => ("warn", "the generator may have had its share in the figures"),
        _ => ("bad", "the generator was the limit"),
    };
    html! {
        p {
            "Validity: " strong class=(class) { (record.validity.level) } ", " (meaning) "."
        }
        @if !record.validity.reasons.is_empty() {
            ul class="plain" { @for reason in &record.validity.reasons { li { (reason) } } }
        }
    }
}

fn of_run(record: &RunRecord) -> Vec<(&'static str, String)> {
    let plan =
        if record.plan_seconds > 0.0 { format::duration(record.plan_seconds * 1e3) } else { "no end".to_owned() };
    let mut facts = vec![
        ("Started", values::instant(&record.started_at)),
        ("Ended", values::instant(&record.ended_at)),
        ("Lasted", format::duration(record.elapsed_seconds * 1e3)),
        ("Planned", plan),
    ];
    if record.agents != 1 {
        facts.push(("Agents", record.agents.to_string()));
    }
    if !record.tags.is_empty() {
        let tags: Vec<_> = record.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        facts.push(("Tags", tags.join(", ")));
    }
    facts
}

fn of_machine(record: &RunRecord) -> Vec<(&'static str, String)> {
    let machine = &record.machine;
    let mut facts = vec![("Host", machine.host.clone())];
    facts.extend(machine.cpu.clone().map(|cpu| ("CPU", cpu)));
    facts.extend([("Cores", machine.cores.to_string()), ("Workers", machine.workers.to_string())]);
    facts.extend(machine.memory_bytes.map(|bytes| ("Memory", format::bytes(bytes as f64))));
    facts.extend([("Kernel", machine.kernel.clone()), ("Open files", values::whole(machine.files as f64))]);
    facts
}

fn failures(record: &RunRecord) -> Markup {
    if record.failures.is_empty() {
        return html! { p { "Nothing failed." } };
    }
    html! {
        div class="scroll" tabindex="0" {
            table {
                thead { tr { th scope="col" { "What" } th scope="col" { "Reason" } th scope="col" class="number" { "Count" } } }
                tbody {
                    @for failure in &record.failures {
                        tr {
                            th scope="row" { (failure.what) }
                            td { (failure.reason) }
                            td class="number" { (values::whole(failure.count as f64)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
