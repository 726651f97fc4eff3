//! The end of a fleet: results are handed in at the leader, and judged there as one.

use std::{pin::pin, time::Duration};

use tokio::time::{interval, sleep, sleep_until};

use crate::{
    agent::{
        admin::pages::Requests,
        control::{Control, End, finish::Finished},
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
/// From the last cut of the plan until every agent has ended its connections, given up on what hangs and handed in.
const LONGEST_END: Duration = Duration::from_secs(90);
/// What a follower's result may still take after a signal.
const PATIENCE_AFTER_SIGNAL: Duration = Duration::from_secs(5);

impl Control {
    /// Makes one of all agents' results, at the leader; any other gives its own away. Writes this agent's own result to
    /// its file, if one is asked for: that it cannot be written keeps nobody from the verdict.
    pub async fn conclude(
        &mut self,
        fleet: &mut Fleet,
        Finished { mut report, mut exit, mut written }: Finished,
        (profile, options): (&Profile, &Options),
        requests: &mut Requests,
        signals: &mut Signals,
    ) -> (RunReport, Exit) {
        self.live.state = RunState::Stopping;
        let mut own = AgentResult {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: options.digest.clone(),
            index: options.segment().index(),
            of: options.segment().of(),
            report: with_thresholds(report.clone(), profile),
        };
        if let Err(error) = outcome::write_result(&own, options) {
            tracing::error!("{error}");
            own.report.notes.push(error.to_string());
            report.notes.push(error.to_string());
            written = false;
        }
        match fleet {
            Fleet::Alone if options.judges() => {}
            Fleet::Alone => exit = own_part(exit),
            Fleet::Follower(follower) => {
                let handed_in = self.hand_in(follower, &own, requests, signals).await;
                exit = match handed_in {
                    // It has done what it was told.
                    Ok(()) if self.ended_by_leader => Exit::Passed,
                    Ok(()) => own_part(exit),
                    Err(why) => {
                        tracing::error!("The leader does not have this agent's result: {why}");
                        report.notes.push(format!("the leader does not have this agent's result: {why}"));
                        Exit::Failed
                    }
                };
            }
            Fleet::Leader(leader) => {
                (report, exit) = self.judge_all(leader, own, profile.fleet);
                leader.wait_until_told().await;
            }
        }
        if !written && exit == Exit::Passed {
            exit = Exit::Failed;
        }
        report.exit_code = exit.code();
        (report, exit)
    }

    /// Gives the leader the result. A first signal leaves time for what takes milliseconds where the leader is there.
    async fn hand_in(
        &mut self,
        follower: &mut Follower,
        own: &AgentResult,
        requests: &mut Requests,
        signals: &mut Signals,
    ) -> Result<(), String> {
        let mut handing_in = pin!(follower.hand_in(result::encode(own).into()));
        let (mut interrupted, mut patience) = (None, pin!(sleep(Duration::MAX)));
        loop {
            let gone = |name| Err(format!("interrupted by {name} before the leader had the result"));
            tokio::select! {
                biased;
                outcome = &mut handing_in => return outcome.map_err(|error| error.to_string()),
                name = signals.next() => {
                    if interrupted.replace(name).is_some() {
                        return gone(name);
                    }
                    patience.set(sleep(PATIENCE_AFTER_SIGNAL));
                }
                () = &mut patience, if interrupted.is_some() => return gone(interrupted.unwrap_or_default()),
                Some(request) = requests.recv() => request.respond(self.page(false)),
            }
        }
    }

    /// At the leader: waits until every other agent has handed in or is lost, and judges what they count meanwhile.
    pub async fn outlast(
        &mut self,
        (mut ended, mut notes): End,
        fleet: &mut Fleet,
        requests: &mut Requests,
        signals: &mut Signals,
    ) -> End {
        let Fleet::Leader(leader) = fleet else { return (ended, notes) };
        self.live.state = RunState::Stopping;
        // The first cause stays: most often they have been told.
        if let Some(cause) = cause(ended) {
            leader.stop(cause);
        }
        let mut looks = interval(LOOK_AT_OTHERS);
        // Theirs is the same plan; who still reports then hangs, and would for ever.
        let longest = self.plan.max_duration() + LONGEST_END + leader.lost_after();
        let patience = sleep_until(tokio::time::Instant::from_std((self.live.start + longest).to_std()));
        let mut patience = pin!(patience);
        loop {
            tokio::select! {
                biased;
                name = signals.next() => {
                    if ended == Ended::Interrupted {
                        tracing::warn!("{name}: the results that are there are judged.");
                        self.left_waiting = Some(format!("interrupted by {name} while other agents' results were to come"));
                        break;
                    }
                    tracing::warn!("{name}: the other agents end their load; a second signal does not wait for them.");
                    notes.push(format!("interrupted by {name} while other agents' load went on"));
                    ended = Ended::Interrupted;
                    leader.stop(Cause::Interrupted);
                }
                () = leader.collect() => break,
                () = &mut patience => {
                    self.left_waiting = Some("agents still report after their load's longest time: what is there is judged".to_owned());
                    break;
                }
                // Their load may last longer than this agent's.
                _ = looks.tick() => {
                    self.look();
                    self.facts.fleet.agents = leader.agents();
                    let verdict = self.live.tick_others(leader.others(), Instant::now());
                    if let Some(verdict) = verdict.filter(|_| ended == Ended::Completed) {
                        tracing::error!("{}", verdict.message().unwrap_or_default());
                        ended = Ended::Aborted;
                        leader.stop(Cause::Aborted);
                    }
                }
                Some(request) = requests.recv() => request.respond(self.page(false)),
            }
        }
        self.live.others = leader.others();
        (ended, notes)
    }

    /// At the leader, after [`Self::outlast`].
    fn judge_all(&mut self, leader: &Leader, own: AgentResult, policy: FleetPolicy) -> (RunReport, Exit) {
        let mut notes: Vec<_> = self.left_waiting.take().into_iter().collect();
        let (results, lost) = leader.close();
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
                Ok(mut result) if result.index == index => {
                    // Agent 0's `--on-invalid` is the fleet's.
                    result.report.invalid_fails = fallback.invalid_fails;
                    take(result);
                }
                Ok(result) => unread.push(format!("agent {index} has handed in the result of agent {}", result.index)),
                Err(error) => unread.push(format!("agent {index}'s result was not taken: {error}")),
            }
        }
        notes.extend(unread);
        // Those the load began without may be missed by agreement; those lost on the way may not.
        let allow_missing = lost.is_empty() && notes.is_empty() && policy.on_missing == OnMissing::Go;
        let (mut report, exit) = fold.finish(allow_missing, exit).unwrap_or((fallback, Exit::Failed));
        for note in notes {
            tracing::error!("{note}");
            report.notes.push(note);
        }
        self.live.evaluations.clone_from(&report.evaluations);
        self.health.judged_as_one(report.validity.clone());
        self.facts.fleet.agents = leader.agents();
        (report, exit)
    }
}

/// What the others are told if this agent's load did not last as long as it was to.
fn cause(ended: Ended) -> Option<Cause> {
    match ended {
        Ended::Completed => None,
        Ended::Aborted => Some(Cause::Aborted),
        Ended::Interrupted => Some(Cause::Interrupted),
        Ended::Stopped => Some(Cause::Stopped),
        Ended::Failed => Some(Cause::Failed),
    }
}

/// What a part of a run ends with: its own failure, and no verdict about the whole.
fn own_part(exit: Exit) -> Exit {
    match exit {
        Exit::Failed | Exit::Interrupted | Exit::StoppedByApi => exit,
        Exit::BadConfiguration | Exit::CannotListen | Exit::PreflightRefused => exit,
        Exit::Passed | Exit::RunInvalid | Exit::ThresholdCrossed => Exit::Passed,
    }
}

/// A part is not judged, but whoever merges it needs to know by what.
fn with_thresholds(mut report: RunReport, profile: &Profile) -> RunReport {
    report.thresholds.clone_from(&profile.thresholds);
    report.evaluations = evaluate_all(&report.thresholds, &report.view());
    report
}
