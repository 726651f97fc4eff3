//! `rampd generate`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use crate::{
    cli::{
        console::{print, refuse},
        dashboards, helm_values,
        profile::{self, Changes},
    },
    exit::Exit,
    generate::{
        alertmanager,
        rulefile::{self, Format},
        rules::{self, RUNBOOKS},
        standing, unit_tests,
    },
};

/// What to write.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// What to write.
    #[command(subcommand)]
    pub what: What,
}

/// What can be written; to standard output but for the dashboards.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Prometheus rules: an alert for each threshold of a profile, and points to compare runs by
    ///
    /// Without a profile, the rules that hold for every run.
    Rules(RulesArgs),
    /// Unit tests of a profile's rules, for promtool test rules
    PromtoolTest(PromtoolTestArgs),
    /// Alertmanager's configuration for the alerts of runs
    Alertmanager(AlertmanagerArgs),
    /// Grafana dashboards: one run, several runs, and the fleet with its generators; written to a folder
    Dashboards(dashboards::Args),
    /// Values of the Helm chart: the profile, deadlines, what each agent needs, rules
    HelmValues(helm_values::Args),
}

/// Options of `generate rules`.
#[derive(Debug, Clone, ClapArgs)]
pub struct RulesArgs {
    /// The profile; without it, the rules that hold for every profile
    pub profile: Option<PathBuf>,
    /// Form of the rules
    #[arg(long, value_enum, default_value_t = RulesFormat::Rules)]
    pub format: RulesFormat,
    /// Address of the pages about alerts, for their runbook_url
    #[arg(long, value_name = "URL", default_value = RUNBOOKS)]
    pub runbooks: String,
    /// What to change in the profile.
    #[command(flatten)]
    pub changes: Changes,
}

/// Form of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFormat {
    /// A file for rule_files of Prometheus
    Rules,
    /// A PrometheusRule for the operator
    Prometheusrule,
}

/// Options of `generate promtool-test`.
#[derive(Debug, Clone, ClapArgs)]
pub struct PromtoolTestArgs {
    /// The profile
    pub profile: PathBuf,
    /// File of the rules as seen from that of the tests; without it, NAME.rules.yaml beside it
    #[arg(long, value_name = "PATH")]
    pub rules: Option<String>,
    /// What to change in the profile.
    #[command(flatten)]
    pub changes: Changes,
}

/// Options of `generate alertmanager`.
#[derive(Debug, Clone, ClapArgs)]
pub struct AlertmanagerArgs {
    /// Where the alerts of runs are sent
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9099/alerts")]
    pub webhook: String,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let text = match &args.what {
        What::Rules(args) => rules(args),
        What::PromtoolTest(args) => profile::load(&args.profile, &args.changes).map(|profile| {
            let beside = format!("{}.rules.yaml", profile.name);
            unit_tests::of_profile(&profile, args.rules.as_deref().unwrap_or(&beside))
        }),
        What::Alertmanager(args) => Ok(alertmanager::config(&args.webhook)),
        What::Dashboards(args) => return dashboards::run(args),
        What::HelmValues(args) => return helm_values::run(args),
    };
    match text {
        Ok(text) => {
            print(&text);
            Exit::Passed
        }
        Err(message) => refuse(Exit::BadConfiguration, &message),
    }
}

fn rules(args: &RulesArgs) -> Result<String, String> {
    let format = match args.format {
        RulesFormat::Rules => Format::Rules,
        RulesFormat::Prometheusrule => Format::PrometheusRule,
    };
    let Some(path) = &args.profile else {
        return Ok(rulefile::render(&standing::rules(&args.runbooks), format, "every-run", standing::COMMENT));
    };
    let profile = profile::load(path, &args.changes)?;
    let groups = rules::of_profile(&profile, &args.runbooks);
    Ok(rulefile::render(&groups, format, &profile.name, &rules::comment(&profile)))
}
