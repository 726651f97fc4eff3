use proptest::prelude::*;

use super::*;

/// Name, labels and value.
type Read = (String, Vec<(String, String)>, f64);

fn samples(text: &str) -> Result<Vec<Read>, Error> {
    let mut samples = Vec::new();
    read(text, |line| {
        if let Line::Sample(sample) = line {
            let labels = sample.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            samples.push((sample.name.to_string(), labels.collect(), sample.value));
        }
    })?;
    Ok(samples)
}

fn one(line: &str) -> Read {
    samples(&format!("{line}\n")).unwrap_or_else(|error| panic!("{line}: {error}")).pop().unwrap()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn every_form_of_a_sample_is_read() {
    for (line, labels, value) in [
        ("up 1", vec![], 1.0),
        ("  up\t 1.5e3 ", vec![], 1500.0),
        ("up{} -0.5", vec![], -0.5),
        ("up 1 1395066363000", vec![], 1.0),
        ("up 1 1395066363.123", vec![], 1.0),
        ("up{a=\"b\"}7", vec![pair("a", "b")], 7.0),
        ("up { a = \"b\" , c=\"d,}=\" , } 2", vec![pair("a", "b"), pair("c", "d,}=")], 2.0),
        (r#"up{a="q\"b\\s\nn"} +Inf"#, vec![pair("a", "q\"b\\s\nn")], f64::INFINITY),
        ("up{a=\"\"} -Inf", vec![pair("a", "")], f64::NEG_INFINITY),
        ("up{a=\"b # {\"} 3 # {trace=\"1\"} 0.5 1.0", vec![pair("a", "b # {")], 3.0),
        ("up 3 1.5 # {trace=\"1\"} 0.5", vec![], 3.0),
        ("{\"up\",a=\"b\"} 4", vec![pair("a", "b")], 4.0),
        ("up{\"a.b\"=\"c\"} 4", vec![pair("a.b", "c")], 4.0),
    ] {
        assert_eq!(one(line), ("up".to_owned(), labels, value), "{line}");
    }
    assert!(one("up NaN").2.is_nan());
}

#[test]
fn what_would_change_a_value_is_refused_with_its_line() {
    for (line, fault) in [
        ("<html>", Fault::Name),
        ("5xx 1", Fault::Name),
        ("{a=\"b\"} 1", Fault::Name),
        ("up", Fault::Value),
        ("up one", Fault::Value),
        ("up{a=\"b\"}", Fault::Value),
        ("up{a=\"b\" 1", Fault::Labels),
        ("up{a=b} 1", Fault::Labels),
        ("up{a=\"b} 1", Fault::Labels),
        ("up{a=\"\\x\"} 1", Fault::Labels),
        ("up{a=\"1\",a=\"2\"} 1", Fault::Labels),
        ("up{=\"1\"} 1", Fault::Labels),
        ("up{a=\"1\"b=\"2\"} 1", Fault::Labels),
        ("up{,} 1", Fault::Labels),
        ("up 1 2 3", Fault::Rest),
        ("up 1 yesterday", Fault::Rest),
        ("up 1\r", Fault::Value),
    ] {
        assert_eq!(samples(&format!("up 1\n{line}\n")), Err(Error { line: 2, fault }), "{line}");
    }
    assert_eq!(samples("up 1\nup 2"), Err(Error { line: 2, fault: Fault::Cut }));
    assert_eq!(samples("# EOF\nup 2\n"), Err(Error { line: 2, fault: Fault::AfterEnd }));
    assert_eq!(samples(""), Err(Error { line: 0, fault: Fault::Empty }));
    assert_eq!(samples("# HELP up Up.\n\n"), Err(Error { line: 2, fault: Fault::Empty }));
}

#[test]
fn families_are_told_with_or_without_samples_and_other_comments_are_not() {
    let mut names = Vec::new();
    let page =
        "# HELP a Some \\n help.\n# TYPE a counter\n#comment\n# b c\n# UNIT a bytes\n#\nb 1\n# TYPE c gauge\n# EOF\n";
    read(page, |line| {
        if let Line::Family(name) = line {
            names.push(name.to_owned());
        }
    })
    .unwrap();
    assert_eq!(names, ["a", "a", "c"]);
}

#[test]
fn a_series_is_the_same_text_whatever_its_value_and_time() {
    let mut series = Vec::new();
    let page = "up{a=\"b\"} 1\nup{a=\"b\"} 2 5\nup{a=\"b\"} 3 # {x=\"y\"} 1\nup 1\n";
    read(page, |line| {
        if let Line::Sample(sample) = line {
            series.push(sample.series.to_owned());
        }
    })
    .unwrap();
    assert_eq!(series, ["up{a=\"b\"}", "up{a=\"b\"}", "up{a=\"b\"}", "up"]);
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

proptest! {
    #[test]
    fn no_text_panics(text in "([a-z{}=\"\\\\,# 0-9.\n]|\\PC){0,60}") {
        let _outcome = samples(&text);
    }

    #[test]
    fn what_is_written_is_read(
        page in proptest::collection::vec(
            ("[a-zA-Z_:][a-zA-Z0-9_:]{0,9}", proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", "(\\PC|\n){0,9}", 0..4), any::<f64>()),
            1..8,
        )
    ) {
        let mut text = String::new();
        for (name, labels, value) in &page {
            let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            text.push_str(&format!("{name}{{{}}} {value:e}\n", labels.join(",")));
        }
        let read = samples(&text).unwrap();
        prop_assert_eq!(read.len(), page.len());
        for ((name, labels, value), read) in page.iter().zip(&read) {
            let labels: Vec<_> = labels.iter().map(|(label, value)| (label.clone(), value.clone())).collect();
            prop_assert_eq!((name, &labels), (&read.0, &read.1));
            prop_assert_eq!(value.to_bits(), read.2.to_bits());
        }
        // A page that was cut anywhere within its last line is noticed.
        let cut: String = text.chars().take(text.chars().count() - 1).collect();
        prop_assert!(samples(&cut).is_err());
    }
}
