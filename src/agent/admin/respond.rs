//! The endpoints.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    io::Read,
    net::IpAddr,
};

use bytes::Bytes;
use flate2::{Compression, bufread::GzEncoder};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue,
        REFERRER_POLICY, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::{
    agent::{
        admin::pages::{Page, Pages},
        api::{
            self, Api,
            answer::{Body, ok},
            lane::Lane,
            problem::Problem,
        },
        page::{self, Asset},
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
    api: Api,
    pub(super) pages: Pages,
    pub(super) scrapers: ScraperWatch,
    /// The last page as it was sent: several scrapers often get the same one.
    encoded: RefCell<Vec<(Shape, Bytes)>>,
}

impl Endpoints {
    pub(super) fn new(pages: Pages, scrapers: ScraperWatch, api: Api) -> Self {
        Self { api, pages, scrapers, encoded: RefCell::default() }
    }

    /// Answers one request; a page of `/metrics` on its way is noted in `served`.
    pub(super) async fn respond(
        &self,
        peer: IpAddr,
        request: Request<Incoming>,
        served: &Served,
        lane: &Lane,
    ) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path();
        if path.starts_with(api::PREFIX) || path == api::DOCUMENT {
            return Ok(self.api.respond(peer, request, lane).await);
        }
        Ok(self.answer(peer, &request, served).await.unwrap_or_else(Problem::into_response))
    }

    async fn answer(
        &self,
        peer: IpAddr,
        request: &Request<Incoming>,
        served: &Served,
    ) -> Result<Response<Body>, Problem> {
        let path = request.uri().path();
        let asset = page::asset(path);
        if asset.is_none() && !matches!(path, "/metrics" | "/livez" | "/readyz") {
            return Err(Problem::not_found("there is nothing here; see / for what there is"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::method_not_allowed("GET, HEAD"));
        }
        match (path, asset) {
            (_, Some(asset)) => {
                self.api.admit(request)?;
                Ok(file(asset))
            }
            ("/metrics", _) => self.metrics(peer, request, served).await,
            ("/readyz", _) if self.pages.last().is_none() => Err(not_ready()),
            _ => Ok(plain("ok\n")),
        }
    }

    async fn metrics(
        &self,
        peer: IpAddr,
        request: &Request<Incoming>,
        served: &Served,
    ) -> Result<Response<Body>, Problem> {
        let is_read = request.method() == Method::GET;
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let client = Client::new(peer, agent);
        if is_read {
            let declared = request.headers().contains_key(SCRAPE_TIMEOUT);
            self.scrapers.lock().arrived(&client, Instant::now(), declared);
        }
        let Some(page) = self.pages.fresh().await else {
            return Err(not_ready());
        };
        let format = accepted_format(request.headers());
        let is_compressed = accepts_gzip(request.headers());
        let encoded = self.encoded(&page, Shape { generation: page.generation, format, is_compressed });
        let body = encoded.map_err(|failed| {
            tracing::error!(error = %failed, "a scrape was not answered");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_encoded", failed.to_string())
        })?;
        if is_read {
            served.set(Some((client, page.generation)));
        }
        let mut response = ok(format.content_type(), body);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if is_compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(response)
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

fn plain(text: &'static str) -> Response<Body> {
    ok("text/plain; charset=utf-8", text)
}

fn not_ready() -> Problem {
    let message = "the run is being prepared; try again in a moment";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message)
}

/// A file of the page: the same until another version of the program is started, which a browser asks for each time.
fn file(asset: Asset) -> Response<Body> {
    let mut response = ok(asset.content_type, asset.body);
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
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
