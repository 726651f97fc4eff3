//! The endpoints.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    io::Write,
    net::IpAddr,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT, VARY},
};

use crate::{
    agent::{
        admin::pages::{Page, Pages},
        scrapers::{Client, ScraperWatch},
    },
    clock::Instant,
    metrics::exposition,
};

const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// A page that a response carries, and to whom.
pub(super) type Served = Cell<Option<(Client, u64)>>;

/// What the endpoints answer from.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) pages: Pages,
    pub(super) scrapers: ScraperWatch,
    /// The last compressed page by generation: several scrapers often get the same one.
    compressed: RefCell<Option<(u64, Bytes)>>,
}

impl Endpoints {
    pub(super) fn new(pages: Pages, scrapers: ScraperWatch) -> Self {
        Self { pages, scrapers, compressed: RefCell::new(None) }
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
        if is_read {
            served.set(Some((client, page.generation)));
        }
        let compressed = if accepts_gzip(request.headers()) { self.compressed(&page) } else { None };
        let is_compressed = compressed.is_some();
        let mut response = ok(exposition::CONTENT_TYPE, compressed.unwrap_or(page.text));
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if is_compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    fn compressed(&self, page: &Page) -> Option<Bytes> {
        let mut last = self.compressed.borrow_mut();
        if let Some((generation, bytes)) = &*last
            && *generation == page.generation
        {
            return Some(bytes.clone());
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(page.text.len() / 8), Compression::fast());
        encoder.write_all(&page.text).ok()?;
        let bytes = Bytes::from(encoder.finish().ok()?);
        *last = Some((page.generation, bytes.clone()));
        Some(bytes)
    }
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
