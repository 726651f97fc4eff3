//! Why two sides may not be comparable.

use std::collections::BTreeSet;

use crate::outputs::record::RunRecord;

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
        if run.orders > 0 {
            let paused = run.paused_seconds;
            let pauses = if paused > 0.0 { format!(", paused for {paused:.1} s") } else { String::new() };
            warnings.push(format!("{} was changed {} times while it ran{pauses}", run.testid, run.orders));
        }
        if run.ended != "completed" {
            warnings.push(format!("{} did not run to its end: {}", run.testid, run.ended));
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
        let names: BTreeSet<_> = runs.iter().map(|run| (&run.id, &run.started_at)).collect();
        if names.len() < runs.len() {
            warnings.push(format!("the same run is there twice as {side}: that hides the noise between runs"));
        }
    }
    warnings
}
