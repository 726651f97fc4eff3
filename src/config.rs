//! What was typed becomes what is meant: text → tree → `Raw` → [`profile::Profile`].
//!
//! Each step collects its problems and goes on, so that one [`load`] reports all of them, each with
//! its place in the file. Only `document` and `locate` name the YAML library.

mod access;
mod at;
mod cardinality;
mod context;
mod decode;
mod document;
mod locate;
mod node;
mod proxies;
mod raw;
mod scenario_env;
mod scope;
mod sockets;
mod tree;
mod typed;
mod validate;

pub mod capture;
pub mod daemon;
pub mod data;
pub mod digest;
pub mod environment;
pub mod matcher;
pub mod overrides;
pub mod pointer;
pub mod policy;
pub mod problem;
pub mod profile;
pub mod redirect;
pub mod rescale;
pub mod schema;
pub mod series;
pub mod source;
pub mod template;
pub mod threshold;

#[cfg(test)]
mod documentation;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use crate::config::{
    context::Context, environment::Environment, overrides::Overrides, problem::Report, profile::Profile, source::Source,
};

pub use typed::typed;

/// Reads a profile: `environment` fills its `${NAME}`, `overrides` are what the command line adds. One that was
/// [sent](Source::sent) reads no files, and of the environment only what is not the process's.
///
/// # Errors
/// Every problem of the profile at once. A text that is no YAML has one problem.
pub fn load(source: &Source, environment: &Environment, overrides: &Overrides) -> Result<Profile, Report> {
    let mut tree = document::parse(source.text()).map_err(|fault| fault.into_report(source))?;
    let context = Context::new(source);
    let environment = &*environment.seen_with(source.access());
    environment::substitute(&mut tree, environment, &context);
    let mut raw = decode::profile(&tree, &context);
    if let Some(raw) = raw.as_mut().filter(|raw| !raw.proxied) {
        raw.network.proxies = proxies::of_environment(environment, &context);
    }
    let profile = raw.and_then(|raw| validate::profile(raw, overrides, &context));
    let report = context.into_report();
    match profile {
        Some(profile) if report.problems.is_empty() => Ok(profile),
        _ => Err(report),
    }
}
