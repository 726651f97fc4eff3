//! What an agent has counted: log-normal durations around what a run on a local network shows.

use std::{collections::BTreeMap, time::Duration};

use rampd::{
    clock::Instant,
    fleet::result::AgentResult,
    metrics::{recorder::Recorder, series::TrendSlot, snapshot::Snapshot},
    outputs::report::{Ended, RunReport},
    protocol::http::Phases,
    slo::{evaluate::evaluate_all, validity::run::RunValidity, verdict::Verdict},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::Bench;

/// Messages of one agent, and its connections.
pub(crate) const MESSAGES: u64 = 20_000;
const CONNECTIONS: u64 = 2_000;
const US: f64 = 1e3;
const MS: f64 = 1e6;

/// Counts; each seed has its own.
pub(crate) fn snapshot(bench: &Bench, seed: u64) -> Snapshot {
    let instruments = &bench.instruments;
    let recorder = Recorder::new(&instruments.table, Instant::now(), None);
    let mut normal = LogNormal(SmallRng::seed_from_u64(seed));
    let mut fill = |slot: TrendSlot, median: f64, count: u64| {
        let now = Instant::now();
        (0..count).for_each(|_| recorder.record(slot, normal.around(median), now));
    };
    for scenario in &instruments.scenarios {
        fill(scenario.duration, 60_000.0 * MS, CONNECTIONS);
        for site in &scenario.sites {
            fill(site.connecting, 5.0 * MS, CONNECTIONS);
            fill(site.session_duration, 60_000.0 * MS, CONNECTIONS);
            fill(site.rtt, 20.0 * MS, MESSAGES);
            fill(site.service, 20.0 * MS, MESSAGES);
            recorder.add(site.check(true), CONNECTIONS);
            recorder.add(site.sent, MESSAGES);
            recorder.add(site.received, MESSAGES);
        }
        recorder.add(scenario.iterations, CONNECTIONS);
    }
    let generator = instruments.generator;
    for slot in [generator.send_lag, generator.read_lag, generator.loop_lag] {
        fill(slot, 60.0 * US, MESSAGES);
    }
    for request in instruments.scenarios.iter().flat_map(|scenario| &scenario.requests) {
        for _ in 0..CONNECTIONS {
            let [blocked, sending, receiving] = [0.1 * MS, 0.1 * MS, 0.3 * MS].map(|median| normal.around(median));
            let waiting = normal.around(18.0 * MS);
            let ended = Instant::now();
            let phases = Phases { blocked, connecting: 0, tls_handshaking: 0, sending, waiting, receiving, ended };
            request.record(&recorder, &phases, true);
        }
    }
    recorder.snapshot()
}

/// Log-normal numbers.
struct LogNormal(SmallRng);

impl LogNormal {
    /// Half a unit of the logarithm on either side. Twelve uniform numbers less six are nearly normal.
    fn around(&mut self, median: f64) -> u64 {
        let normal = (0..12).map(|_| self.0.random::<f64>()).sum::<f64>() - 6.0;
        (median * (normal * 0.5).exp()) as u64
    }
}

/// The run that has counted it.
pub(crate) fn result(bench: &Bench, index: u32, snapshot: &Snapshot) -> AgentResult {
    let mut report = RunReport {
        profile: bench.profile.name.clone(),
        testid: bench.run.testid.clone(),
        table: bench.instruments.table.clone(),
        snapshot: snapshot.clone(),
        extremes: BTreeMap::new(),
        elapsed: Duration::from_secs(150),
        start: None,
        observed: Vec::new(),
        thresholds: bench.profile.thresholds.clone(),
        evaluations: Vec::new(),
        verdict: Verdict::Passed,
        validity: RunValidity::default(),
        invalid_fails: true,
        trend_stats: bench.profile.summary_trend_stats.clone(),
        ended: Ended::Completed,
        exit_code: 0,
        notes: Vec::new(),
        fleet: None,
        part: None,
    };
    report.evaluations = evaluate_all(&report.thresholds, &report.view());
    let (version, digest) = (bench.run.version.clone(), bench.run.digest.clone());
    AgentResult { version, digest, index, of: bench.of, report }
}
