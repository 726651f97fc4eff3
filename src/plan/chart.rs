//! The curves of planned VUs and rates as small text pictures.

use std::{fmt::Write as _, time::Duration};

use crate::{
    plan::{Plan, work::Work},
    units::duration,
};

/// Eighths of a cell, from empty to full.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Shown of a run that has no end.
const A_WHILE: Duration = Duration::from_secs(60);
/// Parts of an iteration per second that are still told apart.
const PRECISION: f64 = 1000.0;

/// Draws `columns` × `rows` cells of what is planned over time, with axes: VUs, or the rate of
/// iterations, or one below the other if there are both.
#[must_use]
pub fn draw(plan: &Plan, columns: u32, rows: u32) -> String {
    let whole = plan.duration();
    let total = match plan.foreseeable() {
        Some(foreseeable) => foreseeable,
        None if plan.is_endless() => A_WHILE,
        None => whole,
    };
    let edge = |column: u32| total.mul_f64(f64::from(column) / f64::from(columns));
    let spans: Vec<_> = (0..columns).map(|column| (edge(column), edge(column + 1))).collect();
    let end = format!("{}{}", duration::display(total), if total < whole { " …" } else { "" });
    let mut text = String::new();
    if plan.has_arrivals() {
        let rates: Vec<_> =
            spans.iter().map(|(from, to)| (plan.peak_rate_between(*from, *to) * PRECISION).round() as u64).collect();
        text.push_str("iterations per second\n");
        curve(&mut text, &rates, rows, &end, |top| {
            let rate = format!("{:.3}", top as f64 / PRECISION);
            rate.trim_end_matches('0').trim_end_matches('.').to_owned()
        });
        if plan.scenarios.iter().all(|scenario| matches!(scenario.work, Work::Arrivals { .. })) {
            return text;
        }
        text.push_str("VUs\n");
    }
    let vus: Vec<_> = spans.iter().map(|(from, to)| u64::from(plan.peak_between(*from, *to))).collect();
    curve(&mut text, &vus, rows, &end, |top| top.to_string());
    text
}

fn curve(text: &mut String, samples: &[u64], rows: u32, end: &str, label: impl Fn(u64) -> String) {
    let top = samples.iter().copied().max().unwrap_or(0).max(1);
    let highest = label(top);
    let margin = highest.len().max(3);
    for row in (0..rows).rev() {
        let label = if row + 1 == rows { highest.as_str() } else { "" };
        let _infallible = write!(text, "{label:>margin$} ┤");
        let line: String = samples.iter().map(|value| cell(*value, top, row, rows)).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let width = samples.len();
    let _infallible = writeln!(text, "{:>margin$} └{}", 0, "─".repeat(width));
    let rest = width.saturating_sub(2);
    let _infallible = writeln!(text, "{:>margin$}  0s{end:>rest$}", "");
}

fn cell(value: u64, top: u64, row: u32, rows: u32) -> char {
    let eighths = (u128::from(value) * u128::from(rows) * 8 / u128::from(top)) as u64;
    let filled = eighths.saturating_sub(u64::from(row) * 8).min(8) as usize;
    // What there is is never drawn as nothing.
    if filled == 0 && row == 0 && value > 0 { BARS[1] } else { BARS[filled] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

    fn plan(stages: &str) -> Plan {
        let text = format!("stages: {stages}\nflow: [ {{ sleep: 1s }} ]");
        let source = Source::from_bytes("test.yaml", text.into_bytes()).unwrap();
        Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap())
    }

    #[test]
    fn rates_and_vus_have_a_curve_each() {
        let text = "scenarios:
  rates: { executor: ramping-arrival-rate, timeUnit: 1m, preAllocatedVUs: 2, stages: [{ duration: 20s, target: 150 }, { duration: 0, target: 30 }, { duration: 10s, target: 30 }] }
  live: { executor: externally-controlled, vus: 3, maxVUs: 5, duration: 0 }
flow: [{ sleep: 1s }]";
        let source = Source::from_bytes("test.yaml", text.as_bytes().to_vec()).unwrap();
        let plan = Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap());
        insta::assert_snapshot!(draw(&plan, 40, 4));
    }

    #[test]
    fn the_peak_between_two_columns_is_on_the_axis() {
        let seed = plan("[ {duration: 30s, target: 100}, {duration: 1m, target: 2000}, {duration: 1m, target: 0} ]");
        insta::assert_snapshot!(draw(&seed, 40, 5));
    }
}
