//! The leader, as `rampd run` has it: gathers, adds up, collects, merges.

use std::{sync::Arc, time::Duration};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};
use rampd::{
    agent::{fleet::leader::Leader, stopping},
    clock::Instant,
    fleet::{
        merge::Fold,
        message::Cause,
        result::{AgentResult, Reader},
        roster::reports_every,
    },
    metrics::{series::Series, snapshot::Snapshot, wire},
    slo::evaluate::is_judged,
};
use serde_json::{Value, json};

use crate::{Bench, counts, policy, raw, sleep_until, token};

/// Of each agent, before the leader stops the load.
const REPORTS: u32 = 4;
/// How often the sums are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What one phase took.
#[derive(Default)]
struct Cost(f64);

impl Cost {
    /// CPU seconds of the process since the last call, and the most memory that it has had, in MB.
    fn since(&mut self) -> Value {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("what this process has used");
        let seconds = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
        let cpu = seconds - std::mem::replace(&mut self.0, seconds);
        json!({ "cpu": cpu, "peak_mb": usage.max_rss() as f64 * 1024.0 / 1e6 })
    }
}

/// Leads one run from the first agent to the verdict.
pub(crate) async fn lead(bench: &Bench) -> Value {
    let counted = counts::snapshot(bench, 0);
    let add_up = json!({
        "judged": add_up(bench, &counted, |series| is_judged(&bench.profile.thresholds, series)),
        "all": add_up(bench, &counted, |_| true),
    });
    let own = counts::result(bench, 0, &counted);
    let table = bench.instruments.table.clone();
    let listen = "127.0.0.1:0".parse().expect("an address");
    let mut leader = Leader::open(listen, token(), bench.run.clone(), policy(), None, table).expect("a leader");
    println!("{}", leader.addr());
    let mut cost = Cost::default();
    let before = cost.since();

    let start = leader.gather().await.expect("all agents");
    sleep_until(start).await;
    let gathering = cost.since();
    let files = std::fs::read_dir("/proc/self/fd").expect("this process's files").count();

    let load_time = reports_every(bench.of, policy()) * REPORTS;
    let sums = watch_sums(bench, &leader, start + load_time).await;
    let load = cost.since();

    let stopped = raw(Instant::now());
    leader.stop(Cause::Stopped);
    leader.collect().await;
    let collected = raw(Instant::now());
    let collecting = cost.since();

    let began = Instant::now();
    let verdict = merge(&leader, own);
    let merge_seconds = Instant::now().since(began).as_secs_f64();
    let merging = cost.since();
    leader.wait_until_told().await;
    json!({
        "start": raw(start), "stopped": stopped, "collected": collected, "merge_seconds": merge_seconds,
        "load_seconds": load_time.as_secs_f64(), "files": files, "sums": sums, "verdict": verdict, "add_up": add_up,
        "before": before, "gathering": gathering, "load": load, "collecting": collecting, "merging": merging,
    })
}

/// Seconds between two sums, and whether the last one has what every agent has told.
async fn watch_sums(bench: &Bench, leader: &Leader, until: Instant) -> Value {
    let (mut last, mut changed): (Option<Arc<Snapshot>>, _) = (None, Vec::new());
    while Instant::now() < until {
        let sum = leader.others();
        let is_new = match (&sum, &last) {
            (Some(sum), Some(last)) => !Arc::ptr_eq(sum, last),
            (sum, _) => sum.is_some(),
        };
        if is_new {
            changed.push(Instant::now());
            last = sum;
        }
        tokio::time::sleep(LOOK).await;
    }
    let mut apart: Vec<_> = changed.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
    apart.sort_by(f64::total_cmp);
    let slot = bench.instruments.scenarios.first().and_then(|scenario| scenario.sites.first()).expect("a site").rtt;
    let counted = last.and_then(|sum| Some(sum.trend(slot)?.count()));
    let told = counts::MESSAGES * u64::from(bench.of - 1);
    json!({ "apart_median": apart.get(apart.len() / 2), "complete": counted == Some(told) })
}

/// What one report costs: bytes, and microseconds to read it and add it up.
fn add_up(bench: &Bench, counted: &Snapshot, wanted: impl Fn(&Series) -> bool) -> Value {
    const TIMES: u32 = 100;
    let table = &bench.instruments.table;
    let report = wire::encode(counted, table, wanted);
    let mut sum = Snapshot::empty(table);
    let began = Instant::now();
    (0..TIMES).for_each(|_| wire::add(&report, table, &mut sum).expect("a report"));
    let micros = (Instant::now().since(began) / TIMES).as_nanos() as f64 / 1e3;
    json!({ "bytes": report.len(), "us": micros })
}

/// As `rampd run` does it at the end.
fn merge(leader: &Leader, own: AgentResult) -> Value {
    let (results, lost) = leader.close();
    let (mut fold, mut reader) = (Fold::default(), Reader::default());
    let merged = results.len() + 1;
    let bytes: usize = results.iter().map(|(_, result)| result.len()).sum();
    fold.add(own).expect("the first of them");
    for (_, result) in results {
        fold.add(reader.read(&result).expect("a result")).expect("of the same run");
    }
    let (report, exit) = fold.finish(false, stopping::exit).expect("a report");
    json!({ "merged": merged, "lost": lost.len(), "bytes": bytes, "exit": exit.code(), "iterations": iterations(&report) })
}

fn iterations(report: &rampd::outputs::report::RunReport) -> u64 {
    report.view().sum(rampd::catalogue::Family::Iterations, |_| true)
}
