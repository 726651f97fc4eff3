//! Reports as HTML: whole pages for people. Drawn on a thread that may take its time.

use hyper::{
    Response,
    header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY},
};

use crate::{
    agent::api::{
        Api,
        answer::{self, Body},
        history::aside,
        problem::Problem,
        query,
    },
    outputs::{comparison, html},
};

impl Api {
    pub(super) async fn report(&self, name: &str) -> Result<Response<Body>, Problem> {
        let record = self.finished(name).await?;
        document(aside(move || html::report(&record)).await?)
    }

    /// The run `with` beside the run `base`.
    pub(super) async fn compare(&self, parameters: Option<&str>) -> Result<Response<Body>, Problem> {
        let mut parameters = query::parameters(parameters, &["base", "with"])?;
        let mut name = |parameter| {
            let missing = || Problem::invalid(format!("`{parameter}` is missing; name a run"));
            parameters.remove(parameter).ok_or_else(missing)
        };
        let (base, with) = (name("base")?, name("with")?);
        let sides = ([*self.finished(&base).await?], [*self.finished(&with).await?]);
        let draw = move || html::comparison(&comparison::compare(&sides.0, &sides.1), &sides.0, &sides.1);
        document(aside(draw).await?)
    }
}

/// A page that needs nothing from anywhere; the policy is also in the page, for when it is a file.
fn document(text: String) -> Result<Response<Body>, Problem> {
    let mut response = answer::of_api("text/html; charset=utf-8", text);
    let policy = format!("{}; frame-ancestors 'none'", html::content_security_policy());
    let policy = HeaderValue::try_from(policy).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}
