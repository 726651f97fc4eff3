//! `rampd verdict --prometheus URL --testid ID [PROFILE]`

mod client;

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use clap::Args as ClapArgs;

use crate::{
    agent::stopping,
    cli::{
        console::{self, refuse},
        profile::{self, Changes},
        run::OnInvalid,
        verdict::client::{Error, Server},
    },
    clock::Instant,
    config::{profile::Tls, threshold::Threshold},
    exit::Exit,
    outputs::report::Ended,
    slo::remote::{self, Basis, Judged, Scope, facts::Facts},
    units::duration,
};

/// Pause between two looks for the end of the run.
const PAUSE: Duration = Duration::from_millis(250);

/// Which run, and where it is stored.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Judge the thresholds of this profile; by default those that the run itself exported
    pub profile: Option<PathBuf>,
    /// Address of the Prometheus server; its bearer token, if it wants one, is taken from RAMPD_PROMETHEUS_TOKEN
    #[arg(long = "prometheus", value_name = "URL", env = "RAMPD_PROMETHEUS")]
    pub server: String,
    /// The run's testid
    #[arg(long, value_name = "ID", env = "RAMPD_TESTID")]
    pub testid: String,
    /// How far back the run's last scrape may be
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "24h")]
    pub within: Duration,
    /// How long to wait for the run's final state, which is stored a moment after the scrape
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "10s")]
    pub wait: Duration,
    /// What to do when the generator itself was the limit: end with code 96, or with the thresholds' code
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnInvalid::Fail)]
    pub on_invalid: OnInvalid,
    /// PEM certificates to trust beside the built-in roots, for https
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What to change in the profile.
    #[command(flatten)]
    pub changes: Changes,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let profile = args.profile.as_ref().map(|path| profile::load(path, &args.changes)).transpose();
    let thresholds = match profile {
        Ok(profile) => profile.map(|profile| profile.thresholds),
        Err(message) => return refuse(Exit::BadConfiguration, &message),
    };
    let token = std::env::var("RAMPD_PROMETHEUS_TOKEN").ok();
    let tls = Tls { ca_file: args.ca_file.clone(), ..Tls::default() };
    let server = match Server::new(&args.server, token, &tls) {
        Ok(server) => server,
        Err(error) => return refuse(Exit::BadConfiguration, &error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(Exit::Failed, &error),
    };
    let scope = Scope { testid: args.testid.clone(), within: args.within };
    let verdict = async {
        let mut server = server;
        let facts = facts(&mut server, &scope, args.wait).await?;
        let judged = judge(&mut server, &scope, &facts, thresholds.as_deref()).await?;
        Ok::<_, Error>((facts, judged))
    };
    match tokio::task::LocalSet::new().block_on(&runtime, verdict) {
        Ok((facts, judged)) => {
            console::print(&told(&facts, &judged));
            exit(&facts, &judged, args.on_invalid)
        }
        Err(error) => refuse(Exit::Failed, &error),
    }
}

/// Asks until the run is over in Prometheus, for at most `wait`.
async fn facts(server: &mut Server, scope: &Scope, wait: Duration) -> Result<Facts, Error> {
    let start = Instant::now();
    loop {
        let samples = server.ask(&Facts::query(scope)).await?;
        match Facts::of(&samples, scope) {
            Err(remote::Error::NoRun(_) | remote::Error::NotOver { .. }) if Instant::now().since(start) < wait => {
                tokio::time::sleep(PAUSE).await;
            }
            facts => return Ok(facts?),
        }
    }
}

async fn judge(
    server: &mut Server,
    scope: &Scope,
    facts: &Facts,
    thresholds: Option<&[Threshold]>,
) -> Result<Vec<Judged>, Error> {
    let mut judged = Vec::new();
    if let Some(thresholds) = thresholds {
        for threshold in thresholds {
            judged.push(one(server, scope, facts, threshold).await?);
        }
        return Ok(judged);
    }
    for claim in &facts.claims {
        judged.push(match remote::threshold_of(claim) {
            Some(threshold) => one(server, scope, facts, &threshold).await?,
            None => remote::by_word(&claim.metric, &claim.threshold, facts)?,
        });
    }
    Ok(judged)
}

async fn one(server: &mut Server, scope: &Scope, facts: &Facts, threshold: &Threshold) -> Result<Judged, Error> {
    let basis = Basis::of(threshold, scope, &facts.run_tags);
    let mut answers = Vec::new();
    for query in basis.queries() {
        answers.push(server.ask(query).await?);
    }
    Ok(remote::judge(threshold, &basis, &answers, facts)?)
}

fn told(facts: &Facts, judged: &[Judged]) -> String {
    let mut text = String::new();
    for Judged { metric, threshold, passed, found } in judged {
        let mark = if *passed { '✓' } else { '✗' };
        // Writing into a String cannot fail.
        let _never = writeln!(text, "{mark} {metric} '{threshold}' {found}");
    }
    let crossed = judged.iter().filter(|judged| !judged.passed).count();
    let state = if facts.invalid { "; the run is invalid: the generator was the limit" } else { "" };
    let early = if facts.aborted { "; it ended before its planned end" } else { "" };
    let _never = writeln!(
        text,
        "{} of {} thresholds passed, by {} agent(s){state}{early}",
        judged.len() - crossed,
        judged.len(),
        facts.agents
    );
    text
}

/// The code `run` ends with. Metrics do not tell who aborted a run: with a crossed threshold it is taken for
/// `abortOnFail`, without one for an interrupt.
fn exit(facts: &Facts, judged: &[Judged], on_invalid: OnInvalid) -> Exit {
    let passed = judged.iter().all(|judged| judged.passed);
    let ended = match (facts.aborted, passed) {
        (false, _) => Ended::Completed,
        (true, false) => Ended::Aborted,
        (true, true) => Ended::Interrupted,
    };
    stopping::exit(ended, facts.invalid && on_invalid == OnInvalid::Fail, passed, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_run() {
        for (aborted, invalid, passed, on_invalid, code) in [
            (false, false, true, OnInvalid::Fail, 0),
            (false, false, false, OnInvalid::Fail, 99),
            (false, true, true, OnInvalid::Fail, 96),
            (false, true, false, OnInvalid::Fail, 96),
            (false, true, true, OnInvalid::Warn, 0),
            (true, false, false, OnInvalid::Fail, 99),
            (true, false, true, OnInvalid::Fail, 105),
        ] {
            let facts = Facts { agents: 1, aborted, invalid, ..Facts::default() };
            let judged = Judged { metric: "m".into(), threshold: "t".into(), passed, found: String::new() };
            assert_eq!(exit(&facts, &[judged], on_invalid).code(), code);
        }
    }
}
