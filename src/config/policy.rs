//! What the operator of a daemon allows: where connections may go, and how much load there may be. A policy is the
//! operator's alone: no profile can widen it.

mod reserved;
mod rule;
mod targets;

use std::time::Duration;

use crate::{config::profile::Profile, units::duration::display};

pub use rule::{RuleError, TargetRule};
pub use targets::TargetPolicy;

/// See the module. The default, which `rampd run` has, allows everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Where connections may go.
    pub targets: TargetPolicy,
    /// Most VUs: of all scenarios together, whether or not they overlap.
    pub max_vus: Option<u32>,
    /// Most iterations per second that arrival rates may ask for: the peaks of all scenarios together. Looping VUs have
    /// no rate of their own; `max_vus` bounds them.
    pub max_rate: Option<f64>,
    /// Longest plan, every gracefulStop included. A pause does not count: no load begins in it.
    pub max_duration: Option<Duration>,
}

/// Who has written a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The operator: a file that the daemon's configuration names, as it is.
    Operator,
    /// Whoever sent it over the API, or the variables that change where it goes.
    Request,
}

/// What is not allowed, and by what.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Denied {
    /// No entry covers it.
    #[error("{0} is not among the operator's allowed targets")]
    NotListed(String),
    /// A wider entry covers it, which is not enough.
    #[error("{target} is {what}: only its own address among the allowed targets would allow it")]
    Reserved {
        /// Host, and its address if it was looked up.
        target: String,
        /// What is there.
        what: &'static str,
    },
    /// A listed name leads to this machine.
    #[error("{0} is this machine: only its own address among the allowed targets would allow it")]
    ThisMachine(String),
    /// There is no list.
    #[error(
        "{0} is not allowed: what is sent over the API goes nowhere without `allowedTargets` in the daemon's configuration"
    )]
    NoTargets(String),
    /// `maxVUs`.
    #[error("{asked} VUs are more than the operator's `maxVUs`, {most}")]
    Vus {
        /// Of the profile or the change.
        asked: u64,
        /// The operator's.
        most: u32,
    },
    /// `maxRate`.
    #[error("{asked} iterations per second are more than the operator's `maxRate`, {most}")]
    Rate {
        /// Of the profile or the change.
        asked: f64,
        /// The operator's.
        most: f64,
    },
    /// `maxDuration`.
    #[error("the plan takes up to {}, more than the operator's `maxDuration`, {}", display(*asked), display(*most))]
    Duration {
        /// Of the profile.
        asked: Duration,
        /// The operator's.
        most: Duration,
    },
    /// A scenario that ends only when it is stopped, in spite of `maxDuration`.
    #[error("`{scenario}` has no `duration`; the operator's `maxDuration` is {}", display(*most))]
    Endless {
        /// Its name.
        scenario: String,
        /// The operator's.
        most: Duration,
    },
}

impl Policy {
    /// Checks a profile by `author` and makes its connections obey. After this its network's targets are the policy's.
    ///
    /// # Errors
    /// The first thing that is not allowed. Names are looked up when the run connects, and checked again then.
    pub fn apply(&self, profile: &mut Profile, author: Author) -> Result<(), Denied> {
        profile.network.targets = self.targets.of(author);
        self.caps(profile)?;
        profile.network.targets.check(profile)
    }

    /// Checks a profile of the operator's.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn check(&self, profile: &Profile) -> Result<(), Denied> {
        self.caps(profile)?;
        self.targets.check(profile)
    }

    /// Checks a number of VUs over all scenarios, as set while a run goes on.
    ///
    /// # Errors
    /// [`Denied::Vus`].
    pub fn permits_vus(&self, asked: u64) -> Result<(), Denied> {
        match self.max_vus {
            Some(most) if asked > most.into() => Err(Denied::Vus { asked, most }),
            _ => Ok(()),
        }
    }

    /// Checks iterations per second over all arrival rates, as set while a run goes on.
    ///
    /// # Errors
    /// [`Denied::Rate`]; what is no number is denied too.
    pub fn permits_rate(&self, asked: f64) -> Result<(), Denied> {
        match self.max_rate {
            Some(most) if asked.is_nan() || asked > most => Err(Denied::Rate { asked, most }),
            _ => Ok(()),
        }
    }

    fn caps(&self, profile: &Profile) -> Result<(), Denied> {
        let executors = || profile.scenarios.iter().map(|scenario| &scenario.executor);
        self.permits_vus(executors().map(|executor| u64::from(executor.most_vus())).sum())?;
        self.permits_rate(executors().map(|executor| executor.highest_rate()).sum())?;
        let Some(most) = self.max_duration else { return Ok(()) };
        for scenario in &profile.scenarios {
            let Some(duration) = scenario.executor.duration() else {
                return Err(Denied::Endless { scenario: scenario.name.clone(), most });
            };
            let asked = scenario.start_time.saturating_add(duration).saturating_add(scenario.graceful_stop);
            if asked > most {
                return Err(Denied::Duration { asked, most });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
