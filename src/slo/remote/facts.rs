//! What the agents of a run have said of themselves.

use std::collections::BTreeSet;

use crate::slo::{
    promql::quoted,
    remote::{Error, Scope, answer::Sample},
};

/// The series that [`Facts`] are made of.
const SERIES: [&str; 9] = [
    "rampd_fleet_agents",
    "rampd_fleet_size",
    "rampd_run_exit_code",
    "rampd_run_finished",
    "rampd_run_state",
    "rampd_validity_state",
    "rampd_threshold_limit",
    "rampd_threshold_value",
    "rampd_threshold_passed",
];

/// What agents say of one threshold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claim {
    /// As typed.
    pub metric: String,
    /// As typed.
    pub threshold: String,
    /// In base units; the last one read of several agents.
    pub value: Option<f64>,
    /// Each agent's judgement.
    pub passed: Vec<bool>,
}

impl Claim {
    /// Whether it was met by all who have judged it.
    #[must_use]
    pub fn all_passed(&self) -> bool {
        !self.passed.is_empty() && self.passed.iter().all(|passed| *passed)
    }
}

/// A finished run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Agents that took part.
    pub agents: usize,
    /// Agents that the run was planned with, as they say; 0 if they do not.
    pub fleet_size: usize,
    /// Whether one of them ended before its planned end.
    pub aborted: bool,
    /// What they exited with, each once; empty if none has said so.
    pub exit_codes: BTreeSet<u8>,
    /// Whether the generator was the limit in one of them.
    pub invalid: bool,
    /// The thresholds of its profile.
    pub claims: Vec<Claim>,
}

impl Facts {
    /// What to ask. `last_over_time` keeps the names, so that it is one question.
    #[must_use]
    pub fn query(scope: &Scope) -> String {
        let names = format!("{{__name__=~\"{}\",testid={}}}", SERIES.join("|"), quoted(&scope.testid));
        format!("last_over_time({names}[{}ms])", scope.within.as_millis())
    }

    /// What the answer means.
    ///
    /// # Errors
    /// The run is not known, not over, or stored twice.
    pub fn of(samples: &[Sample], scope: &Scope) -> Result<Self, Error> {
        let named = |name: &'static str| samples.iter().filter(move |sample| sample.label("__name__") == Some(name));
        if named("rampd_run_finished").next().is_none() {
            return Err(Error::NoRun(scope.testid.clone()));
        }
        let mut instances = BTreeSet::new();
        for agent in named("rampd_run_finished") {
            let instance = agent.label("instance").unwrap_or_default();
            if !instances.insert(instance) {
                return Err(Error::Twice(instance.to_owned()));
            }
        }
        let over = named("rampd_run_finished").filter(|agent| agent.value == 1.0).count();
        let expected = named("rampd_fleet_size").map(|size| size.value as usize).max().unwrap_or_default();
        // A fleet's leader alone knows who belongs to the verdict, and how the run of all ended.
        let leader = named("rampd_fleet_agents").next().map(|agents| agents.label("instance"));
        let in_state = |state| {
            let known = named("rampd_fleet_agents").filter(move |agents| agents.label("state") == Some(state));
            known.map(|agents| agents.value as usize).sum::<usize>()
        };
        let absent = in_state("missing") + in_state("lost");
        let agents = if leader.is_some() { expected.saturating_sub(absent) } else { instances.len().max(expected) };
        if over < agents {
            return Err(Error::NotOver { missing: agents - over, agents });
        }
        let speaks = |sample: &&Sample| leader.is_none_or(|leader| sample.label("instance") == leader);
        let is = |name, state| {
            named(name).filter(speaks).any(|sample| sample.label("state") == Some(state) && sample.value == 1.0)
        };
        let mut facts = Self {
            agents,
            fleet_size: if leader.is_some() { agents } else { expected },
            aborted: is("rampd_run_state", "aborted"),
            exit_codes: named("rampd_run_exit_code").filter(speaks).map(|code| code.value as u8).collect(),
            invalid: is("rampd_validity_state", "invalid"),
            ..Self::default()
        };
        for limit in named("rampd_threshold_limit") {
            facts.claim_mut(limit);
        }
        for value in named("rampd_threshold_value") {
            facts.claim_mut(value).value = Some(value.value);
        }
        for passed in named("rampd_threshold_passed") {
            facts.claim_mut(passed).passed.push(passed.value == 1.0);
        }
        Ok(facts)
    }

    /// What was said of one threshold.
    #[must_use]
    pub fn claim(&self, metric: &str, threshold: &str) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.metric == metric && claim.threshold == threshold)
    }

    /// What the one agent said that has judged a threshold for all: the only one, or the leader of a fleet, whose others
    /// do not judge. Agents of a run that know nothing of each other each judge what they have seen themselves.
    #[must_use]
    pub fn word(&self, metric: &str, threshold: &str) -> Option<&Claim> {
        let alone = self.agents == 1 || self.agents == self.fleet_size;
        self.claim(metric, threshold).filter(|claim| alone && claim.passed.len() == 1)
    }

    fn claim_mut(&mut self, sample: &Sample) -> &mut Claim {
        let text = |name| sample.label(name).unwrap_or_default().to_owned();
        let (metric, threshold) = (text("metric"), text("threshold"));
        let known = self.claims.iter().position(|claim| claim.metric == metric && claim.threshold == threshold);
        let index = known.unwrap_or_else(|| {
            self.claims.push(Claim { metric, threshold, ..Claim::default() });
            self.claims.len() - 1
        });
        &mut self.claims[index]
    }
}
