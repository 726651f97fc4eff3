//! A page of `/metrics`, read by rules of our own: the text format 0.0.4 of Prometheus.

use std::collections::{BTreeMap, BTreeSet};

/// A sample with its labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// A page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) samples: Vec<Sample>,
    /// Type by family.
    pub(crate) types: BTreeMap<String, String>,
    /// Families with a help line.
    pub(crate) helps: BTreeSet<String>,
}

impl Page {
    /// Reads a page; panics with the line that it cannot read.
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type in {line:?}"));
                assert!(page.types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is declared twice");
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, _) = rest.split_once(' ').unwrap_or_else(|| panic!("no help in {line:?}"));
                page.helps.insert(name.to_owned());
            } else if !line.starts_with('#') {
                page.samples.push(sample(line).unwrap_or_else(|| panic!("not a sample: {line:?}")));
            }
        }
        page
    }

    /// Names of the families.
    pub(crate) fn families(&self) -> BTreeSet<&str> {
        self.types.keys().map(String::as_str).collect()
    }

    /// Samples called `name` that have all of `labels`.
    pub(crate) fn matching<'p>(
        &'p self,
        name: &'p str,
        labels: &'p [(&str, &str)],
    ) -> impl Iterator<Item = &'p Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        })
    }

    /// Sum of the samples called `name` that have all of `labels`; panics without any.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let values: Vec<_> = self.matching(name, labels).map(|sample| sample.value).collect();
        assert!(!values.is_empty(), "no sample of {name} with {labels:?}");
        values.iter().sum()
    }

    /// As [`Page::sum`], 0 without any sample: rare label values appear with their first sample.
    pub(crate) fn sum_or_zero(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// Values of a label over the samples called `name`.
    pub(crate) fn values_of(&self, name: &str, label: &str) -> BTreeSet<&str> {
        self.samples
            .iter()
            .filter(|sample| sample.name == name)
            .filter_map(|sample| sample.labels.get(label))
            .map(String::as_str)
            .collect()
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    Some(Sample { name: name.to_owned(), labels, value: rest.trim().parse().ok()? })
}

/// The text up to the closing quote, unescaped, and what follows the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            _ => value.push(character),
        }
    }
    None
}

#[test]
fn a_page_is_read_with_escapes_types_and_infinity() {
    let page = Page::parse(concat!(
        "# HELP a_total Said \"so\".\n# TYPE a_total counter\n",
        "a_total{x=\"q\\\"b\\\\s\\nn,{}\",y=\"\"} 3\na_total{x=\"z\"} 4\n",
        "# HELP b B.\n# TYPE b histogram\nb_bucket{le=\"+Inf\"} +Inf\nb_sum 1.5e-3\n",
    ));
    assert_eq!(page.families(), BTreeSet::from(["a_total", "b"]));
    assert_eq!(page.samples[0].labels["x"], "q\"b\\s\nn,{}");
    assert_eq!(page.sum("a_total", &[]), 7.0);
    assert_eq!(page.sum("a_total", &[("x", "z")]), 4.0);
    assert_eq!(page.sum("b_sum", &[]), 0.0015);
    assert_eq!(page.sum("b_bucket", &[]), f64::INFINITY);
    assert_eq!(page.values_of("a_total", "y"), BTreeSet::from([""]));
    assert_eq!(page.types["b"], "histogram");
    assert!(page.helps.contains("b"));
}
