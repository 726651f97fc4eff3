//! Why two sides may not be comparable.

use std::collections::{BTreeMap, BTreeSet};

use crate::outputs::{
    comparison::{blocks::is_steered, rows::compared},
    record::RunRecord,
};

/// Lengths of runs that differ by less are alike.
const LENGTH: f64 = 0.1;

pub(super) fn warnings(base: &[RunRecord], with: &[RunRecord]) -> Vec<String> {
    let all: Vec<&RunRecord> = base.iter().chain(with).collect();
    let mut warnings = Vec::new();
    for run in &all {
        if run.validity.level != "valid" {
            let reasons: String = run.validity.reasons.iter().map(|reason| format!("; {reason}")).collect();
            warnings.push(format!(
                "{} is {}: its figures may be the generator's own{reasons}",
                run.testid, run.validity.level
            ));
        }
        if run.ended != "completed" {
            warnings.push(format!("{} did not run to its end: {}", run.testid, run.ended));
        }
        if is_steered(run) {
            warnings.push(format!(
                "{} had another load than its profile's: {} orders changed it, and it was paused for {:.1} s",
                run.testid, run.orders, run.paused_seconds
            ));
        }
    }
    let mut differ = |what: &str, of: &dyn Fn(&RunRecord) -> String| {
        let values: BTreeSet<String> = all.iter().map(|run| of(run)).collect();
        if values.len() > 1 {
            let values: Vec<_> = values.into_iter().collect();
            warnings.push(format!("{what} differ: {}", values.join(", ")));
        }
    };
    differ("the profiles", &|run| format!("{} ({})", run.profile, run.digest.get(..12).unwrap_or(&run.digest)));
    differ("the versions of rampd", &|run| run.version.clone());
    differ("the machines", &|run| {
        let machine = &run.machine;
        let cpu = machine.cpu.as_deref().unwrap_or("unknown CPU");
        format!("{} ({} cores, {} workers, {cpu}, {})", machine.host, machine.cores, machine.workers, machine.kernel)
    });
    differ("the numbers of agents", &|run| run.agents.to_string());
    let lengths = || all.iter().map(|run| run.elapsed_seconds);
    let (shortest, longest) = (lengths().fold(f64::INFINITY, f64::min), lengths().fold(0.0, f64::max));
    if longest - shortest > LENGTH * longest {
        warnings.push(format!("the lengths of the runs differ: {shortest:.1} s to {longest:.1} s"));
    }
    for (side, runs) in [("base", base), ("with", with)] {
        // Runs of one testid may be of several days, and merged results have no time of day: they differ in their length.
        let ran = |run: &RunRecord| (run.id.clone(), run.started_at.clone(), run.elapsed_seconds.to_bits());
        let different: BTreeSet<_> = runs.iter().map(ran).collect();
        if different.len() < runs.len() {
            warnings.push(format!("the same run is there twice as {side}: that hides the noise between runs"));
        }
    }
    warnings.extend(absent(base, with));
    warnings
}

/// Metrics that not every run has: their rows are of fewer runs, or there is none.
fn absent(base: &[RunRecord], with: &[RunRecord]) -> Vec<String> {
    let having = |side: &[RunRecord], name: &str| {
        side.iter().filter(|run| run.metrics.iter().any(|metric| metric.name == name)).count()
    };
    let mut by_runs = BTreeMap::<(usize, usize), Vec<&str>>::new();
    for metric in compared(base, with) {
        by_runs.entry((having(base, &metric.name), having(with, &metric.name))).or_default().push(&metric.name);
    }
    by_runs.remove(&(base.len(), with.len()));
    let warning = |((of_base, of_with), names): ((usize, usize), Vec<&str>)| {
        let what = if of_base == 0 || of_with == 0 { "not compared" } else { "compared by these" };
        format!(
            "{} came in {of_base} of {} runs of base and {of_with} of {} of with: {what}",
            names.join(", "),
            base.len(),
            with.len()
        )
    };
    by_runs.into_iter().map(warning).collect()
}
