//! A small run with every kind of line in it, for the tests of all outputs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    catalogue::{self, Family, FamilyKind},
    clock::Instant,
    config::{
        profile::{LatencyClock, TrendStat},
        threshold::{self, Threshold},
    },
    metrics::{
        recorder::Recorder,
        samples::SampleSender,
        series::{CounterSlot, GaugeSlot, Series, SeriesTable, TrendSlot},
        snapshot::Snapshot,
        view::{Extremes, View},
    },
    outputs::report::{Ended, RunReport},
    slo::{
        evaluate,
        validity::{
            judge,
            run::{RunValidity, StageValidity},
            signals::{Events, Lag, OwnLimits, Signals, Throttled},
        },
        verdict::Verdict,
    },
    units::tags::Tags,
};

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn threshold(metric: &str, expression: &str) -> Threshold {
    let (name, selector) = threshold::parse_name(metric).unwrap();
    let kind = catalogue::find(name).unwrap();
    Threshold {
        metric: kind.into(),
        selector,
        name: metric.to_owned(),
        source: expression.to_owned(),
        expression: threshold::parse_expression(expression, kind).unwrap(),
        abort_on_fail: false,
        delay_abort_eval: Duration::ZERO,
        allow_empty: false,
    }
}

pub(crate) fn thresholds() -> Vec<Threshold> {
    let aborting = Threshold {
        abort_on_fail: true,
        delay_abort_eval: Duration::from_secs(1),
        ..threshold("ws_connect_failed", "rate<0.5")
    };
    vec![
        threshold("ws_connecting", "p(99)<200"),
        threshold("ws_connecting{url:nomatch}", "p(95)<1"),
        threshold("ws_connecting", "avg<1"),
        threshold("ws_msgs_sent", "count>10"),
        threshold("ws_msgs_sent", "rate>0.1"),
        threshold("checks", "rate>0.99"),
        threshold("ws_session_duration{scenario:default}", "avg<5000"),
        threshold("ws_ping", "p(95)<10"),
        threshold("data_sent", "count>1000"),
        threshold("http_req_failed", "rate<0.5"),
        aborting,
    ]
}

/// Every slot of the table, by family and the values of its own labels.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) counters: BTreeMap<(Family, String), CounterSlot>,
    pub(crate) gauges: BTreeMap<Family, GaugeSlot>,
    pub(crate) trends: BTreeMap<Family, TrendSlot>,
}

pub(crate) fn table() -> (Arc<SeriesTable>, Slots) {
    let limits: Vec<_> = thresholds().iter().filter_map(evaluate::limit_nanos).collect();
    let mut table = SeriesTable::new(tags(&[("test", "quantum"), ("testid", "t1")]), &limits);
    let mut slots = Slots { counters: BTreeMap::new(), gauges: BTreeMap::new(), trends: BTreeMap::new() };
    for family in Family::ALL {
        let values: &[&[&str]] = match family {
            Family::WsSessions => &[&["101"], &["403"], &["0"]],
            Family::WsConnectFailures => &[&["refused"], &["status"], &["timeout"]],
            Family::WsCloses => &[&["agent", "1000"], &["server", "1011"], &["server", "1006"]],
            Family::HttpReqs => &[&["GET", "200", "home"], &["GET", "0", "home"], &["GET", "500", "home"]],
            Family::HttpReqFailures => &[&["timeout"], &["status"]],
            Family::HttpReqDuration => &[&["true"], &["false"]],
            Family::Checks => {
                &[&["status is 101", "pass"], &["status is 101", "fail"], &["echo", "pass"], &["echo", "fail"]]
            }
            _ => &[&[]],
        };
        for values in values {
            let mut labels = tags(&[("scenario", "default")]);
            labels.extend(
                family.labels().iter().zip(*values).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            );
            let mut hidden = if family.name().starts_with("ws_") {
                tags(&[("url", "ws://h/ws"), ("name", "ws://h/ws")])
            } else {
                Tags::new()
            };
            if *family == Family::HttpReqs {
                hidden.insert("expected_response".to_owned(), (values[1] == "200").to_string());
            }
            let always = family.labels().is_empty();
            let series = Series { family: *family, labels, hidden, always };
            match family.kind() {
                FamilyKind::Counter => {
                    slots.counters.insert((*family, values.join(" ")), table.counter(series));
                }
                FamilyKind::Gauge => {
                    slots.gauges.insert(*family, table.gauge(series));
                }
                FamilyKind::Trend => {
                    let slot = table.trend(series);
                    slots.trends.entry(*family).or_insert(slot);
                }
            }
        }
    }
    (Arc::new(table), slots)
}

/// Records one part of the run; the whole run is both parts.
pub(crate) fn record(recorder: &Recorder, slots: &Slots, part: u64, at: Instant) {
    let add = |family, values: &str, n| recorder.add(slots.counters[&(family, values.to_owned())], n);
    add(Family::WsSessions, "101", 9);
    add(Family::WsSessions, "403", part);
    add(Family::WsSessions, "0", 1);
    add(Family::WsConnectFailures, "status", part);
    add(Family::WsConnectFailures, "refused", 1);
    add(Family::WsCloses, "agent 1000", 8);
    add(Family::WsCloses, "server 1006", 1);
    add(Family::WsMsgsSent, "", 900);
    add(Family::WsRepliesExpected, "", 900);
    add(Family::WsMsgsReceived, "", 898);
    add(Family::WsMsgsLost, "", 2);
    add(Family::HttpReqs, "GET 200 home", 8);
    add(Family::HttpReqs, "GET 0 home", part);
    add(Family::HttpReqs, "GET 500 home", part);
    add(Family::HttpReqFailures, "timeout", part);
    add(Family::HttpReqFailures, "status", part);
    add(Family::Checks, "status is 101 pass", 9);
    add(Family::Checks, "status is 101 fail", 1 + part);
    add(Family::Checks, "echo pass", 9);
    add(Family::Iterations, "", 9);
    add(Family::IterationsInterrupted, "", part);
    add(Family::DataSent, "", 40_321);
    add(Family::DataReceived, "", 39_000);
    recorder.gauge_add(slots.gauges[&Family::Vus], if part == 0 { 10 } else { -9 });
    recorder.gauge_add(slots.gauges[&Family::VusMax], if part == 0 { 10 } else { 0 });
    recorder.gauge_add(slots.gauges[&Family::WsOpen], if part == 0 { 9 } else { -9 });
    for (family, nanos) in [
        (Family::WsConnecting, 612_010),
        (Family::WsConnecting, 1_350_000 + part * 150_000_000),
        (Family::WsMsgRtt, 64_128),
        (Family::WsMsgRtt, 80_000),
        (Family::HttpReqDuration, 751_800),
        (Family::HttpReqWaiting, 700_000),
        (Family::IterationDuration, 2_500_000_000),
        (Family::WsSessionDuration, 2_501_000_000),
    ] {
        recorder.record(slots.trends[&family], nanos, at);
    }
}

/// A recorder with both parts of the run.
pub(crate) fn recorder(table: &Arc<SeriesTable>, slots: &Slots, samples: Option<SampleSender>) -> Recorder {
    let start = Instant::now();
    let recorder = Recorder::new(table, start, samples);
    record(&recorder, slots, 0, start + Duration::from_millis(1));
    record(&recorder, slots, 1, start + Duration::from_millis(2500));
    recorder
}

pub(crate) fn report() -> RunReport {
    let (table, slots) = table();
    let snapshot = recorder(&table, &slots, None).snapshot();
    let extremes = BTreeMap::from([
        (Family::Vus, Extremes { min: 0, max: 10 }),
        (Family::VusMax, Extremes { min: 10, max: 10 }),
        (Family::WsOpen, Extremes { min: 0, max: 9 }),
    ]);
    let notes = vec!["3 samples did not fit the queue of --out json; counters have them".to_owned()];
    finished(table, snapshot, extremes, thresholds(), notes)
}

/// Signals of a generator with time to spare, on a kernel that offers no quota and nothing else that may be missing.
pub(crate) fn calm() -> Signals {
    let lag = |micros, samples| {
        Some(Lag { p99: Duration::from_micros(micros), samples, longest: Duration::from_micros(micros) })
    };
    Signals {
        send_lag: lag(1_120, 1800),
        read_lag: lag(85, 1796),
        run_queue: Some(0.003),
        own_limits: Some(OwnLimits { attempts: 2000, ..OwnLimits::default() }),
        cpu_pressure: Some(0.02),
        clock_gaps: Some(Events::default()),
        clock_steps: Some(Events::default()),
        samples_dropped: Some(0),
        workers_lost: Some(0),
        ..Signals::default()
    }
}

/// Signals of a generator with every kind of trouble that does not keep it from ending as planned.
pub(crate) fn troubled() -> Signals {
    let lag = |millis, samples| {
        Some(Lag { p99: Duration::from_millis(millis), samples, longest: Duration::from_millis(millis) })
    };
    let event = |millis| Some(Events { count: 1, largest: Duration::from_millis(millis) });
    Signals {
        send_lag: lag(251, 18_000),
        read_lag: lag(120, 17_960),
        start_lag: lag(14, 900),
        loop_lag: lag(12, 40_000),
        run_queue: Some(0.231),
        throttled: Some(Throttled { periods: 0.3, time: Duration::from_millis(900) }),
        dropped_slots: Some(7),
        own_limits: Some(OwnLimits { attempts: 2000, fd_limit: 34, no_local_port: 1, no_memory: 0 }),
        clock_gaps: event(498),
        clock_steps: event(3_600_000),
        samples_dropped: Some(3),
        ..calm()
    }
}

/// A run of stages of two seconds each; the whole is as the last one.
pub(crate) fn validity(stages: &[Signals]) -> RunValidity {
    let judged = |signals: &Signals| judge(signals, LatencyClock::Kernel);
    let spans = (0..).step_by(2).map(Duration::from_secs);
    let stages = spans.zip(stages).map(|(from, signals)| StageValidity {
        from,
        to: from + Duration::from_secs(2),
        signals: *signals,
        judgement: judged(signals),
    });
    let stages: Vec<_> = stages.collect();
    let whole = stages.last().map(|stage| stage.signals).unwrap_or_default();
    RunValidity::of(whole, judged(&whole), stages)
}

/// A run that recorded nothing.
pub(crate) fn empty_report() -> RunReport {
    let (table, _) = table();
    let snapshot = Snapshot::empty(&table);
    finished(table, snapshot, BTreeMap::new(), Vec::new(), Vec::new())
}

fn finished(
    table: Arc<SeriesTable>,
    snapshot: Snapshot,
    extremes: BTreeMap<Family, Extremes>,
    thresholds: Vec<Threshold>,
    notes: Vec<String>,
) -> RunReport {
    let view = View { table: &table, snapshot: &snapshot, extremes: &extremes, elapsed: 4.0, observed: &[] };
    let evaluations = evaluate::evaluate_all(&thresholds, &view);
    let verdict = Verdict::at_end(&thresholds, &evaluations);
    RunReport {
        profile: "quantum-ws".to_owned(),
        testid: "t1".to_owned(),
        exit_code: if verdict.passed() { 0 } else { 99 },
        verdict,
        validity: validity(&[calm(), calm()]),
        invalid_fails: true,
        table,
        snapshot,
        extremes,
        observed: Vec::new(),
        elapsed: Duration::from_secs(4),
        thresholds,
        evaluations,
        trend_stats: vec![
            TrendStat::Avg,
            TrendStat::Min,
            TrendStat::Med,
            TrendStat::Max,
            TrendStat::Percentile(90.0),
            TrendStat::Percentile(95.0),
        ],
        ended: Ended::Completed,
        notes,
        fleet: None,
        part: None,
        start: None,
    }
}
