//! One run at a time, and who waits for its turn.

use std::collections::VecDeque;

/// A run that is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// By which it is known.
    pub id: String,
    /// Name of the profile.
    pub profile: String,
    /// Whether the profile's schedule asks for it, and no person.
    pub by_schedule: bool,
}

/// What to do if another run goes on or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It does not start.
    None,
    /// It waits.
    Waits,
}

/// Why a run does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Another goes on or waits.
    Busy,
    /// As many wait as may.
    Full,
    /// Its schedule has one waiting already.
    Waiting,
}

/// See the module. `T` is what a run needs to start.
#[derive(Debug)]
pub struct Lineup<T> {
    waiting: VecDeque<(Ticket, T)>,
    most: usize,
    running: Option<Ticket>,
}

impl<T> Lineup<T> {
    /// At most `most` wait while another goes on.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), most, running: None }
    }

    /// Another bound; who waits already goes on waiting.
    pub fn bound(&mut self, most: usize) {
        self.most = most;
    }

    /// Whether a run goes on or waits.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.running.is_some() || !self.waiting.is_empty()
    }

    /// Takes a run into the line; it starts when [`Self::take_next`] gives it out.
    ///
    /// # Errors
    /// It is not taken.
    pub fn offer(&mut self, ticket: Ticket, payload: T, patience: Patience) -> Result<(), Turned> {
        self.admit(&ticket.profile, ticket.by_schedule, patience)?;
        self.waiting.push_back((ticket, payload));
        Ok(())
    }

    /// Whether [`Self::offer`] would take a run.
    ///
    /// # Errors
    /// It would not.
    pub fn admit(&self, profile: &str, by_schedule: bool, patience: Patience) -> Result<(), Turned> {
        if !self.is_busy() {
            return Ok(());
        }
        if by_schedule && self.waiting.iter().any(|(ticket, _)| ticket.by_schedule && ticket.profile == profile) {
            return Err(Turned::Waiting);
        }
        match patience {
            Patience::None => Err(Turned::Busy),
            Patience::Waits if self.waiting.len() >= self.most => Err(Turned::Full),
            Patience::Waits => Ok(()),
        }
    }

    /// What each that waits needs to start.
    pub fn payloads_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.waiting.iter_mut().map(|(_, payload)| payload)
    }

    /// The next run, which goes on from now; none if one goes on or nobody waits.
    pub fn take_next(&mut self) -> Option<(Ticket, T)> {
        if self.running.is_some() {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.running = Some(next.0.clone());
        Some(next)
    }

    /// The run that goes on has ended.
    pub fn ended(&mut self) -> Option<Ticket> {
        self.running.take()
    }

    /// The run that goes on.
    #[must_use]
    pub fn running(&self) -> Option<&Ticket> {
        self.running.as_ref()
    }

    /// Takes a waiting run out of the line.
    pub fn withdraw(&mut self, id: &str) -> Option<(Ticket, T)> {
        let index = self.waiting.iter().position(|(ticket, _)| ticket.id == id)?;
        self.waiting.remove(index)
    }

    /// Who waits, first come, first served.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = (&Ticket, &T)> {
        self.waiting.iter().map(|(ticket, payload)| (ticket, payload))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Offer { profile: u8, by_schedule: bool, waits: bool },
        Next,
        Ended,
        Withdraw(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u8..3, any::<bool>(), any::<bool>())
                .prop_map(|(profile, by_schedule, waits)| Step::Offer { profile, by_schedule, waits }),
            2 => Just(Step::Next),
            2 => Just(Step::Ended),
            1 => (0_usize..40).prop_map(Step::Withdraw),
        ]
    }

    proptest! {
        /// One at a time, in the order they came, a bounded line, and no schedule twice in it.
        #[test]
        fn the_line_is_kept(steps in proptest::collection::vec(step(), 0..80), most in 0_usize..4) {
            let mut lineup = Lineup::new(most);
            let (mut given, mut taken, mut started) = (0_usize, Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Offer { profile, by_schedule, waits } => {
                        let ticket = Ticket { id: given.to_string(), profile: profile.to_string(), by_schedule };
                        let was_busy = lineup.is_busy();
                        let patience = if waits { Patience::Waits } else { Patience::None };
                        if lineup.offer(ticket, (), patience).is_ok() {
                            taken.push(given);
                        } else {
                            prop_assert!(was_busy, "nothing is turned away from an idle daemon");
                        }
                        given += 1;
                    }
                    Step::Next => {
                        let was_running = lineup.running().is_some();
                        let next = lineup.take_next();
                        prop_assert!(!(was_running && next.is_some()));
                        started.extend(next.map(|(ticket, ())| ticket.id.parse::<usize>().unwrap()));
                    }
                    Step::Ended => drop(lineup.ended()),
                    Step::Withdraw(id) => {
                        if lineup.withdraw(&id.to_string()).is_some() {
                            taken.retain(|one| *one != id);
                        }
                    }
                }
                prop_assert!(lineup.waiting().len() <= most.max(1));
                for profile in 0..3 {
                    let twice = lineup.waiting().filter(|(one, ())| one.by_schedule && one.profile == profile.to_string());
                    prop_assert!(twice.count() <= 1);
                }
            }
            prop_assert_eq!(&taken[..started.len()], &started[..]);
        }
    }

    #[test]
    fn why_a_run_is_turned_away() {
        let ticket = |id: &str, by_schedule| Ticket { id: id.into(), profile: "p".into(), by_schedule };
        let mut lineup = Lineup::new(2);
        assert_eq!(lineup.offer(ticket("1", false), (), Patience::None), Ok(()));
        assert_eq!(lineup.offer(ticket("2", false), (), Patience::None), Err(Turned::Busy), "one is about to start");
        assert_eq!(lineup.take_next().map(|(ticket, ())| ticket.id), Some("1".into()));
        assert_eq!(lineup.offer(ticket("3", true), (), Patience::Waits), Ok(()));
        assert_eq!(lineup.offer(ticket("4", true), (), Patience::Waits), Err(Turned::Waiting));
        assert_eq!(lineup.offer(ticket("5", false), (), Patience::Waits), Ok(()));
        assert_eq!(lineup.offer(ticket("6", false), (), Patience::Waits), Err(Turned::Full));
    }
}
