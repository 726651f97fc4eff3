//! What was typed becomes what is meant: YAML → `Raw` → [`profile::Profile`].

pub mod profile;
pub mod template;
pub mod threshold;
