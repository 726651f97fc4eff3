//! The end of a fleet: results are handed in at the leader, and judged there as one.

use std::time::Duration;

use tokio::time::interval;

use crate::{
    agent::{
        admin::pages::Requests,
        control::Control,
        error::Error,
        fleet::{Fleet, follower::Follower, leader::Leader},
        options::Options,
        outcome,
        signals::Signals,
        stopping::exit,
    },
    clock::Instant,
    config::profile::{
        Profile,
        fleet::{FleetPolicy, OnMissing},
    },
    exit::Exit,
    fleet::{
        merge::Fold,
        message::Cause,
        result::{self, AgentResult, Reader},
    },
    metrics::exposition::run::RunState,
    outputs::report::{Ended, RunReport},
    slo::evaluate::evaluate_all,
};

/// How often the others' counts are judged after the leader's own load.
const LOOK_AT_OTHERS: Duration = Duration::from_secs(1);

impl Control {
    /// Makes one of all agents' results, at the leader; any other gives its own away. Writes this agent's own result to
    /// its file, if one is asked for.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn conclude(
        &mut self,
        fleet: &mut Fleet,
        (report, exit): (RunReport, Exit),
        (profile, options): (&Profile, &Options),
        requests: &mut Requests,
        signals: &mut Signals,
    ) -> Result<(RunReport, Exit), Error> {
        self.live.state = RunState::Stopping;
        let own = AgentResult {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: options.digest.clone(),
            index: options.segment().index(),
            of: options.segment().of(),
            report: with_thresholds(report.clone(), profile),
        };
        outcome::write_result(&own, options)?;
        match fleet {
            Fleet::Alone if options.judges() => Ok((report, exit)),
            Fleet::Alone => Ok((report, own_part(exit))),
            Fleet::Follower(follower) => Ok(self.hand_in(follower, &own, exit, report, requests, signals).await),
            Fleet::Leader(leader) => Ok(self.judge_all(leader, (own, exit), profile.fleet, requests, signals).await),
        }
    }

    async fn hand_in(
        &mut self,
        follower: &mut Follower,
        own: &AgentResult,
        exit: Exit,
        mut report: RunReport,
        requests: &mut Requests,
        signals: &mut Signals,
    ) -> (RunReport, Exit) {
        let handed_in = {
            let mut handing_in = std::pin::pin!(follower.hand_in(result::encode(own).into()));
            loop {
                tokio::select! {
                    biased;
                    name = signals.next() => break Err(format!("interrupted by {name} before the leader had the result")),
                    outcome = &mut handing_in => break outcome.map_err(|error| error.to_string()),
                    Some(request) = requests.recv() => request.respond(self.page(false)),
                }
            }
        };
        let exit = match handed_in {
            // It has done what it was told.
            Ok(()) if self.ended_by_leader => Exit::Passed,
            Ok(()) => own_part(exit),
            Err(why) => {
                tracing::error!("The leader does not have this agent's result: {why}");
                report.notes.push(format!("the leader does not have this agent's result: {why}"));
                Exit::Failed
            }
        };
        report.exit_code = exit.code();
        (report, exit)
    }

    async fn judge_all(
        &mut self,
        leader: &mut Leader,
        (mut own, own_exit): (AgentResult, Exit),
        policy: FleetPolicy,
        requests: &mut Requests,
        signals: &mut Signals,
    ) -> (RunReport, Exit) {
        let mut notes = Vec::new();
        let mut looks = interval(LOOK_AT_OTHERS);
        loop {
            tokio::select! {
                biased;
                name = signals.next() => {
                    if own.report.ended == Ended::Interrupted {
                        tracing::warn!("{name}: the results that are there are judged.");
                        notes.push(format!("interrupted by {name} while other agents' results were to come"));
                        break;
                    }
                    tracing::warn!("{name}: the other agents end their load; a second signal does not wait for them.");
                    own.report.notes.push(format!("interrupted by {name} while other agents' load went on"));
                    own.report.ended = Ended::Interrupted;
                    leader.stop(Cause::Interrupted);
                }
                () = leader.collect() => break,
                // Their load may last longer than this agent's.
                _ = looks.tick(), if own.report.ended == Ended::Completed => {
                    if let Some(verdict) = self.live.tick_others(leader.others(), Instant::now()) {
                        tracing::error!("{}", verdict.message().unwrap_or_default());
                        own.report.ended = Ended::Aborted;
                        leader.stop(Cause::Aborted);
                    }
                }
                Some(request) = requests.recv() => request.respond(self.page(false)),
            }
        }
        let (results, lost) = leader.results();
        let fallback = own.report.clone();
        let (mut fold, mut reader) = (Fold::default(), Reader::default());
        let mut take = |result: AgentResult| {
            let index = result.index;
            if let Err(error) = fold.add(result) {
                notes.push(format!("agent {index}'s result was not taken: {error}"));
            }
        };
        take(own);
        let mut unread = Vec::new();
        for (index, bytes) in results {
            match reader.read(&bytes) {
                Ok(result) if result.index == index => take(result),
                Ok(result) => unread.push(format!("agent {index} has handed in the result of agent {}", result.index)),
                Err(error) => unread.push(format!("agent {index}'s result was not taken: {error}")),
            }
        }
        notes.extend(unread);
        // Those the load began without may be missed by agreement; those lost on the way may not.
        let allow_missing = lost.is_empty() && notes.is_empty() && policy.on_missing == OnMissing::Go;
        let (mut report, mut exit) = fold.finish(allow_missing, exit).unwrap_or((fallback, Exit::Failed));
        for note in notes {
            tracing::error!("{note}");
            report.notes.push(note);
        }
        if own_exit == Exit::Failed && exit == Exit::Passed {
            // An output of the leader itself is not whole.
            exit = Exit::Failed;
        }
        report.exit_code = exit.code();
        self.live.evaluations.clone_from(&report.evaluations);
        self.facts.fleet.agents = leader.agents();
        leader.wait_until_told().await;
        (report, exit)
    }
}

/// What a part of a run ends with: its own failure, and no verdict about the whole.
fn own_part(exit: Exit) -> Exit {
    match exit {
        Exit::Failed | Exit::Interrupted | Exit::BadConfiguration | Exit::CannotListen | Exit::PreflightRefused => exit,
        Exit::Passed | Exit::RunInvalid | Exit::ThresholdCrossed | Exit::StoppedByApi => Exit::Passed,
    }
}

/// A part is not judged, but whoever merges it needs to know by what.
fn with_thresholds(mut report: RunReport, profile: &Profile) -> RunReport {
    report.thresholds.clone_from(&profile.thresholds);
    report.evaluations = evaluate_all(&report.thresholds, &report.view());
    report
}
