//! A real Prometheus that takes native histograms gets them, exact, and keeps the classic buckets, which the alert
//! rules ask for.

use std::time::Duration;

use crate::support::{
    agent::rampd,
    poll,
    prometheus::{BUSY, Setup, Version, free_port, on_each_version},
    results::Summary,
    scratch::Scratch,
    target::{Library, Target},
};

/// What [`BUSY`] is to be judged by.
const THRESHOLDS: &str = r#"
summaryTrendStats: [count, p(50), p(99)]
thresholds:
  ws_msg_rtt: ["p(99)<4321", "p(95)<7000"]
"#;

#[test]
fn prometheus_has_native_and_classic_histograms_and_both_count_what_the_summary_does() {
    on_each_version(native_and_classic_count_alike);
}

fn native_and_classic_count_alike(version: Version) {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let port = free_port();
    let prometheus = Setup::new(version, scratch.directory(), "500ms").with_native_histograms().start(&[port]);
    let summary = scratch.path("summary.json");
    rampd(["run"])
        .arg(scratch.write("profile.yaml", &format!("{BUSY}{THRESHOLDS}")))
        .args(["--listen", &format!("127.0.0.1:{port}"), "-e", &format!("TARGET={}", target.url())])
        .args(["--summary-export", summary.to_str().expect("UTF-8"), "--on-invalid", "warn"])
        .finish()
        .assert_code(0);
    let summary = Summary::read(&summary);
    for (metric, family) in [
        ("ws_msg_rtt", "ws_msg_rtt_seconds"),
        ("ws_connecting", "ws_connecting_seconds"),
        ("ws_session_duration", "ws_session_duration_seconds"),
    ] {
        let expected = summary.value(metric, "count");
        assert!(expected > 0.0, "{metric}");
        let ask = |query: &str| prometheus.query(query).first().map(|(_, value)| *value);
        // Not `last_over_time`, which knew no native histograms in Prometheus 2.42.
        let at = || prometheus.last_scrape(&format!("{family}_count")).unwrap_or_default();
        let answers = || {
            let at = at();
            [
                ask(&format!("sum(histogram_count({family} @ {at}))")),
                ask(&format!("sum({family}_count @ {at})")),
                ask(&format!("sum({family}_bucket{{le=\"+Inf\"}} @ {at})")),
            ]
        };
        // A scrape is stored a moment after its answer was read.
        let stored = poll(Duration::from_secs(2), || (answers() == [Some(expected); 3]).then_some(()));
        assert!(
            stored.is_some(),
            "{family}: {expected} in the summary, native, count and +Inf: {:?}\n{}",
            answers(),
            prometheus.describe()
        );
        for percent in [50_u8, 99] {
            let exact = summary.value(metric, &format!("p({percent})")) / 1e3;
            let share = f64::from(percent) / 100.0;
            let answer = ask(&format!("histogram_quantile({share}, sum({family} @ {}))", at())).expect("a quantile");
            // A bucket is 2.2 % wide; where few samples are far apart, one rank decides between two of them.
            let (low, high) = (exact * 0.97 - 1e-6, exact * 1.03 + 1e-6);
            assert!(expected < 100.0 || (low..=high).contains(&answer), "p({percent}) of {family}: {answer}, {exact}");
        }
    }
    // Prometheus 3 makes `7` of a text `7.0` too, 2.42 keeps it: the rules ask for the one form that both have.
    for bound in ["4.321", "7.0"] {
        let at_the_limit =
            prometheus.query(&format!("last_over_time(ws_msg_rtt_seconds_bucket{{le=\"{bound}\"}}[1h])"));
        assert_eq!(at_the_limit.len(), 1, "{bound}: the threshold's own bucket is what its rule asks for");
    }
}

#[test]
fn the_bucket_at_a_whole_number_of_seconds_has_one_name_in_text_too() {
    on_each_version(|version| {
        let scratch = Scratch::new();
        let target = Target::echo(Library::PyPiWebsockets);
        let port = free_port();
        let prometheus = Setup::new(version, scratch.directory(), "500ms").start(&[port]);
        let profile =
            scratch.write("profile.yaml", &format!("{}{THRESHOLDS}", BUSY.replace("duration: 4s", "duration: 1s")));
        let variable = format!("TARGET={}", target.url());
        rampd(["run"])
            .arg(&profile)
            .args(["--listen", &format!("127.0.0.1:{port}"), "-e", &variable, "--on-invalid", "warn"])
            .finish()
            .assert_code(0);
        let rules = rampd(["generate", "rules"]).arg(&profile).args(["-e", &variable]).finish();
        let asked = "ws_msg_rtt_seconds_bucket{le=\"7.0\"}";
        assert!(rules.stdout.contains(asked), "{}", rules.describe());
        let series = poll(Duration::from_secs(2), || {
            Some(prometheus.query(&format!("last_over_time({asked}[1h])"))).filter(|series| series.len() == 1)
        });
        assert!(series.is_some(), "{version:?} has no {asked}\n{}", prometheus.describe());
    });
}
