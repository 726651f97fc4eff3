//! A profile run to its end: the last page of `/metrics`, and what was said.

use std::time::Duration;

use crate::support::{
    agent::{AgentCommand, run_lingering},
    exposition::Page,
    identities::assert_identities,
    process::Ended,
    scraper::Scraper,
    scratch::Scratch,
};

/// Runs `profile` on one worker, so that turns are exact; it is to pass.
pub(crate) fn last_page(profile: &str) -> (Page, Ended) {
    last_page_of(profile, |command| command)
}

/// The same with a command line that `prepare` has added to.
pub(crate) fn last_page_of(profile: &str, prepare: impl Fn(AgentCommand) -> AgentCommand) -> (Page, Ended) {
    let scratch = Scratch::new();
    let command = run_lingering(&scratch.write("profile.yaml", profile)).args(["--workers", "1"]);
    let mut agent = prepare(command).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(200)).last();
    let ended = agent.wait();
    ended.assert_code(0);
    assert_identities(&page);
    (page, ended)
}
