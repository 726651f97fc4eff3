//! The life of one run, as a story: prepare, listen, start, watch, end, judge, report, linger. The listener is not the
//! run's own: that of `rampd serve` goes on after it.

use std::{io::Write as _, pin::pin, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{
    agent::{
        admin::{
            AdminServer,
            pages::{Page, Publisher, Requests},
        },
        annotate::Annotator,
        api::Surface,
        control::Control,
        control_socket::ControlSocket,
        error::Error,
        fleet::Fleet,
        observe::Observer,
        options::Options,
        outcome,
        signals::Signals,
        steering::{self, Orders},
    },
    clock::{Instant, Reading},
    config::profile::Profile,
    engine::limits::{Needs, Offer},
    exit::Exit,
    fleet::message::Cause,
    outputs::{
        annotation::RunName, ndjson, progress::Progress, record::RunRecord, report::RunReport, summary, summary_export,
    },
    plan::Plan,
};

/// Where a run shows itself and is told things.
#[derive(Debug)]
pub struct Site<'s> {
    /// Of pages of `/metrics`.
    pub publisher: Publisher,
    /// Scrapes.
    pub requests: &'s mut Requests,
    /// What it is told by people.
    pub orders: &'s mut Orders,
    /// What it is told by the system.
    pub signals: &'s mut Signals,
}

/// A run that has been judged.
#[derive(Debug)]
pub struct Concluded {
    /// Its figures.
    pub report: RunReport,
    /// The same as a document, with its curves.
    pub record: RunRecord,
    /// What they mean.
    pub exit: Exit,
    /// Its last page of `/metrics`.
    pub last: Page,
}

/// Runs `profile` to its end.
///
/// # Errors
/// Why it did not start, or that it could not be ended in order. Everything measured until an
/// interrupt is reported and is no error.
pub async fn run(profile: Profile, options: Options, mut progress: Progress) -> Result<Exit, Error> {
    let plan = admit(&profile, &options)?;
    let mut signals = Signals::new()?;
    let surface = Surface::read_only(options.board.reader());
    let (server, publisher, mut requests) = AdminServer::bind(options.listen, surface)?;
    tracing::info!(metrics = %format!("http://{}/metrics", server.addr()), testid = options.testid, "Listening.");
    let (steering, mut orders) = steering::channel();
    // Dropped with the run, and its file with it.
    let mut steered = JoinSet::new();
    if let Some(path) = &options.control_socket {
        steered.spawn(ControlSocket::bind(path)?.serve(steering));
    }
    let site = Site { publisher, requests: &mut requests, orders: &mut orders, signals: &mut signals };
    let Concluded { exit, last, .. } = conduct(&profile, plan, &options, site, &mut progress).await?;
    let lingered = server.scrapers().linger(last.generation, options.linger, async {
        signals.next().await;
    });
    let lingered = lingered.await;
    if lingered.known > 0 {
        tracing::info!("Final state served: {lingered}.");
    }
    Ok(exit)
}

/// The plan of a run that this machine can carry and whose outputs can be written.
///
/// # Errors
/// It cannot, or they cannot.
pub fn admit(profile: &Profile, options: &Options) -> Result<Arc<Plan>, Error> {
    let plan = Arc::new(Plan::of_segment(profile, options.segment()));
    preflight(&plan, profile, options)?;
    // Writable now or never: after hours of load is too late to find out.
    if let Some(path) = &options.summary_export {
        std::fs::File::create(path).map_err(|source| Error::Export { path: path.clone(), source })?;
    }
    for path in &options.json {
        std::fs::File::create(path).map_err(|source| ndjson::Error::Open { path: path.clone(), source })?;
    }
    outcome::claim(options)?;
    Ok(plan)
}

/// Drives and judges the load of an admitted profile; its last page is published when this returns.
///
/// # Errors
/// As [`run`].
pub async fn conduct(
    profile: &Profile,
    plan: Arc<Plan>,
    options: &Options,
    site: Site<'_>,
    progress: &mut Progress,
) -> Result<Concluded, Error> {
    let Site { publisher, requests, orders, signals } = site;
    // Once for the whole fleet: its targets are the same.
    let mut observer = if options.judges() { Observer::start(profile)? } else { None };
    if let Some(observer) = &mut observer {
        look_first(observer, options, orders, signals).await?;
    }
    let start_at = options.start_at.and_then(|at| start_at(at, options).transpose()).transpose()?;
    let mut control = Control::prepare(profile, plan, options, publisher, observer);
    control.publish(false);
    let mut fleet = control.join(profile, options, start_at)?;
    control.gather(&mut fleet, start_at, requests, orders, signals).await?;
    told(control.schedule(profile, options), &fleet).await?;
    fleet.begin();
    let started = told(control.start(profile, options), &fleet).await?;
    let marked = RunName { profile: &profile.name, testid: &options.testid };
    // A fleet's run is marked once.
    let grafana = options.annotate.clone().filter(|_| options.judges());
    let annotator = grafana.map(|grafana| Annotator::start(grafana, control.marks(marked)));
    let end = control.watch(started, requests, orders, &mut fleet, signals, progress).await?;
    progress.finish();
    // Targets are to be read after the load of all.
    let end = control.outlast(end, &mut fleet, requests, orders, signals).await;
    let (ended, notes) = control.settle(end, &fleet, requests, orders, signals).await;
    let own = control.finish(profile, options, ended, notes);
    let (mut report, exit) = control.conclude(&mut fleet, own, (profile, options), requests, signals).await;
    control.close(&report);
    Control::say(&report);
    if let Some(annotator) = annotator {
        let stop = async {
            signals.next().await;
        };
        let note = annotator.finish(&report, stop).await;
        report.notes.extend(note);
    }
    tell(&report, options)?;
    outcome::write_verdict(&report, options)?;
    let record = control.record(&report, profile, options);
    outcome::write_record(&record, options)?;
    outcome::write_report(&record, options)?;
    Ok(Concluded { report, record, exit, last: control.publish(true) })
}

/// Waits for the first pages of observed targets, as long as nobody ends the run: one that does not answer takes its whole
/// time limit.
async fn look_first(
    observer: &mut Observer,
    options: &Options,
    orders: &mut Orders,
    signals: &mut Signals,
) -> Result<(), Error> {
    let follows = options.has_leader() && !options.judges();
    let mut baseline = pin!(observer.baseline());
    loop {
        tokio::select! {
            biased;
            name = signals.next() => return Err(Error::InterruptedBeforeStart(name)),
            () = &mut baseline => return Ok(()),
            Some(order) = orders.next() => {
                if order.answer_before_start(follows) {
                    return Err(Error::StoppedBeforeStart);
                }
            }
        }
    }
}

/// The others of a fleet hear of a failure of its leader, and do not load until they miss it.
async fn told<T>(outcome: Result<T, Error>, fleet: &Fleet) -> Result<T, Error> {
    if let (Err(_), Fleet::Leader(leader)) = (&outcome, fleet) {
        leader.stop(Cause::Failed);
        leader.wait_until_told().await;
    }
    outcome
}

/// The instant of a time of day. One that is over means now to agents that speak with each other: one of them may have come
/// late, and the leader names the start.
fn start_at(unix_nanos: i128, options: &Options) -> Result<Option<Instant>, Error> {
    let now = Reading::now();
    match u64::try_from(unix_nanos - now.unix_nanos) {
        Ok(nanos) => Ok(Some(now.instant + Duration::from_nanos(nanos))),
        Err(_) if options.has_leader() => Ok(None),
        Err(_) => Err(Error::TooLate(Duration::from_nanos((now.unix_nanos - unix_nanos).unsigned_abs() as u64))),
    }
}

fn preflight(plan: &Plan, profile: &Profile, options: &Options) -> Result<(), Error> {
    let needs = Needs::of(plan, &profile.network, options.echo).with_agents(options.led());
    let mut shortages = needs.shortages(Offer::of_this_machine());
    shortages.extend(needs.missing_source());
    if shortages.is_empty() {
        return Ok(());
    }
    if !options.force {
        return Err(Error::Preflight(shortages));
    }
    for shortage in shortages {
        tracing::warn!("{shortage}; started regardless (--force)");
    }
    Ok(())
}

fn tell(report: &RunReport, options: &Options) -> Result<(), Error> {
    if !options.quiet {
        // A reader that has gone away does not change the verdict.
        let mut stdout = std::io::stdout().lock();
        let _unread = stdout.write_all(summary::render(report, options.style).as_bytes()).and_then(|()| stdout.flush());
    }
    if let Some(path) = &options.summary_export {
        let failed = |source| Error::Export { path: path.clone(), source };
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
        summary_export::write(report, &mut file).and_then(|()| file.flush()).map_err(failed)?;
    }
    Ok(())
}
