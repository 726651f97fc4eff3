//! A merged snapshot in the formats that Prometheus reads. The only file that names the `prometheus`
//! crate; what is shown is decided in [`families`] and [`run`], as plain values.
//!
//! Rendering happens on the control thread and the admin server's, never on a worker: it reads copies only.

use std::sync::Arc;

use prometheus::{
    Registry, TextEncoder,
    core::{Collector, Desc},
    proto,
};

use crate::{
    metrics::{
        exposition::{
            families::{Kind, Sheet, Value},
            format::Format,
            run::RunFacts,
            serve::ServeFacts,
        },
        process::ProcessStats,
        series::SeriesTable,
        snapshot::Snapshot,
    },
    units::tags::Tags,
};

#[cfg(test)]
mod documentation;
pub mod families;
pub mod fleet;
pub mod format;
mod k6;
pub mod native;
pub mod number;
mod open_metrics;
mod protobuf;
pub mod run;
pub mod serve;
mod target;
pub mod validity;

/// The `prometheus` crate refused a family; a defect of the catalogue, which the tests exclude.
#[derive(Debug, thiserror::Error)]
#[error("cannot render /metrics: {0}; please report this as a bug")]
pub struct Error(#[from] prometheus::Error);

/// Every family of the catalogue and of the run, in seconds and bytes.
///
/// Each family has at least one series, so that all names exist before the load starts; see
/// [`families::catalogue`] for which series show.
#[must_use]
pub fn sheet(table: &SeriesTable, snapshot: &Snapshot, facts: &RunFacts) -> Arc<Sheet> {
    let mut sheet = Sheet::new(table.run_tags.clone());
    families::catalogue(&mut sheet, table, snapshot);
    run::families(&mut sheet, facts, snapshot.samples_dropped());
    if facts.k6_series {
        k6::families(&mut sheet, table, snapshot);
    }
    Arc::new(sheet)
}

/// The page of a daemon between two runs: the last run's, if there was one, with what has changed since.
#[must_use]
pub fn between(last: Option<&Sheet>, facts: &ServeFacts, build: &Tags, process: &ProcessStats) -> Arc<Sheet> {
    let mut sheet = last.cloned().unwrap_or_else(|| {
        let mut sheet = Sheet::new(Tags::new());
        run::build(&mut sheet, build);
        sheet
    });
    run::process(&mut sheet, process);
    serve::families(&mut sheet, facts);
    Arc::new(sheet)
}

/// A page in one format. The registry decides for all of them which families there are and in what order.
///
/// # Errors
/// Only for a family that the `prometheus` crate refuses, which no input can cause.
pub fn encode(sheet: &Arc<Sheet>, format: Format) -> Result<Vec<u8>, Error> {
    let registry = Registry::new();
    registry.register(Box::new(SheetCollector::new(Arc::clone(sheet))?))?;
    let gathered = registry.gather();
    let named = || gathered.iter().filter_map(|family| sheet.family(family.name()));
    Ok(match format {
        Format::Text => {
            let mut text = String::new();
            TextEncoder::new().encode_utf8(&gathered, &mut text)?;
            with_float_bounds(&text).into_bytes()
        }
        Format::OpenMetrics => open_metrics::encode(named()).into_bytes(),
        Format::Protobuf => protobuf::encode(named()),
    })
}

/// Hands one finished sheet to the registry.
struct SheetCollector {
    descs: Vec<Desc>,
    sheet: Arc<Sheet>,
}

impl SheetCollector {
    fn new(sheet: Arc<Sheet>) -> Result<Self, prometheus::Error> {
        let descs = sheet
            .families()
            .map(|family| Desc::new(family.name.into(), family.help.into(), Vec::new(), Default::default()))
            .collect::<Result<_, _>>()?;
        Ok(Self { descs, sheet })
    }
}

impl Collector for SheetCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        self.sheet
            .families()
            .map(|family| {
                let mut out = proto::MetricFamily::default();
                out.set_name(family.name.to_owned());
                out.set_help(family.help.to_owned());
                out.set_field_type(match family.kind {
                    Kind::Counter => proto::MetricType::COUNTER,
                    Kind::Gauge => proto::MetricType::GAUGE,
                    Kind::Histogram => proto::MetricType::HISTOGRAM,
                });
                let series = family.series.iter();
                out.set_metric(series.map(|(labels, value)| metric(family.kind, labels, value)).collect());
                out
            })
            .collect()
    }
}

fn metric(kind: Kind, labels: &Tags, value: &Value) -> proto::Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.clone());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = proto::Metric::from_label(pairs.collect());
    match value {
        Value::Number(number) if kind == Kind::Counter => {
            let mut counter = proto::Counter::default();
            counter.set_value(*number);
            metric.set_counter(counter);
        }
        Value::Number(number) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(*number);
            metric.set_gauge(gauge);
        }
        Value::Histogram { buckets, sum, count, native: _ } => {
            let mut histogram = proto::Histogram::default();
            let buckets = buckets.iter().map(|(bound, cumulative)| {
                let mut bucket = proto::Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(*cumulative);
                bucket
            });
            histogram.set_bucket(buckets.collect());
            histogram.set_sample_sum(*sum);
            histogram.set_sample_count(*count);
            metric.set_histogram(histogram);
        }
    }
    metric
}

/// Writes bounds as Prometheus 3 does: `le="1.0"` where the encoder wrote `le="1"`, `1e-05` for
/// `0.00001`. Prometheus 2 keeps the text of a bound as a label value and 3 normalises it, so that a
/// query for one form would find nothing on the other. The encoder always puts `le` last and escapes quotes in values.
fn with_float_bounds(text: &str) -> String {
    const LABEL: &str = "le=\"";
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive('\n') {
        let label = line.rfind(LABEL).filter(|at| line.contains("_bucket{") && line[..*at].ends_with(['{', ',']));
        let bound = label.and_then(|at| {
            let start = at + LABEL.len();
            let end = start + line[start..].find('"')?;
            Some((start, end, line[start..end].parse::<f64>().ok().filter(|bound| bound.is_finite())?))
        });
        match bound {
            Some((start, end, bound)) => {
                out.push_str(&line[..start]);
                out.push_str(&number::float(bound));
                out.push_str(&line[end..]);
            }
            None => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        catalogue::{Contains, Family, FamilyKind},
        clock::Instant,
        metrics::{
            exposition::{
                run::{RunState, StageStart, ThresholdFact},
                validity::ValidityFacts,
            },
            recorder::Recorder,
            series::Series,
        },
    };

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn series(family: Family, labels: &[(&str, &str)], hidden: &[(&str, &str)], always: bool) -> Series {
        Series { family, labels: tags(labels), hidden: tags(hidden), always }
    }

    fn table() -> SeriesTable {
        SeriesTable::new(tags(&[("testid", "t1"), ("test", "quantum")]), &[(Family::WsMsgRtt, 200_000_000)])
    }

    fn rendered(table: &SeriesTable, snapshot: &Snapshot) -> String {
        render(table, snapshot, &RunFacts::default())
    }

    pub(super) fn render(table: &SeriesTable, snapshot: &Snapshot, facts: &RunFacts) -> String {
        String::from_utf8(encode(&sheet(table, snapshot, facts), Format::Text).unwrap()).unwrap()
    }

    #[test]
    fn every_family_is_served_at_zero_with_the_run_tags() {
        let table = table();
        let text = rendered(&table, &Snapshot::empty(&table));
        for family in Family::ALL {
            let name = family.name();
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            let (kind, zero) = match family.kind() {
                FamilyKind::Counter => ("counter", format!("\n{name}{{test=\"quantum\",testid=\"t1\"}} 0\n")),
                FamilyKind::Gauge => ("gauge", format!("\n{name}{{test=\"quantum\",testid=\"t1\"}} 0\n")),
                FamilyKind::Trend => {
                    ("histogram", format!("\n{name}_bucket{{test=\"quantum\",testid=\"t1\",le=\"+Inf\"}} 0\n"))
                }
            };
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
            assert!(text.contains(&zero), "{name}");
        }
    }

    #[test]
    fn rare_series_appear_with_their_first_sample() {
        let mut table = table();
        let shown = table.counter(series(Family::WsCloses, &[("code", "1000")], &[], true));
        let rare = table.counter(series(Family::WsCloses, &[("code", "1011")], &[], false));
        let table = Arc::new(table);
        let recorder = Recorder::new(&table, Instant::now(), None);
        let before = rendered(&table, &recorder.snapshot());
        assert!(before.contains("code=\"1000\"") && !before.contains("code=\"1011\""));
        recorder.add(rare, 2);
        recorder.add(shown, 1);
        let after = rendered(&table, &recorder.snapshot());
        assert!(after.contains("ws_closes_total{code=\"1011\",test=\"quantum\",testid=\"t1\"} 2\n"), "{after}");
    }

    #[test]
    fn series_that_differ_in_hidden_tags_only_are_one() {
        let mut table = table();
        let one = table.counter(series(Family::Checks, &[("check", "c")], &[("url", "a")], false));
        let two = table.counter(series(Family::Checks, &[("check", "c")], &[("url", "b")], false));
        let fast = table.trend(series(Family::WsMsgRtt, &[], &[("url", "a")], true));
        let slow = table.trend(series(Family::WsMsgRtt, &[], &[("url", "b")], true));
        let table = Arc::new(table);
        let recorder = Recorder::new(&table, Instant::now(), None);
        recorder.add(one, 3);
        recorder.add(two, 4);
        recorder.record(fast, 200_000_000, Instant::now());
        recorder.record(slow, 1_300_000_000, Instant::now());
        let text = rendered(&table, &recorder.snapshot());
        assert!(text.contains("checks_total{check=\"c\",test=\"quantum\",testid=\"t1\"} 7\n"), "{text}");
        for line in [
            "ws_msg_rtt_seconds_bucket{test=\"quantum\",testid=\"t1\",le=\"0.15\"} 0\n",
            "ws_msg_rtt_seconds_bucket{test=\"quantum\",testid=\"t1\",le=\"0.2\"} 1\n",
            "ws_msg_rtt_seconds_bucket{test=\"quantum\",testid=\"t1\",le=\"1.0\"} 1\n",
            "ws_msg_rtt_seconds_bucket{test=\"quantum\",testid=\"t1\",le=\"1.5\"} 2\n",
            "ws_msg_rtt_seconds_bucket{test=\"quantum\",testid=\"t1\",le=\"+Inf\"} 2\n",
            "ws_msg_rtt_seconds_sum{test=\"quantum\",testid=\"t1\"} 1.5\n",
            "ws_msg_rtt_seconds_count{test=\"quantum\",testid=\"t1\"} 2\n",
        ] {
            assert_eq!(text.matches(line).count(), 1, "{line}{text}");
        }
    }

    #[test]
    fn a_series_label_wins_over_a_run_tag_of_the_same_name() {
        let mut table = SeriesTable::new(tags(&[("state", "bavaria")]), &[]);
        table.counter(series(Family::Checks, &[("state", "own")], &[], true));
        let text = rendered(&table, &Snapshot::empty(&table));
        assert!(text.contains("checks_total{state=\"own\"} 0\n"));
        assert!(text.contains("rampd_run_state{state=\"waiting\"} 1\n"));
    }

    #[test]
    fn whole_bounds_get_a_point_and_nothing_else_changes() {
        for (before, after) in [
            ("a_bucket{le=\"1\"} 1\n", "a_bucket{le=\"1.0\"} 1\n"),
            ("a_bucket{x=\"1\",le=\"30\"} 1\n", "a_bucket{x=\"1\",le=\"30.0\"} 1\n"),
            ("a_bucket{le=\"0.5\"} 1\n", "a_bucket{le=\"0.5\"} 1\n"),
            ("a_bucket{le=\"0.000075\"} 1\n", "a_bucket{le=\"7.5e-05\"} 1\n"),
            ("a_bucket{le=\"0.0001\"} 1\n", "a_bucket{le=\"0.0001\"} 1\n"),
            ("a_bucket{le=\"+Inf\"} 1\n", "a_bucket{le=\"+Inf\"} 1\n"),
            ("a_count{x=\",le=\"} 1\n", "a_count{x=\",le=\"} 1\n"),
            ("a_bucket{title=\"1\"} 1\n", "a_bucket{title=\"1\"} 1\n"),
            ("# HELP a_bucket{le=\"1 no end", "# HELP a_bucket{le=\"1 no end"),
        ] {
            assert_eq!(with_float_bounds(before), after);
        }
    }

    #[test]
    fn facts_of_the_run_are_in_base_units() {
        let table = table();
        let threshold = |metric: &str, contains, limit, value, passed| ThresholdFact {
            metric: metric.to_owned(),
            expression: "p(99)<200".to_owned(),
            contains,
            limit,
            value,
            passed,
        };
        let facts = RunFacts {
            state: RunState::Finished,
            started: Some(1_700_000_000_500_000_000),
            elapsed: Duration::from_millis(1_500),
            stages: vec![StageStart { scenario: "default".into(), stage: "0".into(), at: 1_700_000_000_500_000_000 }],
            planned_vus: vec![("default".into(), 2_000)],
            thresholds: vec![
                threshold("ws_connecting", Contains::Time, 200.0, Some(12.5), Some(true)),
                threshold("ws_msgs_sent", Contains::Default, 10_000.0, None, None),
            ],
            validity: ValidityFacts {
                reasons: vec![("send_lag", false), ("clock_gap", true)],
                states: vec![("valid", false), ("suspect", true)],
                run_queue_wait: Some(Duration::from_millis(250)),
                clock_gaps: Some(2),
                ..ValidityFacts::default()
            },
            ..RunFacts::default()
        };
        let text = render(&table, &Snapshot::empty(&table), &facts);
        let run = "test=\"quantum\",testid=\"t1\"";
        for line in [
            format!("rampd_run_state{{state=\"finished\",{run}}} 1\n"),
            format!("rampd_run_state{{state=\"running\",{run}}} 0\n"),
            format!("rampd_run_finished{{{run}}} 1\n"),
            format!("rampd_run_start_timestamp_seconds{{{run}}} 1700000000.5\n"),
            format!("rampd_run_elapsed_seconds{{{run}}} 1.5\n"),
            format!("rampd_planned_vus{{scenario=\"default\",{run}}} 2000\n"),
            format!("rampd_stage_start_timestamp_seconds{{scenario=\"default\",stage=\"0\",{run}}} 1700000000.5\n"),
            format!("rampd_threshold_limit{{metric=\"ws_connecting\",{run},threshold=\"p(99)<200\"}} 0.2\n"),
            format!("rampd_threshold_value{{metric=\"ws_connecting\",{run},threshold=\"p(99)<200\"}} 0.0125\n"),
            format!("rampd_threshold_passed{{metric=\"ws_connecting\",{run},threshold=\"p(99)<200\"}} 1\n"),
            format!("rampd_threshold_limit{{metric=\"ws_msgs_sent\",{run},threshold=\"p(99)<200\"}} 10000\n"),
            format!("rampd_json_samples_dropped_total{{{run}}} 0\n"),
            format!("rampd_validity{{reason=\"clock_gap\",{run}}} 1\n"),
            format!("rampd_validity{{reason=\"send_lag\",{run}}} 0\n"),
            format!("rampd_validity_state{{state=\"suspect\",{run}}} 1\n"),
            format!("rampd_run_queue_wait_seconds_total{{{run}}} 0.25\n"),
            format!("rampd_clock_gaps_total{{{run}}} 2\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(!text.contains("rampd_cpu_throttled_seconds"), "no quota is not a quota that cost nothing");
        assert!(!text.contains("rampd_run_end_timestamp_seconds"), "1970 is not the end of the run");
        assert!(!text.contains("rampd_threshold_passed{metric=\"ws_msgs_sent\""), "not judged yet");
    }

    #[test]
    fn no_series_appears_twice() {
        let table = table();
        let threshold = ThresholdFact {
            metric: "vus".into(),
            expression: "value<5".into(),
            contains: Contains::Default,
            limit: 5.0,
            value: None,
            passed: None,
        };
        let facts = RunFacts { thresholds: vec![threshold.clone(), threshold], ..RunFacts::default() };
        let text = render(&table, &Snapshot::empty(&table), &facts);
        let mut names: Vec<_> =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup_by_key(|(name, _)| *name);
        assert_eq!(names.len(), all);
    }
}
