//! Values of a record as people read them.

use crate::outputs::{format, record::MetricRecord};

/// A value of a metric, by the name of the value: `avg`, `count`, `rate`, `p(99)`…
pub(in crate::outputs::html) fn of_metric(metric: &MetricRecord, name: &str, value: f64) -> String {
    let is_count = matches!(name, "count" | "passes" | "fails") && metric.unit != "bytes";
    let text = match (metric.kind.as_str(), metric.unit.as_str()) {
        _ if is_count => whole(value),
        ("rate", _) => format::percent(value),
        (_, "ms") => format::duration(value),
        (_, "bytes") => format::bytes(value),
        ("counter", _) => rounded(value),
        _ => format::number(value),
    };
    if metric.kind == "counter" && name == "rate" { format!("{text}/s") } else { text }
}

/// `1,234,567`: digits in threes.
pub(in crate::outputs::html) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An RFC 3339 time to the second; what is none as it is.
pub(in crate::outputs::html) fn instant(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) if text.is_empty() => "not known".to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// With at most two decimals.
pub(in crate::outputs::html) fn rounded(value: f64) -> String {
    format::number((value * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        for (value, text) in
            [(0.0, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567"), (-1000.0, "-1,000")]
        {
            assert_eq!(whole(value), text);
        }
    }
}
