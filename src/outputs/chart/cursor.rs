//! What the page's cross-hair reads off a picture: where the plane is, and the values of each line. Between the corners of a
//! plan there are values too (`between`), between measurements there are none.

use serde::Serialize;
use serde_json::{Value, json};

use crate::outputs::chart::{
    axis::Axis,
    ink::Ink,
    plot::{Across, Line, Plot},
};

#[derive(Serialize)]
struct Cursor<'a> {
    /// Left, top, right and bottom of the plane in the picture's units.
    plane: [f64; 4],
    /// `time` or `quantile`.
    x: &'static str,
    from: f64,
    to: f64,
    top: f64,
    unit: &'static str,
    lines: Vec<Value>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    limits: &'a [Value],
}

/// As JSON. Lines at the same places as the line before them do not repeat them.
pub(in crate::outputs::chart) fn json(plot: &Plot, plane: [f64; 4], x: &Axis, y: &Axis) -> String {
    let mut before: Option<&Line> = None;
    let lines = plot.lines.iter().map(|line| {
        let same = before.is_some_and(|before| {
            before.points.len() == line.points.len()
                && before.points.iter().zip(&line.points).all(|((one, _), (other, _))| one == other)
        });
        before = Some(line);
        let values: Vec<_> = line.points.iter().map(|(_, value)| value.map(short)).collect();
        if line.ink == Ink::Plan {
            let places: Vec<_> = line.points.iter().map(|(at, _)| short(*at)).collect();
            // The lines after it have places of their own.
            before = None;
            json!({"name": line.name, "between": true, "x": places, "y": values})
        } else if same {
            json!({"name": line.name, "y": values})
        } else {
            let places: Vec<_> = line.points.iter().map(|(at, _)| short(*at)).collect();
            json!({"name": line.name, "x": places, "y": values})
        }
    });
    let lines = lines.collect();
    let limits: Vec<_> = plot.limits.iter().map(|limit| json!({"name": limit.expression, "y": limit.at})).collect();
    let kind = match plot.across {
        Across::Time(_) => "time",
        Across::Quantiles(_) => "quantile",
    };
    let unit = plot.unit.suffix();
    let cursor = Cursor { plane, x: kind, from: x.from, to: x.to, top: y.to, unit, lines, limits: &limits };
    // Numbers and names only: nothing in it can fail.
    serde_json::to_string(&cursor).unwrap_or_default()
}

/// With five digits that count: more than a screen can show, and half of the bytes. A whole number without `.0`.
fn short(value: f64) -> Value {
    if value == 0.0 || !value.is_finite() {
        return json!(0);
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    let rounded = if digits > 0 {
        let factor = 10f64.powi(digits.min(300));
        (value * factor).round() / factor
    } else {
        value.round()
    };
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 { json!(rounded as i64) } else { json!(rounded) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_five_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (1_234_567.4, "1234567"),
            (12.345_678, "12.346"),
            (-0.000_123_456_7, "-0.00012346"),
        ] {
            assert_eq!(short(value).to_string(), text);
        }
        assert_eq!(short(f64::NAN).to_string(), "0");
    }
}
