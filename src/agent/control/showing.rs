//! What a run shows while it goes on, and the record it leaves.

use std::time::Duration;

use crate::{
    agent::{board::Board, control::Control, facts, machine, options::Options},
    clock::Instant,
    config::profile::Profile,
    metrics::{exposition::run::RunState, series::SeriesTable},
    outputs::{
        record::{
            self, RunRecord,
            build::{About, Course},
        },
        report::RunReport,
        run_status::{Phase, RunStatus, ScenarioStatus, ThresholdStatus, ValidityStatus},
        timeline::sampler::{Moment, Sampler},
    },
    plan::{Plan, ScenarioPlan, work::Work},
};

/// What is known beside the counts.
#[derive(Debug)]
pub(super) struct Showing {
    board: Board,
    sampler: Sampler,
    id: String,
    profile: String,
    testid: String,
    /// k6's words, in the plan's order.
    executors: Vec<&'static str>,
    /// Threads that drive the load; 0 before its start.
    pub(super) workers: u32,
    /// Known at the end.
    verdict: Option<&'static str>,
    notes: Vec<String>,
}

impl Showing {
    pub(super) fn new(profile: &Profile, plan: &Plan, options: &Options, table: &SeriesTable) -> Self {
        Self {
            board: options.board.clone(),
            sampler: Sampler::new(plan, table, &profile.thresholds),
            id: options.id.clone(),
            profile: profile.name.clone(),
            testid: options.testid.clone(),
            executors: profile.scenarios.iter().map(|scenario| scenario.executor.name()).collect(),
            workers: 0,
            verdict: None,
            notes: Vec::new(),
        }
    }

    /// The run is judged.
    pub(super) fn close(&mut self, report: &RunReport) {
        self.verdict = Some(record::build::verdict(report));
        self.notes.clone_from(&report.notes);
    }
}

impl Control {
    /// Shows the present state to whoever looks: 10 µs.
    pub(super) fn show(&self) {
        self.showing.board.show(self.status(Instant::now()));
    }

    /// Takes the counts of a tick into the curves.
    pub(super) fn sample(&mut self, now: Instant) {
        let moment = self.moment(now);
        self.showing.sampler.take(moment, &self.live.view(now));
        self.draw();
    }

    /// Takes the final counts into the curves.
    pub(super) fn sample_last(&mut self, now: Instant) {
        let moment = self.moment(now);
        self.showing.sampler.end(moment, &self.live.view(now));
        self.draw();
        self.show();
    }

    fn draw(&self) {
        self.showing.board.draw(self.showing.sampler.timeline().into());
    }

    /// The finished run as one value: for its file, its history and its report.
    pub fn record(&mut self, report: &RunReport, profile: &Profile, options: &Options) -> RunRecord {
        let ended = self.live.ended.unwrap_or(self.live.start);
        let about = About {
            id: self.showing.id.clone(),
            digest: options.digest.clone(),
            started_at: self.time_of_day(self.live.start),
            ended_at: self.time_of_day(ended),
            plan_seconds: plan_seconds(&self.plan),
            profile_text: Some(profile.shown.to_string()),
            machine: machine::read(self.showing.workers),
        };
        let timeline = self.showing.sampler.timeline();
        let blocks = self.showing.sampler.blocks(&self.live.view(ended));
        if let Some(fleet) = report.fleet.as_ref().filter(|fleet| fleet.agents.len() > 1) {
            // Its distributions are of one agent, the record's of all.
            let mut record = record::build(report, about, Course { timeline, ..Course::default() });
            record.notes.push(format!("the curves are agent 0's alone; everything else is of all {} agents", fleet.agents.len()));
            return record;
        }
        let mut record = record::build(report, about, Course { timeline, blocks });
        if let Some(part) = report.part {
            let judge = if part.has_leader { "agent 0 has the verdict" } else { "`rampd merge` makes the verdict" };
            record.notes.push(format!("agent {} of {}, its part of the run; {judge}", part.index, part.of));
        }
        record
    }

    fn status(&self, now: Instant) -> RunStatus {
        let live = &self.live;
        let begun = live.scheduled && now >= live.start;
        let elapsed = self.elapsed(now).as_secs_f64();
        let thresholds = live.thresholds.iter().enumerate();
        RunStatus {
            id: self.showing.id.clone(),
            profile: self.showing.profile.clone(),
            testid: self.showing.testid.clone(),
            phase: phase(live.state),
            started_at: begun.then(|| self.time_of_day(live.start)),
            elapsed_seconds: elapsed,
            plan_elapsed_seconds: elapsed,
            plan_seconds: plan_seconds(&self.plan),
            latest: self.showing.sampler.latest(),
            scenarios: self.scenarios(now),
            thresholds: thresholds
                .map(|(index, threshold)| ThresholdStatus::of(threshold, live.evaluations.get(index)))
                .collect(),
            validity: ValidityStatus::of(self.health.validity(), None),
            verdict: self.showing.verdict.map(str::to_owned),
            exit_code: self.facts.exit_code,
            notes: self.showing.notes.clone(),
        }
    }

    fn scenarios(&self, now: Instant) -> Vec<ScenarioStatus> {
        let elapsed = self.elapsed(now);
        let at = (self.live.state == RunState::Running).then_some(elapsed);
        let planned = facts::planned(&self.plan, &self.ordered, at);
        let scenarios = self.plan.scenarios.iter().zip(planned).zip(&self.showing.executors).enumerate();
        let status = |(index, ((scenario, (_, planned_vus)), executor)): (usize, ((&ScenarioPlan, _), &&str))| {
            let is_live = matches!(scenario.work, Work::Live { .. });
            let has_rate = matches!(scenario.work, Work::Arrivals { .. });
            ScenarioStatus {
                name: scenario.name.clone(),
                executor: (*executor).to_owned(),
                planned_vus,
                max_vus: is_live.then(|| scenario.max_vus()),
                planned_rate: has_rate.then(|| at.map_or(0.0, |at| scenario.rate_at(at))),
                ordered: self.ordered.contains_key(&index),
            }
        };
        scenarios.map(status).collect()
    }

    fn moment(&self, now: Instant) -> Moment {
        let elapsed = self.elapsed(now);
        let planned = facts::planned(&self.plan, &self.ordered, Some(elapsed));
        Moment {
            at: elapsed.as_secs_f64(),
            planned_vus: planned.iter().map(|(_, vus)| vus).sum(),
            planned_rate: self.plan.rate_at(elapsed),
            paused: false,
        }
    }

    /// Since the start of the load, and not beyond its end.
    fn elapsed(&self, now: Instant) -> Duration {
        self.live.ended.unwrap_or(now).since(self.live.start)
    }

    /// RFC 3339, to the millisecond.
    fn time_of_day(&self, at: Instant) -> String {
        let millis = i64::try_from(self.wall.unix_nanos(at) / 1_000_000).unwrap_or_default();
        jiff::Timestamp::from_millisecond(millis).unwrap_or_default().to_string()
    }
}

/// 0 for a plan that has no end.
fn plan_seconds(plan: &Plan) -> f64 {
    if plan.is_endless() { 0.0 } else { plan.duration().as_secs_f64() }
}

fn phase(state: RunState) -> Phase {
    match state {
        RunState::Waiting => Phase::Starting,
        RunState::Running => Phase::Running,
        RunState::Stopping => Phase::Stopping,
        RunState::Finished | RunState::Aborted => Phase::Finished,
    }
}
