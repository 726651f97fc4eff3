//! From what is asked for to a profile that can be run.

use crate::{
    agent::daemon::desk::{Refusal, StartOverrides, StartRequest},
    config::{
        self,
        daemon::ProfileEntry,
        environment::Environment,
        overrides::{MOST_ITERATIONS, Overrides, parse_stage, parse_tag},
        policy::{Author, Policy},
        profile::Profile,
        source::Source,
    },
    units::duration,
};

/// Longest `testid`; it is on every series.
const LONGEST_TESTID: usize = 128;
/// Longest key of a request, in bytes.
pub const LONGEST_KEY: usize = 200;

/// Checks what has nothing to do with the profile.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn check(request: &StartRequest) -> Result<(), Refusal> {
    for (what, text, longest) in [("testid", &request.testid, LONGEST_TESTID), ("key", &request.key, LONGEST_KEY)] {
        let Some(text) = text else { continue };
        if text.is_empty() || text.len() > longest || text.chars().any(char::is_control) {
            return Err(Refusal::Invalid(format!("`{what}` has 1 to {longest} bytes and no control characters")));
        }
    }
    match (&request.profile, &request.profile_text) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        _ => Err(Refusal::Invalid("give either `profile` or `profileText`".to_owned())),
    }
}

/// A profile of the configuration, with what the configuration and a request change in it.
///
/// # Errors
/// It is wrong, or the operator does not allow it.
pub fn configured(
    entry: &ProfileEntry,
    source: &Source,
    policy: &Policy,
    changes: Option<&StartOverrides>,
) -> Result<Profile, Refusal> {
    let mut environment = Environment::of_process();
    for (name, value) in &entry.env {
        environment.set(name, value);
    }
    let none = StartOverrides::default();
    let changes = changes.unwrap_or(&none);
    let overrides = merged(entry.overrides.clone(), overrides(changes)?);
    let factors = (changes.scale.or(entry.scale), changes.speed.or(entry.speed));
    // A variable may be the target's address.
    let author = if changes.env.is_empty() {
        Author::Operator
    } else {
        let without = config::load(source, &environment, &overrides).ok();
        let filled = filled(source, environment.clone(), (&overrides, changes))?;
        Author::of_filled(&filled, without.as_ref())
    };
    made(source, environment, (&overrides, changes), factors, (policy, author))
}

/// A profile that was sent: it reads no file and none of the process's variables.
///
/// # Errors
/// It is wrong, or the operator does not allow it.
pub fn sent(text: &str, policy: &Policy, changes: &StartOverrides) -> Result<Profile, Refusal> {
    let source = Source::sent(text.as_bytes().to_vec());
    let source = source.map_err(|report| Refusal::Invalid(report.to_string()))?;
    let factors = (changes.scale, changes.speed);
    made(&source, Environment::default(), (&overrides(changes)?, changes), factors, (policy, Author::Request))
}

fn made(
    source: &Source,
    environment: Environment,
    (overrides, changes): (&Overrides, &StartOverrides),
    (scale, speed): (Option<f64>, Option<f64>),
    (policy, author): (&Policy, Author),
) -> Result<Profile, Refusal> {
    let mut profile = filled(source, environment, (overrides, changes))?;
    if let Some(factor) = scale {
        profile = profile.scaled(factor).map_err(|error| Refusal::Invalid(format!("scale {factor}: {error}")))?;
    }
    if let Some(factor) = speed {
        profile = profile.sped_up(factor).map_err(|error| Refusal::Invalid(format!("speed {factor}: {error}")))?;
    }
    policy.apply(&mut profile, author).map_err(|denied| Refusal::Denied(denied.to_string()))?;
    Ok(profile)
}

/// The profile with the request's variables. They name no files: an operator's `file: ${X}` is not the sender's to choose.
fn filled(
    source: &Source,
    mut environment: Environment,
    (overrides, changes): (&Overrides, &StartOverrides),
) -> Result<Profile, Refusal> {
    for (name, value) in &changes.env {
        environment.request(name, value);
    }
    config::load(source, &environment, overrides).map_err(|report| Refusal::Invalid(report.to_string()))
}

fn overrides(changes: &StartOverrides) -> Result<Overrides, Refusal> {
    let invalid = |error: &dyn std::fmt::Display| Refusal::Invalid(error.to_string());
    if !changes.stages.is_empty() && (changes.duration.is_some() || changes.iterations.is_some()) {
        return Err(invalid(&"`stages` beside `duration` or `iterations`: a load is one of them"));
    }
    if let Some(iterations) = changes.iterations.filter(|iterations| !(1..=MOST_ITERATIONS).contains(iterations)) {
        return Err(invalid(&format!("`iterations` is from 1 to {MOST_ITERATIONS}, not {iterations}")));
    }
    let duration = changes
        .duration
        .as_ref()
        .map(|text| duration::parse(text).map_err(|error| Refusal::Invalid(format!("duration `{text}`: {error}"))));
    let stages = changes.stages.iter().map(|text| parse_stage(text).map_err(|error| invalid(&error)));
    let tags =
        changes.tags.iter().map(|(name, value)| parse_tag(&format!("{name}={value}")).map_err(|error| invalid(&error)));
    Ok(Overrides {
        vus: changes.vus,
        iterations: changes.iterations,
        duration: duration.transpose()?,
        stages: stages.collect::<Result<_, _>>()?,
        tags: tags.collect::<Result<_, _>>()?,
    })
}

/// A load of the request takes the place of the configuration's.
fn merged(mut configured: Overrides, asked: Overrides) -> Overrides {
    if !asked.stages.is_empty() || asked.duration.is_some() || asked.iterations.is_some() {
        (configured.iterations, configured.duration, configured.stages) =
            (asked.iterations, asked.duration, asked.stages);
    }
    configured.vus = asked.vus.or(configured.vus);
    configured.tags.extend(asked.tags);
    configured
}
