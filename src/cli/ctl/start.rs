//! `rampd ctl start`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::{
    agent::daemon::desk::{Accepted, HistoryPage, StartOverrides, StartRequest, WhenBusy},
    cli::{
        console::print,
        ctl::{
            client::{Daemon, Error},
            orders::{LOOK, path_of},
            show,
        },
    },
    config::{environment::Environment, overrides::parse_tag},
    exit::Exit,
    outputs::record::RunRecord,
};

/// Which run is started; changes mean what they mean for `rampd run`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Name of a profile of the daemon's configuration
    #[arg(value_name = "PROFILE", required_unless_present = "file", conflicts_with = "file")]
    profile: Option<String>,
    /// Run the profile in this file, which may read no files and no environment
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Label of the run on every series
    #[arg(long, value_name = "ID")]
    testid: Option<String>,
    /// Wait for its turn while another run goes on
    #[arg(long)]
    queue: bool,
    /// Wait for the end of the run, and end with its code; without this process, the run goes on
    #[arg(long)]
    wait: bool,
    /// A second start with the same key starts nothing
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Set a value for ${NAME} in the profile
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = Environment::parse_assignment)]
    env: Vec<(String, String)>,
    /// Replace the number of VUs
    #[arg(long, value_name = "N")]
    vus: Option<u32>,
    /// Replace the load by so many iterations
    #[arg(long, value_name = "N")]
    iterations: Option<u64>,
    /// Replace the load by a fixed number of VUs for this time
    #[arg(long, value_name = "TIME")]
    duration: Option<String>,
    /// Replace the load by this ramp; repeat for each stage
    #[arg(long, value_name = "TIME:TARGET")]
    stage: Vec<String>,
    /// Multiply every number of VUs, every rate and shared iterations
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,
    /// Divide the durations of stages and pauses
    #[arg(long, value_name = "FACTOR")]
    speed: Option<f64>,
    /// Put a tag on every sample of the run
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, String)>,
}

pub(super) async fn run(daemon: &mut Daemon, args: &Args, json: bool) -> Result<Exit, Error> {
    let request = request(args)?;
    let accepted: Accepted = daemon.post("/runs", &serde_json::json!(request)).await?;
    if json {
        print(&format!("{}\n", serde_json::json!(accepted)));
    } else {
        let state = match (accepted.repeated, accepted.queued) {
            (true, _) => "was accepted before",
            (false, true) => "waits for its turn",
            (false, false) => "starts",
        };
        print(&format!("{} {state}\n", accepted.id));
    }
    if args.wait { ended(daemon, &accepted.id).await } else { Ok(Exit::Passed) }
}

fn request(args: &Args) -> Result<StartRequest, Error> {
    let read =
        |path: &PathBuf| std::fs::read_to_string(path).map_err(|source| Error::File { path: path.clone(), source });
    Ok(StartRequest {
        profile: args.profile.clone(),
        profile_text: args.file.as_ref().map(read).transpose()?,
        overrides: StartOverrides {
            vus: args.vus,
            duration: args.duration.clone(),
            iterations: args.iterations,
            stages: args.stage.clone(),
            scale: args.scale,
            speed: args.speed,
            env: args.env.iter().cloned().collect(),
            tags: args.tag.iter().cloned().collect(),
        },
        testid: args.testid.clone(),
        when_busy: if args.queue { WhenBusy::Queue } else { WhenBusy::Refuse },
        key: args.key.clone(),
    })
}

/// Waits for the end of a run; says how it ended on standard error, and ends with its code.
pub(super) async fn ended(daemon: &mut Daemon, id: &str) -> Result<Exit, Error> {
    loop {
        match daemon.read(&path_of(id), &[]).await {
            Ok(body) => {
                let record: RunRecord = serde_json::from_slice(&body).map_err(Error::Foreign)?;
                print(&show::verdict(&record));
                return Ok(Exit::of_code(record.exit_code).unwrap_or(Exit::Failed));
            }
            Err(answered) if answered.code == "not_finished" => tokio::time::sleep(LOOK).await,
            // It ended without a record: its entry says why.
            Err(answered) if answered.code == "not_found" => return without_record(daemon, id).await,
            Err(answered) => return Err(answered.error),
        }
    }
}

async fn without_record(daemon: &mut Daemon, id: &str) -> Result<Exit, Error> {
    let page: HistoryPage = daemon.get("/runs", &[("limit", "200")]).await?;
    let entry = page.runs.into_iter().find(|run| run.id == id).ok_or_else(|| Error::Lost { id: id.to_owned() })?;
    print(&show::history(&HistoryPage { runs: vec![entry.clone()], next: None }));
    Ok(entry.exit_code.and_then(Exit::of_code).unwrap_or(Exit::Failed))
}
