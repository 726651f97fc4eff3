//! `rampd serve CONFIG`

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args as ClapArgs;
use jiff::Timestamp;

use crate::{
    agent::daemon::{
        serve::{self, Options},
        settings::Settings,
    },
    cli::{
        Cli,
        console::{self, print, refuse},
    },
    echo::Echo,
    exit::Exit,
    outputs::progress::{Mode, Progress},
    units::duration,
};

/// Options of the daemon.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "Signals:\n  \
    SIGHUP             reads the configuration anew; one that is wrong is refused, and the one before goes on\n  \
    SIGTERM, SIGINT    ends the run that goes on in order, then the daemon; a second one ends at once\n\n\
    Example:\n  \
    rampd serve config/rampd.yaml --check\n  \
    rampd serve config/rampd.yaml")]
pub struct Args {
    /// The configuration (YAML): profiles, when they run, what is kept and allowed
    pub config: PathBuf,
    /// Check the configuration and every profile in it, print when they run, and end
    #[arg(long)]
    pub check: bool,
    /// Address of /metrics, the API and the page, instead of the configuration's
    #[arg(long, value_name = "ADDR", env = "RAMPD_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Longest wait after a run for scrapers to read its final state before the next one begins; 0 does
    /// not wait. By default it is learned from the scrapers themselves
    #[arg(long, value_name = "TIME", value_parser = duration::parse, env = "RAMPD_LINGER")]
    pub linger: Option<Duration>,
    /// Run against an embedded echo target instead of the profiles' own
    #[arg(long)]
    pub echo: bool,
    /// Run although the machine seems to have too few files or ports
    #[arg(long)]
    pub force: bool,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args, cli: &Cli) -> Exit {
    if args.check {
        return check(args);
    }
    let progress = Progress::new(Mode::Quiet);
    if let Err(message) = console::start_logging(cli.log_format, &cli.log, progress.log_writer()) {
        return refuse(Exit::BadConfiguration, &message);
    }
    let echo = match args.echo.then(|| Echo::bind((Ipv4Addr::LOCALHOST, 0).into(), &Default::default())).transpose() {
        Ok(echo) => echo,
        Err(error) => return refuse(Exit::Failed, &format!("cannot start the embedded echo target: {error}")),
    };
    let options = Options {
        config: args.config.clone(),
        listen: args.listen,
        linger: args.linger,
        echo: echo.as_ref().map(Echo::addr),
        force: args.force,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(Exit::Failed, &error),
    };
    let outcome = runtime.block_on(serve::serve(options));
    runtime.shutdown_background();
    if let Some(echo) = echo {
        let counts = echo.stop();
        tracing::info!(opened = counts.opened, messages_in = counts.messages_in, "The echo target's own counts.");
    }
    match outcome {
        Ok(()) => Exit::Passed,
        Err(error) => refuse(error.exit(), &error),
    }
}

fn check(args: &Args) -> Exit {
    let now = Timestamp::now();
    let settings = match Settings::read(&args.config, args.listen, now) {
        Ok(settings) => settings,
        Err(rejected) => return refuse(Exit::BadConfiguration, &rejected.problem),
    };
    let mut text = format!("{} is a valid configuration.\n\n", args.config.display());
    for profile in &settings.config.profiles {
        let when = match &profile.schedule {
            Some(schedule) => {
                let next = schedule.next_after(now).map(|next| next.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
                format!("`{}`, next {}", schedule.expression(), next.unwrap_or_else(|| "never".to_owned()))
            }
            None => "on request".to_owned(),
        };
        let start = if profile.on_start { ", and when the daemon starts" } else { "" };
        text.push_str(&format!("  * {}: {} ({when}{start})\n", profile.name, profile.file.display()));
    }
    let history = &settings.config.history;
    text.push_str(&format!("\nhistory: {} in {}\n", history.max_runs, history.dir.display()));
    print(&text);
    Exit::Passed
}
