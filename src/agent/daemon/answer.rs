//! What is asked of the daemon, and what it answers.

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
    agent::{
        daemon::{
            Daemon,
            begin::Waiting,
            desk::{Accepted, Change, Refusal, Request, StartRequest, Trigger, WhenBusy},
            entry,
            history::{QUEUED, RUNNING, Stored},
            prepare,
        },
        steering::{Action, Error as SteeringError},
    },
    cli::check,
    daemon::lineup::{Patience, Turned},
    engine::limits::{Needs, Offer},
};

/// Label of series of a profile that was sent and has no name.
const UNNAMED: &str = "sent";

impl Daemon {
    /// Answers a request; who asked may have gone.
    pub fn answer(&mut self, request: Request, now: Timestamp) {
        match request {
            // Who has given up was told so: a run that starts nevertheless would be one too many.
            Request::Start(_, reply) if reply.is_closed() => {}
            Request::Validate(_, reply) if reply.is_closed() => {}
            Request::Start(request, reply) => {
                let answer = self.start(*request, now);
                // Before the answer: whoever has it finds the run.
                self.show();
                let _unheard = reply.send(answer);
            }
            Request::Change(run, change, reply) => self.change(&run, change, reply, now),
            Request::Validate(request, reply) => {
                let _unheard = reply.send(self.validate(&request));
            }
        }
    }

    fn start(&mut self, request: StartRequest, now: Timestamp) -> Result<Accepted, Refusal> {
        prepare::check(&request)?;
        if let Some(known) = request.key.as_ref().and_then(|key| self.history.by_key(key)) {
            let queued = known.entry.outcome == QUEUED;
            return Ok(Accepted { id: known.entry.id, queued, repeated: true });
        }
        if self.is_ending() {
            return Err(Refusal::Unavailable("the daemon is about to end".to_owned()));
        }
        let patience = match request.when_busy {
            WhenBusy::Refuse => Patience::None,
            WhenBusy::Queue => Patience::Waits,
        };
        let wanted = request.profile.clone();
        self.lineup.admit(wanted.as_deref().unwrap_or_default(), false, patience).map_err(turned)?;
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let testid = |name: &str| request.testid.clone().unwrap_or_else(|| format!("{name}-{stamp}"));
        let name = wanted.unwrap_or_else(|| UNNAMED.to_owned());
        let testid = testid(&name);
        let prepared = self.prepare(&name, Some(&request), &testid).map_err(super::begin::Unready::into_refusal)?;
        let id = self.history.new_id(&name, now);
        let mut stored = Stored::new(entry(&id, &name, &testid, Trigger::Request, now));
        stored.key.clone_from(&request.key);
        stored.request = Some(request.clone());
        // What waits is made anew when its turn comes, and takes no memory until then.
        let prepared = (!self.lineup.is_busy()).then_some(prepared);
        let waiting = Waiting { request: Some(request), testid, prepared };
        let queued = self.line_up(stored, waiting, patience);
        Ok(Accepted { id, queued, repeated: false })
    }

    fn validate(&self, request: &StartRequest) -> Result<String, Refusal> {
        prepare::check(request)?;
        let name = request.profile.as_deref().unwrap_or(UNNAMED);
        let testid = request.testid.as_deref().unwrap_or(name);
        let prepared = self.prepare(name, Some(request), testid).map_err(super::begin::Unready::into_refusal)?;
        let needs = Needs::of(&prepared.plan, &prepared.profile.network, false);
        Ok(check::describe(&prepared.profile, &prepared.plan, &needs, Offer::of_this_machine()))
    }

    fn change(&mut self, run: &str, change: Change, reply: oneshot::Sender<Result<(), Refusal>>, now: Timestamp) {
        let refused = match self.find(run) {
            Ok(stored) if stored.entry.outcome == RUNNING => match (self.permitted(&change), self.steering.clone()) {
                (Ok(()), Some(steering)) => {
                    // The run is on this thread, and answers only while nobody waits for it here.
                    tokio::spawn(async move {
                        let done = steering.order(action(change)).await.map_err(refusal);
                        let _unheard = reply.send(done);
                    });
                    return;
                }
                (Err(denied), _) => Err(denied),
                (_, None) => Err(ended(run)),
            },
            Ok(stored) if stored.entry.outcome == QUEUED && change == Change::Stop => {
                self.withdraw(stored, now);
                self.show();
                Ok(())
            }
            Ok(stored) if stored.entry.outcome == QUEUED => {
                Err(Refusal::Conflict(format!("the run `{run}` waits for its turn; it can only be stopped")))
            }
            Ok(_) => Err(ended(run)),
            Err(refusal) => Err(refusal),
        };
        let _unheard = reply.send(refused);
    }

    /// VUs of a scenario stay below the most of its curve, which the profile was allowed with; rates do not.
    fn permitted(&mut self, change: &Change) -> Result<(), Refusal> {
        let policy = &self.settings.config.policy;
        let permitted = match change {
            Change::ScaleVus { vus, .. } => policy.permits_vus((*vus).into()),
            Change::ScaleRate { scenario, per_second } => {
                let only = || self.rates.keys().next().cloned().unwrap_or_default();
                let name = scenario.clone().unwrap_or_else(only);
                let others: f64 = self.rates.iter().filter(|(other, _)| **other != name).map(|(_, rate)| rate).sum();
                let permitted = policy.permits_rate(others + per_second);
                if permitted.is_ok()
                    && let Some(highest) = self.rates.get_mut(&name)
                {
                    // What was allowed stays taken: the order may yet be refused, and the rate goes on.
                    *highest = highest.max(*per_second);
                }
                permitted
            }
            Change::Stop | Change::Pause | Change::Resume => Ok(()),
        };
        permitted.map_err(|denied| Refusal::Denied(denied.to_string()))
    }

    fn withdraw(&mut self, mut stored: Stored, now: Timestamp) {
        self.lineup.withdraw(&stored.entry.id);
        "stopped".clone_into(&mut stored.entry.outcome);
        stored.entry.note = Some("taken out of the queue before it began".to_owned());
        stored.request = None;
        self.close(stored, None, now);
    }

    fn find(&self, run: &str) -> Result<Stored, Refusal> {
        let id = match (run, self.lineup.running()) {
            ("current", Some(ticket)) => &ticket.id,
            ("current", None) => return Err(Refusal::Conflict("no run goes on".to_owned())),
            (id, _) => id,
        };
        self.history.get(id).ok_or_else(|| Refusal::NotFound(format!("there is no run `{id}`")))
    }
}

fn ended(run: &str) -> Refusal {
    Refusal::Conflict(format!("the run `{run}` has ended"))
}

fn action(change: Change) -> Action {
    match change {
        Change::Stop => Action::Stop,
        Change::Pause => Action::Pause,
        Change::Resume => Action::Resume,
        Change::ScaleVus { scenario, vus } => Action::SetVus { scenario, vus },
        Change::ScaleRate { scenario, per_second } => Action::SetRate { scenario, per_second },
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refusal(error: SteeringError) -> Refusal {
    let message = error.to_string();
    match error {
        SteeringError::NoRun | SteeringError::Ending | SteeringError::Over { .. } | SteeringError::Fleet => {
            Refusal::Conflict(message)
        }
        SteeringError::Busy | SteeringError::Unanswered => Refusal::Unavailable(message),
        SteeringError::Unknown { .. }
        | SteeringError::Unnamed { .. }
        | SteeringError::NotControlled { .. }
        | SteeringError::TooMany { .. }
        | SteeringError::NoRate { .. } => Refusal::Invalid(message),
    }
}

fn turned(turned: Turned) -> Refusal {
    match turned {
        Turned::Busy => Refusal::Busy("a run goes on or waits; ask again later, or with `whenBusy: queue`".to_owned()),
        Turned::Full => Refusal::QueueFull("as many runs wait as may (`queue.max`); ask again later".to_owned()),
        Turned::Waiting => Refusal::Conflict("its schedule has a run waiting already".to_owned()),
    }
}
