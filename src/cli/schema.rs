//! `rampd schema`

use crate::{
    cli::console::{print, refuse},
    config::schema,
    exit::Exit,
};

/// Runs the command.
#[must_use]
pub fn run() -> Exit {
    match serde_json::to_string_pretty(&schema::document()) {
        Ok(text) => {
            print(&format!("{text}\n"));
            Exit::Passed
        }
        Err(error) => refuse(Exit::Failed, &error),
    }
}
