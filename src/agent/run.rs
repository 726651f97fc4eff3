//! The life of one run, as a story: prepare, listen, start, watch, end, judge, report, linger.

use std::{io::Write as _, sync::Arc};

use tokio::task::JoinSet;

use crate::{
    agent::{
        admin::AdminServer, control::Control, control_socket::ControlSocket, error::Error, observe::Observer,
        options::Options, outcome, signals::Signals, steering,
    },
    config::profile::Profile,
    engine::limits::{Needs, Offer},
    exit::Exit,
    outputs::{progress::Progress, report::RunReport, summary, summary_export},
    plan::Plan,
};

/// Runs `profile` to its end.
///
/// # Errors
/// Why it did not start, or that it could not be ended in order. Everything measured until an
/// interrupt is reported and is no error.
pub async fn run(profile: Profile, options: Options, mut progress: Progress) -> Result<Exit, Error> {
    let plan = Arc::new(Plan::new(&profile));
    preflight(&plan, &profile, &options)?;
    // Writable now or never: after hours of load is too late to find out.
    if let Some(path) = &options.summary_export {
        std::fs::File::create(path).map_err(|source| Error::Export { path: path.clone(), source })?;
    }
    outcome::claim(&options)?;
    let mut signals = Signals::new()?;
    let (server, publisher, mut requests) = AdminServer::bind(options.listen)?;
    tracing::info!(metrics = %format!("http://{}/metrics", server.addr()), testid = options.testid, "Listening.");

    let mut observer = Observer::start(&profile)?;
    if let Some(observer) = &mut observer {
        observer.baseline().await;
    }
    let mut control = Control::prepare(&profile, plan, &options, publisher, observer)?;
    control.publish(false);
    let (steering, mut orders) = steering::channel();
    // Dropped with the run, and its file with it.
    let mut steered = JoinSet::new();
    if let Some(path) = &options.control_socket {
        steered.spawn(ControlSocket::bind(path)?.serve(steering));
    }
    let started = control.start(&profile, &options)?;
    let end = control.watch(started, &mut requests, &mut orders, &mut signals, &mut progress).await?;
    progress.finish();
    let (ended, notes) = control.settle(end, &mut requests, &mut signals).await;
    let (report, exit) = control.finish(&profile, &options, ended, notes);
    tell(&report, &options)?;
    outcome::write(report, &options)?;

    let last = control.publish(true);
    let lingered = server.scrapers().linger(last, options.linger, async {
        signals.next().await;
    });
    let lingered = lingered.await;
    if lingered.known > 0 {
        tracing::info!("Final state served: {lingered}.");
    }
    Ok(exit)
}

fn preflight(plan: &Plan, profile: &Profile, options: &Options) -> Result<(), Error> {
    let needs = Needs::of(plan, &profile.network, options.echo);
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
