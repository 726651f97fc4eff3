//! Starting a run.

use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{HeaderValue, LOCATION},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::agent::{
    api::{
        PREFIX,
        answer::{self, Body},
        problem::Problem,
        request,
    },
    daemon::{
        desk::{Desk, StartRequest},
        prepare::LONGEST_KEY,
    },
};

/// What holds of every request for a run, whatever the configuration is.
pub(super) fn wanted(request: StartRequest) -> Result<StartRequest, Problem> {
    match (&request.profile, &request.profile_text) {
        (Some(_), None) | (None, Some(_)) => {}
        _ => {
            let message = "give either `profile`, the name of one, or `profileText`, one in YAML";
            return Err(Problem::invalid(message));
        }
    }
    if request.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
        return Err(Problem::invalid(format!("`key` has from 1 to {LONGEST_KEY} bytes")));
    }
    Ok(request)
}

/// 202 for a new run, 200 for one that was accepted under the same key before.
pub(super) async fn start(desk: &Desk, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
    let accepted = desk.start(wanted(request::read(request).await?)?).await?;
    let mut response = answer::value(&accepted)?;
    if !accepted.repeated {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    let location = format!("{PREFIX}/runs/{}", utf8_percent_encode(&accepted.id, NON_ALPHANUMERIC));
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}
