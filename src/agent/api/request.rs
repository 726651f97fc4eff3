//! Bodies of requests: JSON within bounds of size and time.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    header::CONTENT_TYPE,
};
use serde::de::DeserializeOwned;
use serde_json::{error::Category, value::RawValue};
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
    parse(if body.is_empty() { b"{}" } else { &body })
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // serde would take a list for the values of an object in their order.
    let is_object = text.trim_ascii_start().first() == Some(&b'{');
    let read = serde_json::from_slice::<&RawValue>(text).and_then(|whole| serde_json::from_str(whole.get()));
    let read = read.map_err(|error| match error.classify() {
        Category::Data => Problem::invalid(error.to_string()),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is no JSON: {error}"))
        }
    });
    match read {
        Ok(_) if !is_object => Err(Problem::invalid("the body is no object, `{…}`")),
        read => read,
    }
}

fn too_large() -> Problem {
    let message = format!("the body has more than {BODY_BYTES} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    struct Empty {}

    #[test]
    fn what_is_no_json_differs_from_what_is_not_asked_for() {
        let status = |text: &str| parse::<Empty>(text.as_bytes()).map_err(|problem| problem.into_response().status());
        assert!(status(" {} ").is_ok());
        for text in ["", "{", "{} {}", "{a:1}", "\u{feff}{}"] {
            assert_eq!(status(text).unwrap_err(), StatusCode::BAD_REQUEST, "{text}");
        }
        for text in ["[]", "null", "1", "\"{}\""] {
            assert_eq!(status(text).unwrap_err(), StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        }
        assert!(parse::<Value>(&[b'[', 0xff, b']']).is_err());
    }
}
