//! Setting the VUs of `externally-controlled` scenarios while a run goes on: the control surface that a daemon's
//! API or an embedding program holds. An order goes to the control thread, from there to every worker's
//! channel, and is answered when all of them have started or stopped their share.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    agent::crew::Crew,
    plan::{Plan, segment::Segment, work::Work},
};

/// Orders that may wait; each is answered within [`PATIENCE`].
const WAITING: usize = 16;
/// For all workers; an idle one answers within a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why VUs are not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No scenario of that name.
    #[error("there is no scenario `{scenario}`; VUs can be set for: {known}")]
    Unknown {
        /// As asked for.
        scenario: String,
        /// Those that can be set.
        known: String,
    },
    /// Another executor.
    #[error("the VUs of scenario `{scenario}` follow its executor; VUs can be set for: {known}")]
    NotControlled {
        /// As asked for.
        scenario: String,
        /// Those that can be set.
        known: String,
    },
    /// More than `maxVUs`.
    #[error("scenario `{scenario}` has at most {most} VUs, {vus} are too many; raise its `maxVUs` and start again")]
    TooMany {
        /// As asked for.
        scenario: String,
        /// As asked for.
        vus: u32,
        /// The profile's `maxVUs`.
        most: u32,
    },
    /// Several agents share the VUs.
    #[error("this run is of a fleet, whose agents share the VUs; they cannot be set while it goes on")]
    Fleet,
    /// The run has not begun, or has ended.
    #[error("no run is going on")]
    NoRun,
    /// A worker did not answer.
    #[error("a worker has not answered within {PATIENCE:?}; it is overloaded, and sets its VUs later or not at all")]
    Unanswered,
}

/// Holds the other end of [`Orders`].
#[derive(Debug, Clone)]
pub struct Steering(mpsc::Sender<Order>);

/// Where a run hears of its orders.
#[derive(Debug)]
pub struct Orders(mpsc::Receiver<Order>);

/// What a run can be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// So many VUs of a scenario from now on; without a name, of the only one.
    SetVus {
        /// Its name.
        scenario: Option<String>,
        /// How many.
        vus: u32,
    },
    /// So many iterations begin each second from now on, in a scenario with an arrival rate; without a name, in the only one.
    SetRate {
        /// Its name.
        scenario: Option<String>,
        /// How many.
        per_second: f64,
    },
    /// Nothing new begins.
    Pause,
    /// It goes on.
    Resume,
    /// The load ends in order, with [`crate::exit::Exit::StoppedByApi`].
    Stop,
}

/// An action with who waits for it.
#[derive(Debug)]
pub struct Order {
    action: Action,
    reply: oneshot::Sender<Result<(), Error>>,
}

/// A run's orders with who gives them.
#[must_use]
pub fn channel() -> (Steering, Orders) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Steering(sender), Orders(receiver))
}

impl Steering {
    /// Runs so many VUs of a scenario from now on; returns when they have been started or told to stop.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub async fn set_vus(&self, scenario: &str, vus: u32) -> Result<(), Error> {
        self.order(Action::SetVus { scenario: Some(scenario.to_owned()), vus }).await
    }

    /// Tells the run something; returns when it has taken effect on every worker.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub async fn order(&self, action: Action) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let order = Order { action, reply };
        let asked = async {
            self.0.send(order).await.map_err(|_| Error::NoRun)?;
            answer.await.map_err(|_| Error::NoRun)?
        };
        timeout(PATIENCE * 2, asked).await.unwrap_or(Err(Error::Unanswered))
    }
}

impl Orders {
    /// Of a run that nobody steers.
    #[must_use]
    pub fn none() -> Self {
        channel().1
    }

    /// The next order; none when nobody can give one any more.
    pub async fn next(&mut self) -> Option<Order> {
        self.0.recv().await
    }
}

impl Order {
    /// Passes the order on to the workers. Returns the scenario's place in the plan with its new number of VUs.
    pub fn carry_out(self, plan: &Plan, crew: &Crew) -> Option<(usize, u32)> {
        match self.check(plan) {
            Ok((scenario, vus)) => {
                let done = crew.set_vus(scenario, vus);
                // The control thread goes on; a worker may be busy for a moment.
                tokio::spawn(async move {
                    let all = async {
                        for worker in done {
                            worker?.await.ok()?;
                        }
                        Some(())
                    };
                    let done = timeout(PATIENCE, all).await.ok().flatten().ok_or(Error::Unanswered);
                    // Who asked may have gone.
                    let _unheard = self.reply.send(done);
                });
                Some((scenario, vus))
            }
            Err(error) => {
                let _unheard = self.reply.send(Err(error));
                None
            }
        }
    }

    fn check(&self, plan: &Plan) -> Result<(usize, u32), Error> {
        let Action::SetVus { scenario, vus } = &self.action else { return Err(Error::NoRun) };
        if plan.scenarios.iter().any(|planned| planned.segment != Segment::WHOLE) {
            return Err(Error::Fleet);
        }
        let controlled = plan.scenarios.iter().filter(|planned| matches!(planned.work, Work::Live { .. }));
        let known = || {
            let names: Vec<_> = controlled.map(|planned| planned.name.as_str()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let scenario = scenario.clone().unwrap_or_default();
        let found = plan.scenarios.iter().enumerate().find(|(_, planned)| planned.name == scenario);
        match found {
            None => Err(Error::Unknown { scenario, known: known() }),
            Some((index, planned)) => match planned.work {
                Work::Live { .. } if *vus > planned.max_vus() => {
                    Err(Error::TooMany { scenario, vus: *vus, most: planned.max_vus() })
                }
                Work::Live { .. } => Ok((index, *vus)),
                _ => Err(Error::NotControlled { scenario, known: known() }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

    fn checked(scenario: &str, vus: u32) -> Result<(usize, u32), Error> {
        let text = "
scenarios:
  flat: { executor: constant-vus, duration: 1s }
  live: { executor: externally-controlled, maxVUs: 5, duration: 1s }
flow: [{ sleep: 1s }]";
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let plan = Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap());
        let action = Action::SetVus { scenario: Some(scenario.to_owned()), vus };
        Order { action, reply: oneshot::channel().0 }.check(&plan)
    }

    #[test]
    fn only_controlled_scenarios_are_set_and_only_up_to_their_most() {
        assert_eq!((checked("live", 0), checked("live", 5)), (Ok((1, 0)), Ok((1, 5))));
        for (scenario, vus, message) in [
            ("live", 6, "scenario `live` has at most 5 VUs, 6 are too many; raise its `maxVUs` and start again"),
            ("flat", 1, "the VUs of scenario `flat` follow its executor; VUs can be set for: live"),
            ("none", 1, "there is no scenario `none`; VUs can be set for: live"),
        ] {
            assert_eq!(checked(scenario, vus).unwrap_err().to_string(), message);
        }
    }

    #[tokio::test]
    async fn an_order_after_the_run_is_refused_at_once() {
        let (steering, orders) = channel();
        drop(orders);
        assert_eq!(steering.set_vus("live", 1).await, Err(Error::NoRun));
    }
}
