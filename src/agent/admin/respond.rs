//! The endpoints.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    io::Read,
    net::IpAddr,
};

use bytes::Bytes;
use flate2::{Compression, bufread::GzEncoder};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT, VARY,
    },
};

use crate::{
    agent::{
        admin::pages::{Page, Pages},
        scrapers::{Client, ScraperWatch},
    },
    clock::Instant,
    metrics::exposition::{self, format::Format},
};

const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// A page that a response carries, and to whom.
pub(super) type Served = Cell<Option<(Client, u64)>>;

/// What makes two bodies of `/metrics` the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    generation: u64,
    format: Format,
    is_compressed: bool,
}

/// What the endpoints answer from.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) pages: Pages,
    pub(super) scrapers: ScraperWatch,
    /// The last page as it was sent: several scrapers often get the same one.
    encoded: RefCell<Vec<(Shape, Bytes)>>,
}

impl Endpoints {
    pub(super) fn new(pages: Pages, scrapers: ScraperWatch) -> Self {
        Self { pages, scrapers, encoded: RefCell::default() }
    }

    /// Answers one request; a page of `/metrics` on its way is noted in `served`.
    pub(super) async fn respond(
        &self,
        peer: IpAddr,
        request: Request<Incoming>,
        served: &Served,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path();
        if !matches!(path, "/" | "/metrics" | "/livez" | "/readyz") {
            let message = "there is nothing here; see / for what there is";
            return Ok(error(StatusCode::NOT_FOUND, "not_found", message));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use GET or HEAD");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Ok(response);
        }
        Ok(match path {
            "/metrics" => self.metrics(peer, &request, served).await,
            "/livez" => plain("ok\n"),
            "/readyz" if self.pages.last().is_some() => plain("ok\n"),
            "/readyz" => not_ready(),
            _ => landing_page(),
        })
    }

    async fn metrics(&self, peer: IpAddr, request: &Request<Incoming>, served: &Served) -> Response<Full<Bytes>> {
        let is_read = request.method() == Method::GET;
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let client = Client::new(peer, agent);
        if is_read {
            let declared = request.headers().contains_key(SCRAPE_TIMEOUT);
            self.scrapers.lock().arrived(&client, Instant::now(), declared);
        }
        let Some(page) = self.pages.fresh().await else {
            return not_ready();
        };
        let format = accepted_format(request.headers());
        let is_compressed = accepts_gzip(request.headers());
        let body = match self.encoded(&page, Shape { generation: page.generation, format, is_compressed }) {
            Ok(body) => body,
            Err(failed) => {
                tracing::error!(error = %failed, "a scrape was not answered");
                return error(StatusCode::INTERNAL_SERVER_ERROR, "not_encoded", &failed.to_string());
            }
        };
        if is_read {
            served.set(Some((client, page.generation)));
        }
        let mut response = ok(format.content_type(), body);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if is_compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    fn encoded(&self, page: &Page, shape: Shape) -> Result<Bytes, exposition::Error> {
        let mut encoded = self.encoded.borrow_mut();
        encoded.retain(|(kept, _)| kept.generation == shape.generation);
        if let Some((_, bytes)) = encoded.iter().find(|(kept, _)| *kept == shape) {
            return Ok(bytes.clone());
        }
        let plain = exposition::encode(&page.sheet, shape.format)?;
        let bytes = Bytes::from(if shape.is_compressed { compressed(&plain) } else { plain });
        encoded.push((shape, bytes.clone()));
        Ok(bytes)
    }
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() / 8);
    // Reading from a slice fails no more than writing into a vector does.
    let read = GzEncoder::new(plain, Compression::fast()).read_to_end(&mut out);
    debug_assert!(read.is_ok(), "memory can be read");
    out
}

/// What the `Accept` headers ask for.
fn accepted_format(headers: &HeaderMap) -> Format {
    let values: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    Format::accepted(&values.join(","))
}

/// Whether `gzip` is among the accepted codings and not refused by `q=0`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named
            && !parts.any(|part| {
                part.strip_prefix("q=").is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
            })
    })
}

fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn plain(text: &'static str) -> Response<Full<Bytes>> {
    ok("text/plain; charset=utf-8", text)
}

fn not_ready() -> Response<Full<Bytes>> {
    error(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the run is being prepared; try again in a moment")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "error": { "code": code, "message": message } });
    let mut response = ok("application/json", format!("{body}\n"));
    *response.status_mut() = status;
    response
}

fn landing_page() -> Response<Full<Bytes>> {
    let version = env!("CARGO_PKG_VERSION");
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>rampd</title></head>\n<body>\n\
         <h1>rampd {version}</h1>\n<p>A load agent for WebSocket and HTTP services.</p>\n<ul>\n\
         <li><a href=\"/metrics\">/metrics</a>: the run and the agent, for Prometheus</li>\n\
         <li><a href=\"/livez\">/livez</a>: 200 while the agent runs</li>\n\
         <li><a href=\"/readyz\">/readyz</a>: 200 once metrics are served</li>\n</ul>\n</body>\n</html>\n"
    );
    ok("text/html; charset=utf-8", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_for_those_who_accept_it() {
        for (value, accepted) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("xgzip", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), accepted, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
