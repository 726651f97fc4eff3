//! Rows with dotted leaders and aligned columns. Widths are those of all rows of a table, so that
//! the values of every section stand below each other.

use crate::outputs::style::Style;

const INDENT: &str = "    ";

/// A line of a table.
#[derive(Debug)]
pub(super) struct Row {
    /// The metric's name, or `  { tag:value }`.
    pub(super) name: String,
    pub(super) cells: Cells,
}

#[derive(Debug)]
pub(super) enum Cells {
    /// `avg=1ms min=…`: columns with their names.
    Trend(Vec<(String, String)>),
    /// A value, and what explains it.
    Value(String, Vec<String>),
    /// A remark instead of values; takes part in no alignment.
    Text(&'static str),
}

/// Rows to lines: the longest name has three dots, the others more.
#[derive(Debug)]
pub(super) struct Layout {
    name: usize,
    value: usize,
    extras: Vec<usize>,
    columns: Vec<usize>,
}

impl Layout {
    pub(super) fn of<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Self {
        let mut layout = Self { name: 0, value: 0, extras: Vec::new(), columns: Vec::new() };
        for row in rows {
            layout.name = layout.name.max(width(&row.name));
            match &row.cells {
                Cells::Trend(columns) => widen(&mut layout.columns, columns.iter().map(|(_, value)| width(value))),
                Cells::Value(value, extras) => {
                    layout.value = layout.value.max(width(value));
                    widen(&mut layout.extras, extras.iter().map(|extra| width(extra)));
                }
                Cells::Text(_) => {}
            }
        }
        layout
    }

    pub(super) fn line(&self, row: &Row, style: Style) -> String {
        let dots = ".".repeat(self.name - width(&row.name) + 3);
        let mut line = format!("{INDENT}{}{}", row.name, style.faint(&format!("{dots}:")));
        match &row.cells {
            Cells::Trend(columns) => {
                for ((name, value), width) in columns.iter().zip(&self.columns) {
                    line.push_str(&format!(" {name}={}", padded(value, *width, |text| style.value(text))));
                }
            }
            Cells::Value(value, extras) => {
                line.push_str(&format!(" {}", padded(value, self.value, |text| style.value(text))));
                // One remark stands free, as k6 has it; several are columns.
                let columns = if extras.len() > 1 { self.extras.as_slice() } else { &[0] };
                for (extra, width) in extras.iter().zip(columns) {
                    line.push_str(&format!(" {}", padded(extra, *width, |text| style.faint_value(text))));
                }
            }
            Cells::Text(text) => line.push_str(&format!(" {}", style.faint_value(text))),
        }
        line
    }
}

fn widen(widths: &mut Vec<usize>, of_row: impl Iterator<Item = usize>) {
    for (index, width) in of_row.enumerate() {
        match widths.get_mut(index) {
            Some(widest) => *widest = width.max(*widest),
            None => widths.push(width),
        }
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Pads after painting: escape codes have no width.
fn padded(text: &str, to: usize, paint: impl Fn(&str) -> String) -> String {
    format!("{}{}", paint(text), " ".repeat(to.saturating_sub(width(text))))
}
