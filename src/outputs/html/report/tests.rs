use super::*;
use crate::{
    metrics::{hdr, ladder, trend::Trend},
    outputs::{chart::fixture, run_status::ValidityStatus},
};

fn with_samples() -> RunRecord {
    let mut record = fixture::record();
    let mut samples = Trend::new(ladder::with_limits([]).into());
    (1..=995u64).for_each(|sample| samples.record(sample * 100_000));
    record.metrics[1].histogram = Some(hdr::encode(&samples));
    record
}

#[test]
fn the_verdict_comes_first_and_in_words() {
    let mut record = with_samples();
    let passed = report(&record);
    let at = |text: &str| passed.find(text).unwrap_or_else(|| panic!("no {text}"));
    let order = [
        "<strong>Passed</strong>",
        "Validity: ",
        ">Thresholds<",
        ">Over time<",
        ">All percentiles<",
        ">Failures<",
        ">Metrics<",
        ">Machine<",
        ">Profile<",
    ];
    assert!(order.windows(2).all(|two| at(two[0]) < at(two[1])));
    record.verdict = "crossed".to_owned();
    record.thresholds[0].passed = Some(false);
    record.thresholds[0].headroom = Some(-0.25);
    record.thresholds[0].value = Some(250.0);
    let failed = report(&record);
    assert!(
        failed.contains("<strong>Failed</strong>")
            && failed.contains("1 of 1 thresholds crossed")
            && failed.contains("25.00% above the limit")
    );
    record.verdict = "invalid".to_owned();
    record.validity = ValidityStatus { level: "invalid".to_owned(), reasons: vec!["send_lag: too late".to_owned()] };
    record.ended = "interrupted".to_owned();
    let invalid = report(&record);
    assert!(
        invalid.contains("<strong>Invalid</strong>")
            && invalid.contains("send_lag: too late")
            && invalid.contains("interrupted by a signal after 1m0s")
    );
}

#[test]
fn a_run_that_did_not_run_to_its_end_has_not_passed() {
    for (ended, verdict, word, class) in [
        ("completed", "passed", "Passed", "good"),
        ("aborted", "passed", "Passed", "good"),
        ("interrupted", "passed", "Incomplete", "warn"),
        ("stopped", "passed", "Incomplete", "warn"),
        ("stopped", "crossed", "Failed", "bad"),
        ("failed", "passed", "Failed", "bad"),
        ("failed", "crossed", "Failed", "bad"),
        ("failed", "invalid", "Failed", "bad"),
    ] {
        let record = RunRecord { ended: ended.to_owned(), verdict: verdict.to_owned(), ..with_samples() };
        let page = report(&record);
        assert!(page.contains(&format!("<section class=\"verdict {class}\"")), "{ended} {verdict}");
        assert!(page.contains(&format!("<strong>{word}</strong>")), "{ended} {verdict}");
        assert!(page.contains(&format!("<title>ramp-1 – {word}</title>")), "{ended} {verdict}");
        let without = report(&RunRecord { thresholds: Vec::new(), ..record });
        assert_eq!(without.contains("<strong>No thresholds</strong>"), word == "Passed", "{ended} {verdict}");
    }
}

#[test]
fn what_a_run_says_is_text_and_never_markup() {
    let evil = r#""><script>alert('x')</script><img src=x onerror=alert(1)>"#.to_owned();
    let mut record = with_samples();
    for text in [
        &mut record.testid,
        &mut record.profile,
        &mut record.digest,
        &mut record.version,
        &mut record.started_at,
        &mut record.ended_at,
    ] {
        text.clone_from(&evil);
    }
    record.tags = [(evil.clone(), evil.clone())].into();
    record.notes = vec![evil.clone()];
    record.validity.reasons = vec![evil.clone()];
    record.validity.level.clone_from(&evil);
    record.profile_text = Some(evil.clone());
    record.machine.host.clone_from(&evil);
    record.machine.kernel.clone_from(&evil);
    record.machine.cpu = Some(evil.clone());
    record.failures[0].what.clone_from(&evil);
    record.failures[0].reason.clone_from(&evil);
    record.thresholds[0].expression = format!("p(99)<{evil}");
    for metric in &mut record.metrics {
        metric.name.push_str(&evil);
        metric.values.insert(evil.clone(), 1.0);
    }
    for point in &mut record.timeline.points {
        point.failures = [(evil.clone(), 1.0)].into();
        point.trends =
            std::mem::take(&mut point.trends).into_iter().map(|(name, value)| (name + &evil, value)).collect();
    }
    let page = report(&record);
    assert_eq!(page.matches("<script>").count(), 1, "our own");
    assert!(!page.contains("<img") && !page.contains("alert('x')</"));
    assert!(page.matches("&lt;script&gt;").count() > 20);
}

#[test]
fn nothing_comes_from_elsewhere() {
    let page = report(&with_samples());
    let outside: Vec<_> = page.match_indices("http").map(|(at, _)| &page[at..page.len().min(at + 40)]).collect();
    let known = |text: &&str| text.starts_with("http-equiv=") || text.starts_with("http://www.w3.org/2000/svg");
    assert!(outside.iter().all(known), "{outside:?}");
    for word in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_policy_names_exactly_what_the_page_has_inline() {
    let page = report(&with_samples());
    for (open, close, directive) in [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")] {
        let text = page.split(open).nth(1).unwrap().split(close).next().unwrap();
        let hash = data_encoding::BASE64.encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
        let policy = crate::outputs::html::content_security_policy();
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{directive}");
    }
    assert!(!page.contains(" style=") && !page.contains(" onclick="), "a policy of hashes forbids both");
}

#[test]
fn a_record_without_anything_is_still_a_report() {
    let record = RunRecord {
        metrics: Vec::new(),
        thresholds: Vec::new(),
        failures: Vec::new(),
        timeline: crate::outputs::timeline::Timeline::default(),
        profile_text: None,
        started_at: String::new(),
        ..fixture::record()
    };
    let page = report(&record);
    assert!(page.contains("No thresholds") && page.contains("Nothing failed.") && page.contains("not known"));
}

#[test]
fn a_distribution_that_cannot_be_read_is_named() {
    let mut record = fixture::record();
    record.metrics[1].histogram = Some("AAAA".to_owned());
    assert!(report(&record).contains("ws_connecting: a histogram cannot be read"));
}

#[test]
fn a_run_that_was_cut_short_has_not_passed() {
    for (ended, word) in [("interrupted", "Incomplete"), ("stopped", "Incomplete"), ("failed", "Failed")] {
        let record = RunRecord { ended: ended.to_owned(), ..with_samples() };
        let report = report(&record);
        assert!(report.contains(&format!("<strong>{word}</strong>")), "{ended}");
        assert!(!report.contains("Passed"), "{ended}");
    }
}

#[test]
fn a_bar_is_the_value_as_a_share_of_the_limit() {
    let drawn = |expression: &str, headroom: f64| {
        let mut record = with_samples();
        record.thresholds[0].expression = expression.to_owned();
        record.thresholds[0].headroom = Some(headroom);
        report(&record)
    };
    for (expression, headroom, bar) in [
        ("p(99)<200", 0.25, "class=\"bar-good\" width=\"75.0\""),
        ("p(99)<200", -0.5, "class=\"bar-bad\" width=\"100.0\""),
        ("count>10000", 3.0, "class=\"bar-good\" width=\"100.0\""),
        ("count>10000", -0.5, "class=\"bar-bad\" width=\"50.0\""),
    ] {
        assert!(drawn(expression, headroom).contains(bar), "{expression} {headroom}");
    }
}
