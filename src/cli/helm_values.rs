//! `rampd generate helm-values`

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroU32,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use clap::Args as ClapArgs;

use crate::{
    cli::{
        console::{print, refuse},
        profile,
    },
    config::{self, environment::Environment, profile::Profile, source::Source},
    engine::limits::Needs,
    exit::Exit,
    generate::{
        helm_values::{self, ALL_PORTS, Request, inputs::Inputs},
        rules::RUNBOOKS,
    },
    plan::{Plan, segment::Segment},
    units::duration,
};

/// Most bytes of files in the values: Helm keeps a release, its values and its objects, in a Secret of at most 1,048,576
/// bytes. 510 KiB of tokens came to 1,149,872 there.
const MOST_FILES: u64 = 256 << 10;

/// Options of `generate helm-values`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The profile
    pub profile: PathBuf,
    /// Number of agents that share the load
    #[arg(long, value_name = "N", default_value = "1")]
    pub parallelism: NonZeroU32,
    /// Where to write the values; by default to standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Set a value for ${NAME}; it is written into the values, so no secrets
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = Environment::parse_assignment)]
    pub env: Vec<(String, String)>,
    /// Write the files behind `data:` into the values too; they are readable in the ConfigMap and in Helm's release
    #[arg(long)]
    pub inline_data: bool,
    /// Longest wait at the end for scrapers to read the final state
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "45s")]
    pub linger: Duration,
    /// Address of the pages about alerts, for their runbook_url
    #[arg(long, value_name = "URL", default_value = RUNBOOKS)]
    pub runbooks: String,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let text = match values(args) {
        Ok(text) => text,
        Err((exit, message)) => return refuse(exit, &message),
    };
    match &args.out {
        None => print(&text),
        Some(path) => {
            if let Err(error) = fs::write(path, text) {
                return refuse(Exit::Failed, &format!("cannot write {}: {error}", path.display()));
            }
        }
    }
    Exit::Passed
}

fn values(args: &Args) -> Result<String, (Exit, String)> {
    let bad = |message: String| (Exit::BadConfiguration, message);
    let source = Source::read(&args.profile).map_err(|report| bad(report.to_string()))?;
    let typed = config::typed(&source).map_err(|report| bad(report.to_string()))?;
    let changes = profile::Changes { env: args.env.clone(), ..Default::default() };
    let profile = profile::load(&args.profile, &changes).map_err(bad)?;
    let agents = args.parallelism.get();
    let ports = ports(&profile, agents).map_err(|message| (Exit::PreflightRefused, message))?;
    let inputs = Inputs::of(&typed, &args.env);
    let around = Around::of(&inputs, source.directory(), args);
    Ok(helm_values::render(&Request {
        profile: &profile,
        typed: &typed,
        origin: &args.profile.file_name().unwrap_or_default().to_string_lossy(),
        agents,
        env: &args.env,
        files: &around.files,
        missing: &around.missing,
        data_bytes: around.bytes,
        ports,
        linger: args.linger,
        runbooks: &args.runbooks,
    }))
}

/// Ports that the largest agent needs towards one address; refuses what no range of ports has.
fn ports(profile: &Profile, agents: u32) -> Result<u64, String> {
    let plan = Plan::of_segment(profile, Segment::new(0, agents).unwrap_or(Segment::WHOLE));
    let needs = Needs::of(&plan, &profile.network, false);
    let mut most = 0;
    for (target, ports) in &needs.ports {
        let each = ports.needed.div_ceil(ports.pairs.max(1));
        if each > ALL_PORTS {
            let enough = (u64::from(agents) * each).div_ceil(ALL_PORTS);
            return Err(format!(
                "each agent would need {each} connections to one address of {target}, which has {ALL_PORTS} ports for it; \
                 take --parallelism {enough} or more"
            ));
        }
        most = most.max(each);
    }
    Ok(most)
}

/// Files and variables that the profile names.
#[derive(Debug, Default)]
struct Around {
    files: BTreeMap<String, String>,
    missing: Vec<String>,
    bytes: u64,
}

impl Around {
    fn of(inputs: &Inputs, directory: &Path, args: &Args) -> Self {
        let mut around = Self::default();
        for name in &inputs.variables {
            if !args.env.iter().any(|(known, _)| known == name) {
                around.missing.push(format!(
                    "The profile wants the variable {name}: take it from a Secret, envFrom: [{{ secretRef: {{ name: … }} }}]."
                ));
            }
        }
        let mut inline = 0;
        for path in inputs.files.iter().chain(&inputs.data) {
            let size = fs::metadata(directory.join(path)).map_or(0, |file| file.len());
            around.bytes += size;
            if inputs.data.contains(path) && !args.inline_data {
                around.missing.push(from_secret(path) + " --inline-data writes it into these values.");
                continue;
            }
            let text = (is_plain(path) && inline + size <= MOST_FILES)
                .then(|| fs::read_to_string(directory.join(path)).ok())
                .flatten();
            match text {
                Some(text) => {
                    inline += size;
                    around.files.insert(path.clone(), text);
                }
                None => around.missing.push(format!(
                    "The profile reads {path} ({size} bytes), which is too large or no text for values: mount it with extraVolumes \
                     and name that path in the profile."
                )),
            }
        }
        for path in &inputs.secrets {
            around.missing.push(from_secret(path));
        }
        around
    }
}

/// A file of at most 1 MiB, which a Secret holds.
fn from_secret(path: &str) -> String {
    format!(
        "The profile reads {path}: take it from a Secret, profileSources: [{{ secret: {{ name: …, items: [{{ key: …, path: {path} }}] }} }}]."
    )
}

/// Whether a path stays within the profile's directory and has only what keys of a ConfigMap may have.
fn is_plain(path: &str) -> bool {
    let names = |component: Component<'_>| matches!(component, Component::Normal(_));
    Path::new(path).components().all(names)
        && path.chars().all(|char| char.is_ascii_alphanumeric() || "-_./".contains(char))
}
