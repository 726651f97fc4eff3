//! Bodies of requests: JSON within bounds of size and time.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    header::CONTENT_TYPE,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::timeout;

use crate::agent::api::problem::Problem;

/// Largest body: a profile of 1 MiB has 20,000 steps.
pub(super) const BODY_BYTES: usize = 1 << 20;
/// For a body to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body as a value; an empty one is `{}`.
pub(super) async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    // A page of another site can send text without asking us first, JSON it cannot.
    if !essence.eq_ignore_ascii_case("application/json") {
        let message = "send JSON with `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message));
    }
    let incoming = request.into_body();
    if incoming.size_hint().lower() > BODY_BYTES as u64 {
        return Err(too_large());
    }
    let body = match timeout(BODY_TIMEOUT, Limited::new(incoming, BODY_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(error)) => {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("the body broke off: {error}")));
        }
        Err(_) => {
            let message = format!("the body did not come within {BODY_TIMEOUT:?}");
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", message));
        }
    };
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => Problem::invalid(error.to_string()),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is no JSON: {error}"))
        }
    })
}

fn too_large() -> Problem {
    let message = format!("the body has more than {BODY_BYTES} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}
