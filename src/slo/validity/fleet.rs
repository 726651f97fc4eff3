//! The validity of a fleet from that of its agents: never better than that of the worst of them, because the merged
//! figures hold what each of them measured.

use std::{collections::BTreeMap, time::Duration};

use crate::slo::validity::{
    Finding, Judgement, Level,
    limits::AGENTS_LOST,
    reason::Reason,
    run::{RunValidity, StageValidity},
    signals::{Events, Figure, Lag, OwnLimits, Signals, Throttled},
};

/// Takes the agents' validities one by one.
#[derive(Debug, Default)]
pub struct FleetValidity {
    findings: Vec<Finding>,
    signals: Signals,
    /// By their beginning: the last one of each agent ends with its load.
    stages: BTreeMap<Duration, (Duration, Signals, Vec<Finding>)>,
}

impl FleetValidity {
    /// Adds one agent's.
    pub fn add(&mut self, agent: u32, validity: &RunValidity) {
        let of_agent = |finding: &Finding| Finding { agent: Some(agent), ..*finding };
        self.findings.extend(validity.judgement.findings.iter().map(of_agent));
        self.signals = worst(&self.signals, &validity.signals);
        for stage in &validity.stages {
            let (to, signals, findings) = self.stages.entry(stage.from).or_default();
            *to = stage.to.max(*to);
            *signals = worst(signals, &stage.signals);
            findings.extend(stage.judgement.findings.iter().map(of_agent));
        }
    }

    /// Adds an agent whose part of the load is missing; if that is `allowed` the run is suspect and not invalid.
    pub fn lose(&mut self, agent: u32, allowed: bool) {
        self.findings.push(Finding {
            reason: Reason::AgentLost,
            level: if allowed { Level::Suspect } else { Level::Invalid },
            measured: Figure::Count(1),
            limit: Figure::Count(AGENTS_LOST.invalid.unwrap_or_default()),
            within: None,
            agent: Some(agent),
        });
    }

    /// What they say together.
    #[must_use]
    pub fn finish(self) -> RunValidity {
        let stages = self.stages.into_iter().map(|(from, (to, signals, findings))| StageValidity {
            from,
            to,
            signals,
            judgement: Judgement::of(findings),
        });
        RunValidity { judgement: Judgement::of(self.findings), signals: self.signals, stages: stages.collect() }
    }
}

/// Counts added up; lags and shares are those of the worst agent.
fn worst(left: &Signals, right: &Signals) -> Signals {
    let lag = |left, right| {
        both(left, right, |left: Lag, right: Lag| Lag {
            p99: left.p99.max(right.p99),
            samples: left.samples.saturating_add(right.samples),
            longest: left.longest.max(right.longest),
        })
    };
    let events = |left, right| {
        both(left, right, |left: Events, right: Events| Events {
            count: left.count.saturating_add(right.count),
            largest: left.largest.max(right.largest),
        })
    };
    let count = |left, right| both(left, right, u64::saturating_add);
    Signals {
        send_lag: lag(left.send_lag, right.send_lag),
        read_lag: lag(left.read_lag, right.read_lag),
        start_lag: lag(left.start_lag, right.start_lag),
        loop_lag: lag(left.loop_lag, right.loop_lag),
        run_queue: both(left.run_queue, right.run_queue, f64::max),
        cpu_pressure: both(left.cpu_pressure, right.cpu_pressure, f64::max),
        throttled: both(left.throttled, right.throttled, |left, right| Throttled {
            periods: left.periods.max(right.periods),
            time: left.time.saturating_add(right.time),
        }),
        dropped_slots: count(left.dropped_slots, right.dropped_slots),
        own_limits: both(left.own_limits, right.own_limits, |left, right| OwnLimits {
            attempts: left.attempts.saturating_add(right.attempts),
            fd_limit: left.fd_limit.saturating_add(right.fd_limit),
            no_local_port: left.no_local_port.saturating_add(right.no_local_port),
            no_memory: left.no_memory.saturating_add(right.no_memory),
        }),
        clock_gaps: events(left.clock_gaps, right.clock_gaps),
        clock_steps: events(left.clock_steps, right.clock_steps),
        samples_dropped: count(left.samples_dropped, right.samples_dropped),
        workers_lost: count(left.workers_lost, right.workers_lost),
    }
}

fn both<T>(left: Option<T>, right: Option<T>, joined: impl Fn(T, T) -> T) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(joined(left, right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::profile::LatencyClock, slo::validity::judge};

    fn of(signals: Signals) -> RunValidity {
        let judgement = judge(&signals, LatencyClock::Kernel);
        let (from, to) = (Duration::ZERO, Duration::from_secs(2));
        RunValidity::of(signals, judgement.clone(), vec![StageValidity { from, to, signals, judgement }])
    }

    #[test]
    fn a_last_stage_that_lasts_longer_on_one_agent_is_one_stage_all_the_same() {
        let mut fleet = FleetValidity::default();
        for (agent, seconds) in [(0, 2), (1, 4), (2, 3)] {
            let mut one = waiting(0.0, 0);
            one.stages[0].to = Duration::from_secs(seconds);
            fleet.add(agent, &one);
        }
        let stages = fleet.finish().stages;
        let spans: Vec<_> = stages.iter().map(|stage| (stage.from, stage.to)).collect();
        assert_eq!(spans, [(Duration::ZERO, Duration::from_secs(4))]);
    }

    fn waiting(run_queue: f64, dropped_slots: u64) -> RunValidity {
        of(Signals { run_queue: Some(run_queue), dropped_slots: Some(dropped_slots), ..Signals::default() })
    }

    #[test]
    fn a_fleet_is_as_valid_as_the_worst_of_its_agents_and_names_it() {
        let mut fleet = FleetValidity::default();
        [waiting(0.0, 0), waiting(0.9, 2), waiting(0.2, 3)]
            .iter()
            .zip(0..)
            .for_each(|(one, agent)| fleet.add(agent, one));
        let fleet = fleet.finish();
        assert_eq!(fleet.judgement.level, Level::Invalid);
        let found: Vec<_> =
            fleet.judgement.findings.iter().map(|finding| (finding.reason, finding.agent, finding.level)).collect();
        assert_eq!(
            found,
            [
                (Reason::RunQueue, Some(1), Level::Invalid),
                (Reason::RunQueue, Some(2), Level::Suspect),
                (Reason::DroppedSlots, Some(1), Level::Suspect),
                (Reason::DroppedSlots, Some(2), Level::Suspect),
            ]
        );
        assert_eq!((fleet.signals.run_queue, fleet.signals.dropped_slots), (Some(0.9), Some(5)));
        assert_eq!(fleet.stages.len(), 1, "the stages of all are the same");
        assert_eq!(fleet.stages[0].judgement.level, Level::Invalid);
    }

    #[test]
    fn a_lost_agent_makes_a_run_invalid_unless_that_is_allowed() {
        for (allowed, level) in [(false, Level::Invalid), (true, Level::Suspect)] {
            let mut fleet = FleetValidity::default();
            fleet.add(0, &waiting(0.0, 0));
            fleet.lose(1, allowed);
            let judgement = fleet.finish().judgement;
            assert_eq!((judgement.level, judgement.findings[0].agent), (level, Some(1)));
        }
    }
}
