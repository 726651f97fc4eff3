//! The curve of planned VUs as a small text picture.

use std::fmt::Write as _;

use crate::{plan::Plan, units::duration};

/// Eighths of a cell, from empty to full.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws `columns` × `rows` cells of planned VUs over time, with axes.
#[must_use]
pub fn draw(plan: &Plan, columns: u32, rows: u32) -> String {
    let total = plan.duration();
    let edge = |column: u32| total.mul_f64(f64::from(column) / f64::from(columns));
    let samples: Vec<u32> = (0..columns).map(|column| plan.peak_between(edge(column), edge(column + 1))).collect();
    let top = samples.iter().copied().max().unwrap_or(0).max(1);
    let margin = top.to_string().len().max(3);
    let mut text = String::new();
    for row in (0..rows).rev() {
        let label = if row + 1 == rows { top.to_string() } else { String::new() };
        let _infallible = write!(text, "{label:>margin$} ┤");
        let line: String = samples.iter().map(|vus| cell(*vus, top, row, rows)).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let end = duration::display(total);
    let width = columns as usize;
    let _infallible = writeln!(text, "{:>margin$} └{}", 0, "─".repeat(width));
    let rest = width.saturating_sub(2);
    let _infallible = writeln!(text, "{:>margin$}  0s{end:>rest$}", "");
    text
}

fn cell(vus: u32, top: u32, row: u32, rows: u32) -> char {
    let eighths = u64::from(vus) * u64::from(rows) * 8 / u64::from(top);
    let filled = eighths.saturating_sub(u64::from(row) * 8).min(8) as usize;
    // A VU is never drawn as nothing.
    if filled == 0 && row == 0 && vus > 0 { BARS[1] } else { BARS[filled] }
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
    fn the_peak_between_two_columns_is_on_the_axis() {
        let seed = plan("[ {duration: 30s, target: 100}, {duration: 1m, target: 2000}, {duration: 1m, target: 0} ]");
        insta::assert_snapshot!(draw(&seed, 40, 5));
    }
}
