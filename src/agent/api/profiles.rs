//! The configuration's profiles, and the check of a new one.

use hyper::{Request, Response, body::Incoming};
use serde::Serialize;

use crate::agent::{
    api::{
        answer::{self, Body},
        problem::Problem,
        request, runs,
    },
    daemon::desk::{DaemonStatus, Desk, ProfileStatus},
};

#[derive(Serialize)]
struct Profiles<'p> {
    profiles: &'p [ProfileStatus],
}

#[derive(Serialize)]
struct Checked {
    plan: String,
}

pub(super) fn list(daemon: &DaemonStatus) -> Result<Response<Body>, Problem> {
    answer::value(&Profiles { profiles: &daemon.profiles })
}

pub(super) fn one(daemon: &DaemonStatus, name: &str) -> Result<Response<Body>, Problem> {
    let found = daemon.profiles.iter().find(|profile| profile.name == name);
    let found = found.ok_or_else(|| {
        let known: Vec<_> = daemon.profiles.iter().map(|profile| profile.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Problem::not_found(format!("there is no profile {name:?}; there are: {known}"))
    })?;
    answer::value(found)
}

/// Answers with the plan for people.
pub(super) async fn validate(desk: &Desk, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
    let wanted = runs::wanted(request::read(request).await?)?;
    answer::value(&Checked { plan: desk.validate(wanted).await? })
}
