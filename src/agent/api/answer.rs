//! Responses of the admin server.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;

use crate::agent::api::{events::Events, problem::Problem};

/// A whole body, or a stream of events.
pub(in crate::agent) type Body = Either<Full<Bytes>, Events>;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// 200 with a body.
pub(in crate::agent) fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// 200 with a body of the API: its own media type and nothing else, kept by no cache, and used by no other site.
pub(super) fn of_api(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = ok(content_type, body);
    guard(&mut response);
    response
}

/// Headers of everything that is the API's.
pub(super) fn guard(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

/// 200 with a document that is JSON already.
pub(super) fn json(body: impl Into<Bytes>) -> Response<Body> {
    of_api("application/json", body)
}

/// 200 with a value as JSON.
pub(super) fn value(value: &impl Serialize) -> Result<Response<Body>, Problem> {
    serde_json::to_vec(value).map(json).map_err(|error| Problem::internal(&error))
}
