//! Changing a run while it goes on: the control surface that a daemon's API, a control socket or an embedding program
//! holds. An order goes to the control thread, from there to every worker's channel with the instant at which all of them
//! follow it, and is answered when they have.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    agent::steering::steered::Steered,
    clock::Instant,
    engine::worker::Wheel,
    plan::{ScenarioPlan, segment::Segment, work::Work},
};

pub mod steered;

/// Orders that may wait; each is answered within [`PATIENCE`].
const WAITING: usize = 16;
/// For all workers; an idle one answers within a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why an order is not carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No scenario of that name.
    #[error("there is no scenario `{scenario}`; {what} can be set for: {known}")]
    Unknown {
        /// As asked for.
        scenario: String,
        /// What was to be set.
        what: Quantity,
        /// Those that can be set.
        known: String,
    },
    /// No name, and not exactly one scenario that it could be.
    #[error("name a scenario; {what} can be set for: {known}")]
    Unnamed {
        /// What was to be set.
        what: Quantity,
        /// Those that can be set.
        known: String,
    },
    /// Another executor.
    #[error(
        "the {what} of scenario `{scenario}` cannot be set, because of its executor; {what} can be set for: {known}"
    )]
    NotControlled {
        /// As asked for.
        scenario: String,
        /// What was to be set.
        what: Quantity,
        /// Those that can be set.
        known: String,
    },
    /// More than `maxVUs`, or than the plan's curve ever has.
    #[error("scenario `{scenario}` has at most {most} VUs, {vus} are too many; raise {key} and start again")]
    TooMany {
        /// As asked for.
        scenario: String,
        /// As asked for.
        vus: u32,
        /// The profile's.
        most: u32,
        /// Where the profile has it.
        key: &'static str,
    },
    /// Negative, no number, or more than any schedule has.
    #[error("{per_second} iterations a second are no rate; it is a number from 0 to 1000000000 per timeUnit")]
    NoRate {
        /// As asked for.
        per_second: f64,
    },
    /// Its time is over.
    #[error("scenario `{scenario}` is over; nothing begins in it any more")]
    Over {
        /// Its name.
        scenario: String,
    },
    /// Several agents share the load.
    #[error("this run is of a fleet, whose agents share the load; it can be stopped at its leader, and not be changed")]
    Fleet,
    /// The run has not begun, or has ended.
    #[error("no run is going on")]
    NoRun,
    /// Nothing begins any more.
    #[error("the run is ending; it can no longer be changed")]
    Ending,
    /// A worker did not answer.
    #[error("a worker has not answered within {PATIENCE:?}; it is overloaded, and follows later or not at all")]
    Unanswered,
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Of scenarios whose VUs loop.
    Vus,
    /// Of arrivals.
    Rate,
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vus => "VUs",
            Self::Rate => "rate",
        })
    }
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
    /// What is to be done.
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Whether somebody still waits for it: one that was given up is not carried out later.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Answers at once.
    pub fn answer(self, outcome: Result<(), Error>) {
        // Who asked may have gone.
        let _unheard = self.reply.send(outcome);
    }

    /// Answers an order that comes before the load; returns whether it ends the run. One that `follows` ends with its leader.
    #[must_use]
    pub fn answer_before_start(self, follows: bool) -> bool {
        let stops = self.action == Action::Stop;
        self.answer(match (stops, follows) {
            (true, false) => Ok(()),
            (true, true) => Err(Error::Fleet),
            (false, _) => Err(Error::NoRun),
        });
        stops && !follows
    }

    /// Answers an order that comes after the load; returns whether it ends the wait for what follows.
    #[must_use]
    pub fn answer_after_load(self) -> bool {
        let stops = self.action == Action::Stop;
        self.answer(if stops { Ok(()) } else { Err(Error::Ending) });
        stops
    }

    /// Answers when all workers have done it.
    pub fn answer_after(self, done: Vec<Option<oneshot::Receiver<()>>>) {
        // The control thread goes on; a worker may be busy for a moment.
        tokio::spawn(async move {
            let all = async {
                for worker in done {
                    // One that ends instead has nothing left to change.
                    let _done_or_ended = worker?.await;
                }
                Some(())
            };
            let done = timeout(PATIENCE, all).await.ok().flatten().ok_or(Error::Unanswered);
            self.answer(done);
        });
    }
}

/// What the workers of a run are told for an action at `at`; none if it is so already, or if it is no change of course.
///
/// # Errors
/// See [`enum@Error`].
pub fn wheel(action: &Action, steered: &Steered, at: Instant) -> Result<Option<Wheel>, Error> {
    if *action == Action::Stop {
        return Ok(None);
    }
    let plan = steered.plan();
    if plan.scenarios.iter().any(|planned| planned.segment != Segment::WHOLE) {
        return Err(Error::Fleet);
    }
    let elapsed = steered.elapsed(at);
    Ok(match action {
        Action::Stop => None,
        Action::Pause => (!steered.is_paused()).then_some(Wheel::Pause),
        Action::Resume => steered.is_paused().then_some(Wheel::Resume),
        Action::SetVus { scenario, vus } => {
            let (index, planned) = find(scenario.as_deref(), steered, Quantity::Vus, elapsed)?;
            let most = steered.most_vus(index).unwrap_or_default();
            if *vus > most {
                let live = matches!(planned.work, Work::Live { .. });
                let key = if live { "its `maxVUs`" } else { "the most VUs of its `vus` or `stages`" };
                return Err(Error::TooMany { scenario: planned.name.clone(), vus: *vus, most, key });
            }
            let plan = Arc::new(plan.with(index, planned.with_vus(elapsed, *vus)));
            Some(Wheel::Vus { scenario: index, vus: *vus, plan })
        }
        Action::SetRate { scenario, per_second } => {
            let (index, planned) = find(scenario.as_deref(), steered, Quantity::Rate, elapsed)?;
            let changed = planned.with_rate(elapsed, *per_second).ok_or(Error::NoRate { per_second: *per_second })?;
            Some(Wheel::Rate { scenario: index, plan: Arc::new(plan.with(index, changed)) })
        }
    })
}

/// A scenario by its name, or the only one that can be meant.
fn find<'s>(
    name: Option<&str>,
    steered: &'s Steered,
    what: Quantity,
    elapsed: Duration,
) -> Result<(usize, &'s ScenarioPlan), Error> {
    let fits = |index: usize| match what {
        Quantity::Vus => steered.most_vus(index).is_some(),
        Quantity::Rate => steered.has_rate(index),
    };
    let all = || steered.plan().scenarios.iter().enumerate();
    let fitting: Vec<_> = all().filter(|(index, _)| fits(*index)).collect();
    let known = || {
        let names: Vec<_> = fitting.iter().map(|(_, planned)| planned.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let (index, planned) = match (name, fitting.as_slice()) {
        (None, [only]) => *only,
        (None, _) => return Err(Error::Unnamed { what, known: known() }),
        (Some(name), _) => {
            let found = all().find(|(_, planned)| planned.name == name);
            found.ok_or_else(|| Error::Unknown { scenario: name.to_owned(), what, known: known() })?
        }
    };
    if !fits(index) {
        return Err(Error::NotControlled { scenario: planned.name.clone(), what, known: known() });
    }
    if elapsed >= planned.end {
        return Err(Error::Over { scenario: planned.name.clone() });
    }
    Ok((index, planned))
}

#[cfg(test)]
mod tests;
