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
    slo::{
        judgement::Judgement,
        remote::{self, Judged, Scope, facts::Facts},
    },
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
    #[arg(long = "prometheus", value_name = "URL", env = "RAMPD_PROMETHEUS", hide_env_values = true)]
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
    let token = std::env::var("RAMPD_PROMETHEUS_TOKEN").unwrap_or_default();
    let tls = Tls { ca_file: args.ca_file.clone(), ..Tls::default() };
    let server = match Server::new(&args.server, &token, &tls) {
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
    let judgement = Judgement::of(threshold);
    let mut answers = Vec::new();
    for question in remote::questions(&judgement, scope, facts) {
        answers.push(server.ask(&question).await?);
    }
    Ok(remote::judge(&judgement, &answers, facts)?)
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
    let early = match ended(facts, crossed == 0) {
        Ended::Completed => "",
        Ended::Aborted => "; a threshold with abortOnFail ended it before its planned end",
        Ended::Interrupted => "; it was interrupted before its planned end",
        Ended::Stopped => "; it was stopped through the API before its planned end",
        Ended::Failed => "; an agent failed before its planned end",
    };
    let _never = writeln!(
        text,
        "{} of {} thresholds passed, by {} agent(s){state}{early}",
        judged.len() - crossed,
        judged.len(),
        facts.agents
    );
    text
}

/// How the run came to its end, by what its agents exited with. Of an agent that did not say so, a crossed threshold
/// is taken for `abortOnFail`, and none for an interrupt.
fn ended(facts: &Facts, passed: bool) -> Ended {
    let said = |exit: Exit| facts.exit_codes.contains(&exit.code());
    if !facts.aborted {
        Ended::Completed
    } else if said(Exit::Failed) {
        Ended::Failed
    } else if said(Exit::Interrupted) {
        Ended::Interrupted
    } else if said(Exit::StoppedByApi) {
        Ended::Stopped
    } else if said(Exit::ThresholdCrossed) || said(Exit::RunInvalid) || !passed {
        Ended::Aborted
    } else {
        Ended::Interrupted
    }
}

/// The code `run` ends with, whatever its own `--on-invalid` was.
fn exit(facts: &Facts, judged: &[Judged], on_invalid: OnInvalid) -> Exit {
    let said = |exit: Exit| facts.exit_codes.contains(&exit.code());
    let passed = judged.iter().all(|judged| judged.passed);
    // Besides its signals, what invalidates a run is an agent that was lost.
    let invalid = facts.invalid || said(Exit::RunInvalid);
    let written = !said(Exit::Failed);
    stopping::exit(ended(facts, passed), invalid && on_invalid == OnInvalid::Fail, passed, written)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn code(aborted: bool, invalid: bool, codes: &[u8], passed: bool, on_invalid: OnInvalid) -> u8 {
        let exit_codes = codes.iter().copied().collect::<BTreeSet<_>>();
        let facts = Facts { agents: 1, aborted, invalid, exit_codes, ..Facts::default() };
        let judged = Judged { metric: "m".into(), threshold: "t".into(), passed, found: String::new() };
        exit(&facts, &[judged], on_invalid).code()
    }

    #[test]
    fn the_code_is_that_of_run() {
        for (aborted, invalid, passed, on_invalid, expected) in [
            (false, false, true, OnInvalid::Fail, 0),
            (false, false, false, OnInvalid::Fail, 99),
            (false, true, true, OnInvalid::Fail, 96),
            (false, true, false, OnInvalid::Fail, 96),
            (false, true, true, OnInvalid::Warn, 0),
            (true, false, false, OnInvalid::Fail, 99),
            (true, false, true, OnInvalid::Fail, 105),
        ] {
            assert_eq!(code(aborted, invalid, &[], passed, on_invalid), expected);
        }
    }

    #[test]
    fn what_an_agent_exited_with_tells_who_ended_the_run() {
        for (aborted, invalid, codes, passed, expected) in [
            (false, false, &[0][..], true, 0),
            // Its JSON output could not be written.
            (false, false, &[1], true, 1),
            (true, false, &[1], true, 1),
            (true, false, &[103], true, 103),
            (true, false, &[103], false, 103),
            (true, false, &[105], true, 105),
            // Interrupted while a threshold was crossed.
            (true, false, &[105], false, 105),
            (true, true, &[105], true, 105),
            (true, false, &[99], false, 99),
            (true, true, &[96], false, 96),
            // A fleet that has lost an agent, or was ended by its leader.
            (false, false, &[0, 96], true, 96),
            (true, false, &[0, 105], true, 105),
            (true, false, &[0, 99], false, 99),
        ] {
            let found = code(aborted, invalid, codes, passed, OnInvalid::Fail);
            assert_eq!(found, expected, "{aborted} {invalid} {codes:?} {passed}");
        }
        assert_eq!(code(false, false, &[0, 96], true, OnInvalid::Warn), 0);
    }
}
