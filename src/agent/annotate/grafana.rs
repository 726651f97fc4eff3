//! Grafana's annotations API: a mark is added, or changed.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    config::{
        profile::{
            Header, Tls,
            http::{Body, Http, Method},
            network::Network,
        },
        template::Template,
    },
    engine::side_client::{
        SideClient,
        bearer::{Bearer, BearerError},
        service::{AddressError, Service},
    },
    outputs::annotation::{Annotation, Ending},
    protocol::{
        failure::request::{RequestError, RequestFailure},
        http::Prepared,
        tls::{self, ClientConfigs},
    },
};

const PATH: &str = "/api/annotations";
/// Bound on one request.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Until a request that may be repeated is.
const PAUSE: Duration = Duration::from_millis(500);
/// Largest answer that is read; it holds a number and a sentence.
const LARGEST_ANSWER: usize = 64 << 10;

/// Why marks cannot be sent at all: what was given is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not an address.
    #[error("--annotate is {0}; for example https://grafana.example.com, with a token in RAMPD_GRAFANA_TOKEN")]
    Address(#[from] AddressError),
    /// Not a token.
    #[error("RAMPD_GRAFANA_TOKEN is {0}")]
    Token(#[from] BearerError),
    /// A certificate file.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// Where a run is marked.
#[derive(Debug, Clone)]
pub struct Grafana {
    service: Service,
    token: Option<Bearer>,
    tls: ClientConfigs,
}

impl Grafana {
    /// At `address`, with a service account's `token`, which may be empty; `ca_file` is trusted beside the built-in roots.
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn new(address: &str, token: &str, ca_file: Option<PathBuf>) -> Result<Self, ConfigError> {
        let (service, token) = (Service::parse(address)?, Bearer::new(token)?);
        let tls = tls::client_configs(&Tls { ca_file, ..Tls::default() })?;
        Ok(Self { service, token, tls })
    }
}

/// Why Grafana has not taken a mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("{url}: {detail}")]
    Request {
        url: String,
        detail: String,
        /// Whether Grafana cannot have seen the request.
        unsent: bool,
    },
    #[error("{url}: no answer within {TIMEOUT:?}")]
    Timeout { url: String },
    #[error("{url} answers with status {status}{}", hint(*status))]
    Status { url: String, status: u16 },
    #[error("{url} answers without the number of an annotation; is it the address of a Grafana?")]
    NoNumber { url: String },
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => "; is RAMPD_GRAFANA_TOKEN the token of a service account?",
        403 => "; the service account of RAMPD_GRAFANA_TOKEN may not write annotations",
        404 => "; is it the address of a Grafana?",
        _ => "",
    }
}

impl Error {
    /// Whether every further mark would meet the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 300..=499) && !matches!(status, 408 | 429),
            Self::NoNumber { .. } => true,
            Self::Request { .. } | Self::Timeout { .. } => false,
        }
    }

    /// Whether it may be tried again without marking twice; a change may always.
    fn may_be_repeated(&self, is_change: bool) -> bool {
        match self {
            Self::Status { status, .. } => *status >= 500 || matches!(status, 408 | 429),
            Self::Request { unsent, .. } => *unsent || is_change,
            Self::Timeout { .. } => is_change,
            Self::NoNumber { .. } => false,
        }
    }
}

#[derive(Deserialize)]
struct Added {
    id: u64,
}

/// Sends marks, one at a time, over a connection that is kept.
pub(super) struct Client {
    grafana: Grafana,
    client: SideClient,
}

impl Client {
    pub(super) fn new(grafana: Grafana) -> Self {
        let client = SideClient::new(grafana.tls.clone(), Arc::new(Network::default()));
        Self { grafana, client }
    }

    /// Adds a mark; returns its number.
    pub(super) async fn add(&mut self, annotation: &Annotation) -> Result<u64, Error> {
        let (url, answer) = self.send(Method::Post, PATH, annotation).await?;
        let added: Result<Added, _> = serde_json::from_slice(&answer);
        added.map(|added| added.id).map_err(|_| Error::NoNumber { url })
    }

    /// Changes the mark `id`.
    pub(super) async fn change(&mut self, id: u64, ending: &Ending) -> Result<(), Error> {
        self.send(Method::Patch, &format!("{PATH}/{id}"), ending).await.map(drop)
    }

    /// One request, and once more if that is safe and may help.
    async fn send(&mut self, method: Method, path: &str, body: &impl Serialize) -> Result<(String, Vec<u8>), Error> {
        let mut request = Http::get(self.grafana.service.target(path, &[]));
        let url = request.url.display.clone();
        let failed = |error: RequestError| {
            let unsent = is_unsent(error.reason);
            Error::Request { url: url.clone(), detail: error.to_string(), unsent }
        };
        // Structs of numbers and texts are always JSON.
        let body = serde_json::to_string(body).unwrap_or_default();
        request.method = method;
        request.connect_timeout = TIMEOUT;
        request.body = Some(Body::text(Template::literal(&body)));
        let json = |name: &str| Header { name: name.to_owned(), value: Template::literal("application/json") };
        request.headers.extend([json("Content-Type"), json("Accept")]);
        request.headers.extend(self.grafana.token.as_ref().map(Bearer::header));
        let request = Prepared::new(&request).map_err(failed)?.keeping(LARGEST_ANSWER);
        let mut repeated = false;
        loop {
            let outcome = match self.client.send(&request, TIMEOUT).await {
                Err(error) => Err(failed(error)),
                Ok(None) => Err(Error::Timeout { url: url.clone() }),
                Ok(Some(response)) if response.status == 200 => Ok(response.body.to_vec()),
                Ok(Some(response)) => Err(Error::Status { url: url.clone(), status: response.status }),
            };
            match outcome {
                Ok(answer) => return Ok((url, answer)),
                Err(error) if !repeated && error.may_be_repeated(method == Method::Patch) => repeated = true,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Whether there was no connection to send a request over.
fn is_unsent(reason: RequestFailure) -> bool {
    use RequestFailure::{ConnectTimeout, Dns, FdLimit, NoLocalPort, Refused, Unprocessed, Unreachable};
    matches!(reason, ConnectTimeout | Dns | FdLimit | NoLocalPort | Refused | Unprocessed | Unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_mark_twice_is_repeated_and_only_what_may_pass_is_tried_again() {
        let url = String::new;
        let status = |status| Error::Status { url: url(), status };
        let request = |unsent| Error::Request { url: url(), detail: String::new(), unsent };
        for (error, add, change, is_final) in [
            (status(500), true, true, false),
            (status(503), true, true, false),
            (status(429), true, true, false),
            (status(401), false, false, true),
            (status(404), false, false, true),
            (status(302), false, false, true),
            (request(true), true, true, false),
            (request(false), false, true, false),
            (Error::Timeout { url: url() }, false, true, false),
            (Error::NoNumber { url: url() }, false, false, true),
        ] {
            assert_eq!(error.may_be_repeated(false), add, "{error}");
            assert_eq!(error.may_be_repeated(true), change, "{error}");
            assert_eq!(error.is_final(), is_final, "{error}");
        }
    }

    #[test]
    fn secrets_are_in_no_text() {
        let grafana = Grafana::new("https://grafana.example.com/g/", "s3cret", None).unwrap();
        assert!(!format!("{grafana:?}").contains("s3cret"));
        for (address, token) in [("https://a:s3cret@b", ""), ("https://b?s3cret", ""), ("https://b", "s3cret s3cret")] {
            let error = Grafana::new(address, token, None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
