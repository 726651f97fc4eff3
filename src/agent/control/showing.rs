//! What a run shows while it goes on, and the record it leaves.

use std::{sync::Arc, time::Duration};

use crate::{
    agent::{board::Board, control::Control, machine, options::Options},
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
        timeline::{
            Timeline,
            plan_curve::{Pause, PlanCurve},
            sampler::{Moment, Sampler},
        },
    },
    plan::{Plan, ScenarioPlan},
};

/// What is known beside the counts.
#[derive(Debug)]
pub(super) struct Showing {
    board: Board,
    sampler: Sampler,
    curve: PlanCurve,
    /// When the pause began that goes on.
    paused: Option<Instant>,
    /// The plan that the curve is of.
    planned: Arc<Plan>,
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
    pub(super) fn new(profile: &Profile, plan: &Arc<Plan>, options: &Options, table: &SeriesTable) -> Self {
        let (sampler, curve) = (Sampler::new(table, &profile.thresholds), PlanCurve::new(plan));
        // In the place of the last run's.
        options.board.draw(sampler.timeline(curve.corners(None, Duration::ZERO)).into());
        Self {
            board: options.board.clone(),
            sampler,
            curve,
            paused: None,
            planned: plan.clone(),
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

impl Drop for Showing {
    fn drop(&mut self) {
        if self.verdict.is_none() {
            self.board.give_up();
        }
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

    /// Orders may have changed the plan, or where its time stands.
    pub(super) fn follow_orders(&mut self, now: Instant) {
        let at = self.steered.elapsed(now);
        let showing = &mut self.showing;
        if !Arc::ptr_eq(&showing.planned, self.steered.plan()) {
            showing.planned = self.steered.plan().clone();
            showing.curve.replan(&showing.planned, at);
        }
        match (showing.paused, self.steered.is_paused()) {
            (None, true) => showing.paused = Some(now),
            (Some(since), false) => {
                showing.curve.pause(Pause { at, length: now.since(since) });
                showing.paused = None;
            }
            _ => {}
        }
        self.draw();
        self.show();
    }

    fn draw(&self) {
        self.showing.board.draw(self.timeline(Instant::now()).into());
    }

    fn timeline(&self, now: Instant) -> Timeline {
        let until = self.live.ended.unwrap_or(now);
        let at = self.steered.elapsed(until);
        let current = self.showing.paused.map(|since| Pause { at, length: until.since(since) });
        self.showing.sampler.timeline(self.showing.curve.corners(current, self.elapsed(now)))
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
            orders: self.orders,
            paused_seconds: ended.since(self.live.start).saturating_sub(self.steered.elapsed(ended)).as_secs_f64(),
            profile_text: Some(profile.shown.to_string()),
            machine: machine::read(self.showing.workers),
        };
        let timeline = self.timeline(ended);
        let blocks = self.showing.sampler.blocks(&self.live.view(ended));
        if let Some(fleet) = report.fleet.as_ref().filter(|fleet| fleet.agents.len() > 1) {
            // Its distributions are of one agent, the record's of all.
            let mut record = record::build(report, about, Course { timeline, ..Course::default() });
            record.notes.push(format!(
                "the curves are agent 0's alone; everything else is of all {} agents",
                fleet.agents.len()
            ));
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
        let planned = self.planned_elapsed(now);
        let thresholds = live.thresholds.iter().enumerate();
        RunStatus {
            id: self.showing.id.clone(),
            profile: self.showing.profile.clone(),
            testid: self.showing.testid.clone(),
            phase: phase(live.state),
            started_at: begun.then(|| self.time_of_day(live.start)),
            elapsed_seconds: self.elapsed(now).as_secs_f64(),
            plan_elapsed_seconds: planned.as_secs_f64(),
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
        let is_on = matches!(self.live.state, RunState::Running | RunState::Paused);
        let at = is_on.then(|| self.planned_elapsed(now));
        let scenarios = self.steered.plan().scenarios.iter().zip(&self.showing.executors).enumerate();
        let status = |(index, (scenario, executor)): (usize, (&ScenarioPlan, &&str))| ScenarioStatus {
            name: scenario.name.clone(),
            executor: (*executor).to_owned(),
            planned_vus: at.map_or(0, |at| scenario.vus_at(at).into()),
            max_vus: self.steered.most_vus(index),
            planned_rate: self.steered.has_rate(index).then(|| at.map_or(0.0, |at| scenario.rate_at(at))),
            ordered: self.steered.is_ordered(index),
        };
        scenarios.map(status).collect()
    }

    fn moment(&self, now: Instant) -> Moment {
        let (plan, planned) = (self.steered.plan(), self.planned_elapsed(now));
        Moment {
            at: self.elapsed(now).as_secs_f64(),
            planned_vus: plan.vus_at(planned).into(),
            planned_rate: plan.rate_at(planned),
            paused: self.steered.is_paused(),
        }
    }

    /// Of the plan, which stands still in pauses.
    fn planned_elapsed(&self, now: Instant) -> Duration {
        self.steered.elapsed(self.live.ended.unwrap_or(now))
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
        RunState::Paused => Phase::Paused,
        RunState::Stopping => Phase::Stopping,
        RunState::Finished | RunState::Aborted => Phase::Finished,
    }
}
