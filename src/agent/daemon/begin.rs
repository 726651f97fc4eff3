//! A run of the daemon, from what it needs to its end.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    agent::{
        admin::pages::{Publisher, Requests},
        daemon::{
            Daemon, Finished,
            desk::{Refusal, StartRequest},
            prepare,
        },
        error::Error,
        options::{OnInvalid, Options},
        run::{self, Concluded, Site},
        signals::Signals,
        steering::{self, Orders},
    },
    config::profile::Profile,
    daemon::lineup::Ticket,
    exit::Exit,
    metrics::exposition::serve::ServeFacts,
    outputs::{
        progress::{Mode, Progress},
        style::Style,
    },
    plan::Plan,
};

/// What a run in the line needs to begin.
#[derive(Debug)]
pub struct Waiting {
    /// Who asked for it, and how; none if a schedule did.
    pub request: Option<StartRequest>,
    /// Label of its series.
    pub testid: String,
    /// If it begins at once: what was made to see whether it can.
    pub prepared: Option<Box<Prepared>>,
}

/// A profile that can be run.
#[derive(Debug)]
pub struct Prepared {
    pub(super) profile: Profile,
    pub(super) plan: Arc<Plan>,
    pub(super) options: Options,
}

/// Why a run does not begin.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// The profile.
    #[error("{0}")]
    Refused(Refusal),
    /// This machine.
    #[error(transparent)]
    Unfit(#[from] Error),
}

impl Unready {
    /// The exit code that tells it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::BadConfiguration,
            Self::Unfit(error) => error.exit(),
        }
    }

    /// For who asked.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Unfit(error) => Refusal::Invalid(error.to_string()),
        }
    }
}

/// A run that goes on as soon as it is polled.
#[derive(Debug)]
pub struct Begun {
    id: String,
    prepared: Box<Prepared>,
    publisher: Publisher,
    orders: Orders,
}

impl Daemon {
    /// What a run of `profile` needs, by its name in the configuration or as it was sent.
    ///
    /// # Errors
    /// It cannot run.
    pub(super) fn prepare(
        &self,
        profile: &str,
        request: Option<&StartRequest>,
        testid: &str,
    ) -> Result<Box<Prepared>, Unready> {
        let policy = &self.settings.config.policy;
        let changes = request.map(|request| &request.overrides);
        let sent = request.and_then(|request| Some((request.profile_text.as_ref()?, &request.overrides)));
        let made = match sent {
            Some((text, changes)) => prepare::sent(text, policy, changes),
            None => match self.settings.profile(profile) {
                Some((entry, source)) => prepare::configured(entry, source, policy, changes),
                None => Err(Refusal::NotFound(format!("the configuration has no profile `{profile}`"))),
            },
        };
        let mut profile = made.map_err(Unready::Refused)?;
        let digest = profile.digest().to_string();
        if let Some(echo) = self.options.echo {
            profile = profile.redirected(echo);
            profile.network.targets = profile.network.targets.with_address(echo);
        }
        let options = self.options_of(testid, digest, self.facts.subscribe());
        let plan = run::admit(&profile, &options)?;
        Ok(Box::new(Prepared { profile, plan, options }))
    }

    /// Takes the run into hand.
    pub(super) fn ready(&mut self, ticket: &Ticket, waiting: Waiting) -> Result<Begun, Unready> {
        let Waiting { request, testid, prepared } = waiting;
        let mut prepared = match prepared {
            Some(prepared) => prepared,
            None => self.prepare(&ticket.profile, request.as_ref(), &testid)?,
        };
        prepared.options.id.clone_from(&ticket.id);
        let highest = prepared.profile.scenarios.iter().map(|one| (one.name.clone(), one.executor.highest_rate()));
        self.rates = highest.filter(|(_, rate)| *rate > 0.0).collect();
        let (steering, orders) = steering::channel();
        self.steering = Some(steering);
        Ok(Begun { id: ticket.id.clone(), prepared, publisher: self.publisher.clone(), orders })
    }

    fn options_of(&self, testid: &str, digest: String, serve: watch::Receiver<Arc<ServeFacts>>) -> Options {
        Options {
            id: testid.to_owned(),
            board: self.board.clone(),
            testid: testid.to_owned(),
            listen: self.settings.config.listen,
            linger: self.options.linger,
            summary_export: None,
            result: None,
            record: None,
            report: None,
            verdict_file: None,
            digest,
            json: Vec::new(),
            style: Style::new(false),
            quiet: true,
            force: self.options.force,
            echo: self.options.echo.is_some(),
            on_invalid: OnInvalid::Fail,
            workers: None,
            control_socket: None,
            annotate: None,
            fleet: None,
            start_at: None,
            serve: Some(serve),
        }
    }
}

impl Begun {
    /// Runs to the end; gives back what was lent.
    pub async fn conduct(self, mut requests: Requests, mut signals: Signals) -> (Requests, Finished) {
        let Self { id, prepared, publisher, mut orders } = self;
        let Prepared { profile, plan, options } = *prepared;
        let lent = (&mut requests, &mut orders);
        let outcome = conduct(&profile, plan, &options, publisher, lent, &mut signals).await;
        (requests, Finished { id, outcome })
    }
}

async fn conduct(
    profile: &Profile,
    plan: Arc<Plan>,
    options: &Options,
    publisher: Publisher,
    (requests, orders): (&mut Requests, &mut Orders),
    signals: &mut Signals,
) -> Result<Concluded, Error> {
    let site = Site { publisher, requests, orders, signals };
    run::conduct(profile, plan, options, site, &mut Progress::new(Mode::Quiet)).await
}
