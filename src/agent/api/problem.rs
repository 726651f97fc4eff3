//! Why a request is not answered as it wished: one JSON shape for every error, `{"error":{"code","message"}}`.

use std::{fmt, time::Duration};

use hyper::{
    Response, StatusCode,
    header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::agent::{
    api::answer::{self, Body},
    daemon::desk::Refusal,
};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Problem {
    status: StatusCode,
    /// For programs, of a closed set: `not_found`.
    code: &'static str,
    /// For people: what failed and what to do.
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(in crate::agent) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    pub(in crate::agent) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// `allow` is a list for the header of that name.
    pub(in crate::agent) fn method_not_allowed(allow: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("use {allow}"));
        problem.header = Some((ALLOW, HeaderValue::from_static(allow)));
        problem
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    pub(super) fn read_only() -> Self {
        let message = "`rampd run` shows its run and takes no orders; `rampd serve` does";
        Self::new(StatusCode::FORBIDDEN, "read_only", message)
    }

    pub(super) fn unauthorized(what: &str) -> Self {
        let message = format!("{what}; send `Authorization: Bearer TOKEN` with what is in the daemon's tokenFile");
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
        problem.header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rampd\"")));
        problem
    }

    pub(super) fn too_many_attempts(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let message = format!("too many wrong tokens from this address; try again in {seconds} s");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message);
        problem.header = Some((RETRY_AFTER, HeaderValue::from(seconds)));
        problem
    }

    /// A bug or a broken disk: told in the log, and to the client that it should look there.
    pub(super) fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "A request to the API failed.");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the agent failed; its log has the reason")
    }

    pub(in crate::agent) fn into_response(self) -> Response<Body> {
        let body = serde_json::json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = answer::ok("application/json", format!("{body}\n"));
        *response.status_mut() = self.status;
        answer::guard(&mut response);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match &refusal {
            Refusal::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Refusal::Busy(_) => (StatusCode::CONFLICT, "busy"),
            Refusal::QueueFull(_) => (StatusCode::CONFLICT, "queue_full"),
            Refusal::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Refusal::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Refusal::Denied(_) => (StatusCode::FORBIDDEN, "denied"),
            Refusal::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self::new(status, code, refusal.to_string())
    }
}
