//! OpenMetrics text 1.0.0. Differs from text 0.0.4: a counter's family has no `_total`, units are
//! named, and the last line says that nothing is missing. No `_created`: Prometheus would store them as series.

use std::fmt::Write as _;

use crate::{
    metrics::exposition::{
        families::{FamilyValues, Kind, Value},
        number::float,
    },
    units::tags::Tags,
};

/// All families.
pub(super) fn encode<'f>(families: impl Iterator<Item = &'f FamilyValues>) -> String {
    let mut out = String::new();
    for family in families {
        // A `String` takes everything.
        let written = write_family(&mut out, family);
        debug_assert!(written.is_ok(), "a text cannot refuse what is written");
    }
    out.push_str("# EOF\n");
    out
}

fn write_family(out: &mut String, family: &FamilyValues) -> std::fmt::Result {
    let (name, kind) = match family.kind {
        Kind::Counter => (family.name.strip_suffix("_total").unwrap_or(family.name), "counter"),
        Kind::Gauge => (family.name, "gauge"),
        Kind::Histogram => (family.name, "histogram"),
    };
    writeln!(out, "# HELP {name} {}", escaped(family.help))?;
    writeln!(out, "# TYPE {name} {kind}")?;
    if let Some(unit) = ["seconds", "bytes"].iter().find(|unit| name.ends_with(&format!("_{unit}"))) {
        writeln!(out, "# UNIT {name} {unit}")?;
    }
    for (tags, value) in &family.series {
        match value {
            Value::Number(number) if family.kind == Kind::Counter => {
                writeln!(out, "{name}_total{} {number}", labels(tags, None))?;
            }
            Value::Number(number) => writeln!(out, "{name}{} {number}", labels(tags, None))?,
            Value::Histogram { buckets, sum, count, native: _ } => {
                for (bound, cumulative) in buckets {
                    writeln!(out, "{name}_bucket{} {cumulative}", labels(tags, Some(&float(*bound))))?;
                }
                writeln!(out, "{name}_bucket{} {count}", labels(tags, Some("+Inf")))?;
                writeln!(out, "{name}_sum{} {sum}", labels(tags, None))?;
                writeln!(out, "{name}_count{} {count}", labels(tags, None))?;
            }
        }
    }
    Ok(())
}

fn labels(tags: &Tags, bound: Option<&str>) -> String {
    let pairs = tags.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    let pairs: Vec<_> = pairs.chain(bound.map(|bound| format!("le=\"{bound}\""))).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition::{families::Sheet, native::Native};

    #[test]
    fn families_are_written_as_the_specification_has_them() {
        let mut sheet = Sheet::new(Tags::from([("testid".to_owned(), "a\"b\\c\nd".to_owned())]));
        let number = |value| [(Tags::new(), Value::Number(value))];
        sheet.add("sent_bytes_total", "Say \"when\".", Kind::Counter, number(3.0));
        sheet.add("vus", "Users.", Kind::Gauge, number(0.5));
        let histogram =
            Value::Histogram { buckets: vec![(0.000_01, 1), (1.0, 2)], sum: 4.5, count: 3, native: Native::default() };
        sheet.add("rtt_seconds", "Time.", Kind::Histogram, [(Tags::new(), histogram)]);
        assert_eq!(
            encode(sheet.families()),
            r##"# HELP sent_bytes Say \"when\".
# TYPE sent_bytes counter
# UNIT sent_bytes bytes
sent_bytes_total{testid="a\"b\\c\nd"} 3
# HELP vus Users.
# TYPE vus gauge
vus{testid="a\"b\\c\nd"} 0.5
# HELP rtt_seconds Time.
# TYPE rtt_seconds histogram
# UNIT rtt_seconds seconds
rtt_seconds_bucket{testid="a\"b\\c\nd",le="1e-05"} 1
rtt_seconds_bucket{testid="a\"b\\c\nd",le="1.0"} 2
rtt_seconds_bucket{testid="a\"b\\c\nd",le="+Inf"} 3
rtt_seconds_sum{testid="a\"b\\c\nd"} 4.5
rtt_seconds_count{testid="a\"b\\c\nd"} 3
# EOF
"##
        );
    }
}
