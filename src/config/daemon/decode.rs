//! Tree → [`DaemonConfig`]: every key and value is checked here; reading goes on after a problem.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use crate::config::{
    at::{Path, Place},
    context::Context,
    daemon::{
        DaemonConfig, HistoryConfig, IfBusy, IfFailed, IfMissed, LISTEN, MOST_FAILURES, ProfileEntry,
        schedule::{Error as ScheduleError, Schedule},
    },
    decode::choice,
    node::{Fields, Node},
    overrides::{MOST_ITERATIONS, MOST_VUS, Overrides, tag_name_fault},
    policy::{Policy, RuleError, TargetPolicy, TargetRule},
    problem::shown,
    profile::Stage,
    tree::{Text, Tree},
};

/// Runs kept if the configuration does not say.
const MAX_RUNS: usize = 1_000;
/// A quarter of a year.
const MAX_AGE: Duration = Duration::from_secs(90 * 86_400);
/// Runs that may wait if the configuration does not say.
const QUEUE: usize = 16;
/// Entries are kept in memory: of as many runs they take 30 MiB.
const MOST_RUNS: u64 = 100_000;
/// Longest name of a profile: it is in file names and addresses.
const LONGEST_NAME: usize = 64;

/// Reads the whole file.
pub(super) fn daemon(tree: &Tree, context: &Context<'_>) -> Option<DaemonConfig> {
    let root = Node { tree, path: Path::default(), context };
    let mut fields = root.fields("the daemon's configuration begins with keys such as `profiles:`")?;
    let listen = fields.take("listen").and_then(|node| {
        let text = node.text()?;
        let hint = "for example `127.0.0.1:6464`, `0.0.0.0:6464` or `[::1]:6464`";
        let why = format!("`{}` is no address with a port", shown(&text.value));
        text.value
            .trim()
            .parse()
            .map_or_else(|_| node.bad_text(text, "an address with a port", &why, hint.to_owned()), Some)
    });
    let token_file = fields.take("tokenFile").and_then(|node| file(&node));
    let allowed_hosts = fields.take("allowedHosts").map(|node| hosts(&node)).unwrap_or_default();
    let history = fields.take("history").and_then(|node| history(&node));
    let queue = fields.take("queue").and_then(|node| {
        let mut fields = node.fields("for example `queue: { max: 16 }`")?;
        let max = fields.take("max").and_then(|node| node.whole(&(0..=1_000)));
        fields.finish(&[], &BTreeMap::new());
        max
    });
    let policy = fields.take("policy").map_or_else(unlisted, |node| policy(&node));
    let profiles =
        fields.require(&["profiles"], "profiles: { smoke: { file: smoke.yaml } }").map(|node| profiles(&node));
    fields.finish(
        &[],
        &BTreeMap::from([
            ("token", "a token is read from a file: `tokenFile: token.txt`"),
            ("allowedTargets", "did you mean `policy: { allowedTargets: [\"*.example.com:443\"] }`?"),
            ("stages", "this is the daemon's configuration; a profile stands in a file of its own: `profiles: { smoke: { file: smoke.yaml } }`"),
        ]),
    );
    Some(DaemonConfig {
        listen: listen.unwrap_or(LISTEN),
        token_file,
        allowed_hosts,
        history: history.unwrap_or_else(|| default_history(context)),
        queue: queue.map_or(QUEUE, |queue| queue as usize),
        policy,
        profiles: profiles?,
    })
}

fn default_history(context: &Context<'_>) -> HistoryConfig {
    HistoryConfig { dir: context.source().directory().join("rampd-history"), max_runs: MAX_RUNS, max_age: MAX_AGE }
}

fn history(node: &Node<'_>) -> Option<HistoryConfig> {
    let mut fields = node.fields("for example `history: { dir: /var/lib/rampd, maxRuns: 1000, maxAge: 90d }`")?;
    let default = default_history(node.context);
    let dir = fields.take("dir").and_then(|node| file(&node));
    let max_runs = fields.take("maxRuns").and_then(|node| node.whole(&(1..=MOST_RUNS)));
    let max_age = fields.take("maxAge").and_then(|node| node.positive_duration());
    fields.finish(&[], &BTreeMap::new());
    Some(HistoryConfig {
        dir: dir.unwrap_or(default.dir),
        max_runs: max_runs.map_or(default.max_runs, |runs| runs as usize),
        max_age: max_age.unwrap_or(default.max_age),
    })
}

/// Without a list of targets.
fn unlisted() -> Policy {
    Policy { targets: TargetPolicy::of_daemon(None), ..Policy::default() }
}

fn policy(node: &Node<'_>) -> Policy {
    let hint = "for example `policy: { allowedTargets: [\"*.example.com:443\"], maxVUs: 5000 }`";
    let Some(mut fields) = node.fields(hint) else { return unlisted() };
    let targets = fields.take("allowedTargets").map(|node| targets(&node));
    let max_vus = fields.take("maxVUs").and_then(|node| node.whole(&(1..=MOST_VUS.into())));
    let max_rate = fields.take("maxRate").and_then(|node| {
        let rate = node.number("iterations per second", "for example `500`")?;
        if rate <= 0.0 {
            node.problem("must be above 0", "iterations per second, for example `500`".to_owned());
            return None;
        }
        Some(rate)
    });
    let max_duration = fields.take("maxDuration").and_then(|node| node.positive_duration());
    fields.finish(&[], &BTreeMap::new());
    Policy { targets: TargetPolicy::of_daemon(targets), max_vus: max_vus.map(|vus| vus as u32), max_rate, max_duration }
}

fn targets(node: &Node<'_>) -> Vec<TargetRule> {
    let hint = "for example `allowedTargets: [api.example.com, \"*.example.com:443\", 10.0.0.0/8]`";
    let rule = |node: &Node<'_>| {
        let text = node.text()?;
        text.value
            .parse()
            .map_or_else(|error: RuleError| node.bad_text(text, "a target", &error.to_string(), hint.to_owned()), Some)
    };
    node.list(hint).unwrap_or_default().iter().filter_map(rule).collect()
}

/// A path, relative to the configuration's folder.
fn file(node: &Node<'_>) -> Option<PathBuf> {
    let text = node.text()?;
    if text.value.trim().is_empty() {
        return node.bad_text(text, "a path", "the path is empty", None);
    }
    Some(node.context.source().directory().join(&text.value))
}

fn hosts(node: &Node<'_>) -> Vec<String> {
    let hint = "for example `allowedHosts: [rampd.example.com]`";
    let host = |node: &Node<'_>| {
        let text = node.text()?;
        let is_part = |char: char| char.is_ascii_alphanumeric() || "-.".contains(char);
        if text.value.is_empty() || !text.value.chars().all(is_part) {
            let why = format!("`{}` is no host", shown(&text.value));
            return node.bad_text(text, "a host", &why, "a name; no scheme, no port and no path".to_owned());
        }
        Some(text.value.to_ascii_lowercase())
    };
    node.list(hint).unwrap_or_default().iter().filter_map(host).collect()
}

fn profiles(node: &Node<'_>) -> Vec<ProfileEntry> {
    let hint = "for example `profiles: { smoke: { file: smoke.yaml, schedule: \"0 * * * *\" } }`";
    let entries = node.entries(hint).unwrap_or_default();
    if entries.is_empty() && node.is_map() {
        node.problem("there is no profile", hint.to_owned());
    }
    entries.into_iter().filter_map(|(name, node)| profile(name, &node)).collect()
}

fn profile(name: &str, node: &Node<'_>) -> Option<ProfileEntry> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    let starts = name.starts_with(|char: char| char.is_ascii_alphanumeric());
    // Files of the history end so, and `sent` is the name of what comes over the API.
    let is_taken = name.ends_with(".record") || name == "sent";
    if !starts || is_taken || !name.chars().all(is_plain) || name.len() > LONGEST_NAME {
        let message = format!("`{}` is no name of a profile", shown(name));
        let hint = format!(
            "letters, digits, `.`, `_` and `-`, first a letter or digit, at most {LONGEST_NAME}; not `sent`, nothing that ends with `.record`"
        );
        node.context.problem(&Place::Key(node.path.clone()), message, Some(hint));
    }
    let mut fields = node.fields("for example `{ file: smoke.yaml }`")?;
    let path = fields.require(&["file"], "file: smoke.yaml").and_then(|node| file(&node));
    let schedule = schedule(&mut fields);
    let on_start = fields.take("onStart").and_then(|node| node.flag()).unwrap_or_default();
    let env = fields.take("env").map(|node| env(&node)).unwrap_or_default();
    let overrides = overrides(&mut fields);
    let mut factor = |key| fields.take(key).and_then(|node: Node<'_>| positive(&node));
    let (scale, speed) = (factor("scale"), factor("speed"));
    let if_busy = choice(&mut fields, "ifBusy", &[("queue", IfBusy::Queue), ("skip", IfBusy::Skip)]);
    let if_missed = choice(&mut fields, "ifMissed", &[("skip", IfMissed::Skip), ("run", IfMissed::Run)]);
    let if_failed = fields.take("ifFailed").and_then(|node| if_failed(&node)).unwrap_or_default();
    fields.finish(
        &[],
        &BTreeMap::from([
            ("cron", "did you mean `schedule: \"0 * * * *\"`?"),
            ("tag", "did you mean `tags: { build: \"42\" }`?"),
            ("stage", "did you mean `stages: [{ duration: 30s, target: 100 }]`?"),
        ]),
    );
    Some(ProfileEntry {
        name: name.to_owned(),
        file: path?,
        schedule,
        on_start,
        env,
        overrides,
        scale,
        speed,
        if_busy,
        if_missed,
        if_failed,
    })
}

fn schedule(fields: &mut Fields<'_>) -> Option<Schedule> {
    let zone = fields.take("timezone");
    let node = fields.take("schedule");
    let Some(node) = node else {
        if let Some(zone) = zone {
            zone.problem("a `timezone` without a `schedule`", "add `schedule`, or remove `timezone`".to_owned());
        }
        return None;
    };
    let zone_text = zone.as_ref().map_or(Some("UTC"), |zone| Some(zone.text()?.value.trim()))?;
    let text = node.text()?;
    match Schedule::parse(&text.value, zone_text) {
        Ok(schedule) => Some(schedule),
        Err(error @ ScheduleError::Zone(_)) => {
            let zone = zone.as_ref()?;
            let hint = "a name of the time zone database, for example `Europe/Berlin` or `UTC`";
            zone.bad_text(zone.text()?, "a time zone", &error.to_string(), hint.to_owned())
        }
        Err(error) => {
            let hint = "minute, hour, day of month, month, day of week: `\"0 * * * *\"` is every hour";
            node.bad_text(text, "a cron expression", &error.to_string(), hint.to_owned())
        }
    }
}

fn env(node: &Node<'_>) -> Vec<(String, String)> {
    let entries = node.entries("for example `env: { HOST: localhost }`").unwrap_or_default();
    entries.into_iter().filter_map(|(name, node)| Some((name.to_owned(), node.scalar()?.value))).collect()
}

/// The same as the options of `rampd run`.
fn overrides(fields: &mut Fields<'_>) -> Overrides {
    let vus = fields.take("vus").and_then(|node| node.whole(&(0..=MOST_VUS.into())));
    let iterations = fields.take("iterations").and_then(|node| node.whole(&(1..=MOST_ITERATIONS)));
    let duration = fields.take("duration").and_then(|node| node.duration());
    let stages = fields.take("stages");
    if let Some(node) = stages.as_ref().filter(|_| iterations.is_some() || duration.is_some()) {
        node.problem("`stages` beside `duration` or `iterations`: a load is one of them", None);
    }
    let stages = stages.map(|node| stages_of(&node)).unwrap_or_default();
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    Overrides { vus: vus.map(|vus| vus as u32), iterations, duration, stages, tags }
}

fn stages_of(node: &Node<'_>) -> Vec<Stage> {
    let hint = "for example `[{ duration: 30s, target: 100 }]`";
    let stage = |node: &Node<'_>| {
        let mut fields = node.fields(hint)?;
        let duration = fields.require(&["duration"], "duration: 30s").and_then(|node| node.duration());
        let target = fields.require(&["target"], "target: 100").and_then(|node| node.whole(&(0..=MOST_VUS.into())));
        fields.finish(&[], &BTreeMap::new());
        Some(Stage { duration: duration?, target: target? as u32 })
    };
    node.list(hint).unwrap_or_default().iter().filter_map(stage).collect()
}

fn tags(node: &Node<'_>) -> Vec<(String, String)> {
    let mut tags = BTreeSet::new();
    for (name, value) in node.entries("for example `tags: { build: \"42\" }`").unwrap_or_default() {
        if let Some(fault) = tag_name_fault(name) {
            node.context.problem(&Place::Key(value.path.clone()), format!("the tag name {fault}"), None);
        }
        if let Some(Text { value, .. }) = value.scalar() {
            tags.insert((name.to_owned(), value));
        }
    }
    tags.into_iter().collect()
}

fn positive(node: &Node<'_>) -> Option<f64> {
    let number = node.number("a factor", "for example `0.5`")?;
    if number <= 0.0 || !number.is_finite() {
        node.problem("must be above 0", "for example `0.5` for half".to_owned());
        return None;
    }
    Some(number)
}

fn if_failed(node: &Node<'_>) -> Option<IfFailed> {
    let hint = "`continue`, or `{ suspendAfter: 3 }`";
    if let Tree::Text(text) = node.tree {
        if text.value == "continue" {
            return Some(IfFailed::Continue);
        }
        let why = format!("`{}` says nothing about runs that fail", shown(&text.value));
        return node.bad_text(text, "what to do after failed runs", &why, hint.to_owned());
    }
    let mut fields = node.fields(hint)?;
    let most = MOST_FAILURES as u64;
    let after = fields.require(&["suspendAfter"], "suspendAfter: 3").and_then(|node| node.whole(&(1..=most)));
    fields.finish(&[], &BTreeMap::new());
    NonZeroU32::new(after? as u32).map(IfFailed::SuspendAfter)
}
