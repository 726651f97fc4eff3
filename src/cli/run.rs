//! `rampd run PROFILE`

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use clap::{Args as ClapArgs, ValueEnum};

use crate::{
    agent::{
        self,
        annotate::{ConfigError, Grafana},
        board::Board,
        options::Options,
    },
    cli::{
        Cli,
        console::{self, refuse},
        fleet,
        profile::{self, Changes},
    },
    clock::WallClock,
    config::{
        policy::{Author, Policy, TargetPolicy, TargetRule},
        profile::Profile,
    },
    echo::Echo,
    exit::Exit,
    outputs::{
        progress::{Mode, Progress},
        style::Style,
        verdict_note,
    },
    units::duration,
};

/// Options of a run.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The profile (YAML; a k6 options object in JSON is YAML too)
    pub profile: PathBuf,
    /// What to change in it.
    #[command(flatten)]
    pub changes: Changes,
    /// How to run it.
    #[command(flatten)]
    pub how: How,
}

/// How a profile is run.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "How to run")]
pub struct How {
    /// Label of this run on every series; by default the profile's name and the time
    #[arg(long, value_name = "ID", env = "RAMPD_TESTID")]
    pub testid: Option<String>,
    /// Address of /metrics
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6464", env = "RAMPD_LISTEN")]
    pub listen: SocketAddr,
    /// Longest wait after the end for scrapers to read the final state; 0 does not wait. By
    /// default it is learned from the scrapers themselves, and without one there is no wait
    #[arg(long, value_name = "TIME", value_parser = duration::parse, env = "RAMPD_LINGER")]
    pub linger: Option<Duration>,
    /// Write the summary as JSON, in the form of k6's --summary-export, except that `true` means passed
    #[arg(long, value_name = "FILE")]
    pub summary_export: Option<PathBuf>,
    /// Write the run as a file for `rampd merge`
    #[arg(long, value_name = "FILE", env = "RAMPD_RESULT")]
    pub result: Option<PathBuf>,
    /// Write the run as one JSON document, with its curves and distributions
    #[arg(long, value_name = "FILE", env = "RAMPD_RECORD")]
    pub record: Option<PathBuf>,
    /// Write the run as one HTML file to look at and to send: verdict, curves, percentiles, failures
    #[arg(long, value_name = "FILE", env = "RAMPD_REPORT")]
    pub report: Option<PathBuf>,
    /// Write the verdict as one short text, for example to /dev/termination-log
    #[arg(long, value_name = "FILE", env = "RAMPD_VERDICT_FILE")]
    pub verdict_file: Option<PathBuf>,
    /// Write every sample in k6's NDJSON lines; .gz compresses
    #[arg(long, value_name = "json=FILE", value_parser = json_output)]
    pub out: Option<PathBuf>,
    /// No progress and no summary
    #[arg(long, short)]
    pub quiet: bool,
    /// Run against an embedded echo target instead of the profile's own
    #[arg(long)]
    pub echo: bool,
    /// Run although the machine seems to have too few files or ports
    #[arg(long)]
    pub force: bool,
    /// What to do when the generator itself was the limit: end with code 96, or with the thresholds' code
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnInvalid::Fail)]
    pub on_invalid: OnInvalid,
    /// Make a Unix socket for `rampd ctl`, which sets the VUs of `externally-controlled` scenarios
    #[arg(long, value_name = "FILE", env = "RAMPD_CONTROL_SOCKET")]
    pub control_socket: Option<PathBuf>,
    /// Which agent of how many.
    #[command(flatten)]
    pub fleet: fleet::Membership,
    /// Mark the run and its stages in the Grafana at this address, with the service account's token in RAMPD_GRAFANA_TOKEN
    #[arg(long, value_name = "URL", env = "RAMPD_ANNOTATE_URL", hide_env_values = true)]
    pub annotate: Option<String>,
    /// PEM certificates to trust beside the built-in roots, for --annotate https://…
    #[arg(long, value_name = "FILE", env = "RAMPD_ANNOTATE_CA_FILE")]
    pub annotate_ca_file: Option<PathBuf>,
    /// Let connections go to these targets only: names, addresses or networks, each with or without ports, for example
    /// `*.example.com:443`; separated by commas, or repeated
    #[arg(long, value_name = "TARGET", value_delimiter = ',', env = "RAMPD_ALLOW_TARGETS", conflicts_with = "echo")]
    pub allow_target: Vec<TargetRule>,
    /// Threads that drive the load; by default one for each core that the process may use
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroU32>,
}

/// What to do when the run is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInvalid {
    /// End with code 96
    Fail,
    /// Say so, and end with the code of the thresholds
    Warn,
}

fn json_output(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("json", path)) if !path.is_empty() => Ok(path.into()),
        _ => Err(format!("`{text}` is no output; expected json=FILE, for example --out json=samples.json.gz")),
    }
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args, cli: &Cli) -> Exit {
    match profile::load(&args.profile, &args.changes) {
        Ok(profile) => execute(profile, &args.how, cli),
        Err(message) => refuse(Exit::BadConfiguration, &message),
    }
}

/// Runs a profile that has been read.
#[must_use]
pub fn execute(mut profile: Profile, how: &How, cli: &Cli) -> Exit {
    let progress = Progress::new(Mode::detect(how.quiet));
    if let Err(message) = console::start_logging(cli.log_format, &cli.log, progress.log_writer()) {
        return refuse(Exit::BadConfiguration, &message);
    }
    let annotate = match annotate(how) {
        Ok(annotate) => annotate,
        Err(error) => return refuse(Exit::BadConfiguration, &error),
    };
    if !how.allow_target.is_empty() {
        let policy = Policy { targets: TargetPolicy::of_daemon(Some(how.allow_target.clone())), ..Policy::default() };
        if let Err(denied) = policy.apply(&mut profile, Author::Operator) {
            return refuse(Exit::BadConfiguration, &denied);
        }
    }
    let digest = profile.digest().to_string();
    let fleet = match how.fleet.options(how.testid.as_deref()) {
        Ok(Some(_)) if how.echo => return refuse(Exit::BadConfiguration, &fleet::Error::Echo),
        Ok(fleet) => fleet,
        Err(error) => return refuse(Exit::BadConfiguration, &error),
    };
    let echo = if how.echo {
        match Echo::bind((Ipv4Addr::LOCALHOST, 0).into(), &Default::default()) {
            Ok(echo) => {
                tracing::info!(target_url = %format!("ws://{}", echo.addr()), "The embedded echo target answers instead of the profile's own.");
                for target in profile.http_targets() {
                    tracing::warn!(
                        target_url = target,
                        "The echo target speaks WebSocket only: this http step goes to the profile's own target."
                    );
                }
                profile = profile.redirected(echo.addr());
                Some(echo)
            }
            Err(error) => return refuse(Exit::Failed, &format!("cannot start the embedded echo target: {error}")),
        }
    } else {
        None
    };
    if profile.tls.insecure_skip_verify {
        tracing::warn!("insecureSkipTLSVerify: certificates are not checked.");
    }
    let proxies = &profile.network.proxies;
    for proxy in
        proxies.plain.iter().chain(proxies.secure.iter().filter(|secure| proxies.plain.as_ref() != Some(secure)))
    {
        tracing::info!(%proxy, "Connections go through a proxy.");
    }
    let testid = how.testid.clone().unwrap_or_else(|| testid(&profile.name));
    let options = Options {
        id: testid.clone(),
        board: Board::default(),
        testid,
        listen: how.listen,
        linger: how.linger,
        summary_export: how.summary_export.clone(),
        result: how.result.clone(),
        record: how.record.clone(),
        report: how.report.clone(),
        verdict_file: how.verdict_file.clone(),
        digest,
        json: how.out.iter().cloned().collect(),
        style: Style::new(console::colour()),
        quiet: how.quiet,
        force: how.force,
        echo: echo.is_some(),
        on_invalid: match how.on_invalid {
            OnInvalid::Fail => agent::options::OnInvalid::Fail,
            OnInvalid::Warn => agent::options::OnInvalid::Warn,
        },
        workers: how.workers,
        control_socket: how.control_socket.clone(),
        fleet,
        start_at: how.fleet.start_at,
        annotate,
        serve: None,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(Exit::Failed, &error),
    };
    let outcome = runtime.block_on(agent::run::run(profile, options, progress));
    runtime.shutdown_background();
    if let Some(echo) = echo {
        let counts = echo.stop();
        tracing::info!(
            opened = counts.opened,
            messages_in = counts.messages_in,
            messages_out = counts.messages_out,
            "The echo target's own counts."
        );
    }
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            tracing::error!("{error}");
            if let Some(path) = &how.verdict_file {
                let text = format!("failed: {error} (exit code {})\n", error.exit().code());
                if let Err(error) = verdict_note::write(path, &text) {
                    tracing::warn!("cannot write the verdict to {}: {error}", path.display());
                }
            }
            error.exit()
        }
    }
}

/// Where the run is marked, if anywhere.
fn annotate(how: &How) -> Result<Option<Grafana>, ConfigError> {
    let Some(address) = &how.annotate else { return Ok(None) };
    let token = std::env::var("RAMPD_GRAFANA_TOKEN").unwrap_or_default();
    Grafana::new(address, &token, how.annotate_ca_file.clone()).map(Some)
}

/// The profile's name with the time to the second: distinct for runs that follow each other.
fn testid(name: &str) -> String {
    let seconds = WallClock::now().unix_seconds();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    format!("{name}-{}", time.strftime("%Y%m%dT%H%M%SZ"))
}
