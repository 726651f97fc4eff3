//! A comparison for the terminal.

use crate::outputs::{
    comparison::{Comparison, Judgement, Row, Side},
    format,
    style::Style,
};

/// Between columns.
const GAP: &str = "  ";

/// Warnings, runs, rows and the method, framed by empty lines; every line ends with a line break.
#[must_use]
pub fn render(comparison: &Comparison, style: Style) -> String {
    let mut lines = vec![String::new(), format!("  █ {}", style.bold("RUNS")), String::new()];
    for (word, sides) in [("base", &comparison.base), ("with", &comparison.with)] {
        lines.extend(sides.iter().map(|side| format!("    {word}  {}", of_side(side, style))));
    }
    if !comparison.warnings.is_empty() {
        lines.extend([String::new(), format!("  █ {}", style.bold("WARNINGS")), String::new()]);
        lines.extend(comparison.warnings.iter().map(|warning| format!("    {} {warning}", style.doubtful("!"))));
    }
    lines.extend([String::new(), format!("  █ {}", style.bold("COMPARISON")), String::new()]);
    lines.extend(rows(&comparison.rows, style));
    lines.push(String::new());
    lines.extend(wrapped(&comparison.method).map(|line| format!("    {}", style.faint(&line))));
    lines.push(String::new());
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn of_side(side: &Side, style: Style) -> String {
    let validity = match side.validity.as_str() {
        "valid" => style.good(&side.validity),
        "suspect" => style.doubtful(&side.validity),
        _ => style.bad(&side.validity),
    };
    let verdict = if side.verdict == "passed" { style.good(&side.verdict) } else { style.bad(&side.verdict) };
    format!("{}  {verdict}, {validity}", side.testid)
}

fn rows(rows: &[Row], style: Style) -> Vec<String> {
    let head = ["", "base", "with", "change", "95 % of the difference", ""].map(str::to_owned);
    let texts: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(texts)).collect();
    let width = |column: usize| texts.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or_default()).collect();
    let line = |texts: &[String; 6], judgement: Option<Judgement>| {
        let cells = texts.iter().zip(&widths).enumerate().map(|(column, (text, width))| match (column, judgement) {
            (0, _) => format!("{text:<width$}"),
            (5, Some(Judgement::Better)) => style.good(text),
            (5, Some(Judgement::Worse)) => style.bad(text),
            (5, Some(Judgement::Different)) => style.doubtful(text),
            (5, _) => style.faint(text),
            _ => format!("{text:>width$}"),
        });
        format!("    {}", cells.collect::<Vec<_>>().join(GAP))
    };
    let judgements = std::iter::once(None).chain(rows.iter().map(|row| Some(row.judgement)));
    texts.iter().zip(judgements).map(|(texts, judgement)| line(texts, judgement)).collect()
}

fn texts(row: &Row) -> [String; 6] {
    let interval = row
        .interval
        .map_or_else(String::new, |[low, high]| format!("{} … {}", difference(row, low), difference(row, high)));
    [
        format!("{} {}", row.metric, statistic(row)),
        value(row, row.base),
        value(row, row.with),
        change(row),
        interval,
        row.judgement.word().to_owned(),
    ]
}

/// The name of a row's value; nothing where there is only one.
#[must_use]
pub fn statistic(row: &Row) -> &str {
    match row.kind.as_str() {
        "trend" => &row.statistic,
        _ => "",
    }
}

/// A value of a row.
#[must_use]
pub fn value(row: &Row, value: f64) -> String {
    let text = match (row.kind.as_str(), row.unit.as_str()) {
        ("rate", _) => format::percent(value),
        (_, "ms") => format::duration(value),
        (_, "bytes") => format::bytes(value),
        _ => short(value),
    };
    if matches!(row.kind.as_str(), "counter" | "failure") { format!("{text}/s") } else { text }
}

/// A difference of a row, with its sign.
#[must_use]
pub fn difference(row: &Row, difference: f64) -> String {
    signed(difference, &value(row, difference.abs()), &value(row, 0.0))
}

/// The change as a share of the base.
#[must_use]
pub fn change(row: &Row) -> String {
    match row.change {
        Some(change) => signed(change, &format!("{:.1}%", change.abs() * 100.0), "0.0%"),
        None if row.with == row.base => "0.0%".to_owned(),
        None => "new".to_owned(),
    }
}

/// What is rounded to `nothing` has no sign.
fn signed(value: f64, text: &str, nothing: &str) -> String {
    match text {
        text if text == nothing => text.to_owned(),
        text if value < 0.0 => format!("−{text}"),
        text => format!("+{text}"),
    }
}

/// Three digits that count, all before the point, and at most four behind it.
fn short(value: f64) -> String {
    if value.abs() < 5e-5 {
        return "0".to_owned();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    format!("{value:.*}", usize::try_from(digits).unwrap_or_default().min(4))
}

/// In lines of 96 letters.
fn wrapped(text: &str) -> impl Iterator<Item = String> {
    const WIDTH: usize = 96;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter()
}
