//! Requests to a daemon, over the agent's own HTTP client.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    agent::api::access,
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
        service::{AddressError, Service},
    },
    exit::Exit,
    fleet::token::Token,
    protocol::{failure::request::RequestError, http::Prepared, tls},
};

/// Largest answer that is read: a report of a long run has 2 MiB.
const LARGEST_ANSWER: usize = 64 << 20;
/// A daemon answers within 5 s, also that its run does not.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("--url is {0}; for example http://127.0.0.1:6464")]
    Address(#[from] AddressError),
    #[error("--token-file: {0}")]
    Token(#[from] access::Error),
    #[error("--ca-file: {0}")]
    Tls(#[from] tls::Error),
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    #[error("{url}: {detail}; is `rampd serve` running there? --url or RAMPD_URL names another address")]
    Unreachable { url: String, detail: String },
    #[error("{url}: no answer within {PATIENCE:?}")]
    Late { url: String },
    #[error("{message}; --token-file or RAMPD_TOKEN_FILE names the file of the daemon's token")]
    Unauthorized { message: String },
    #[error("{message}")]
    Wrong { message: String },
    #[error("{0}")]
    Refused(String),
    #[error("{url}: status {status}, without a reason that an agent of rampd would give; does it listen there?")]
    Strange { url: String, status: u16 },
    #[error("the answer is no answer: {0}; are both of one version?")]
    Foreign(#[source] serde_json::Error),
    #[error("run {id} has left the history before its end was read; `rampd ctl history` shows what is kept")]
    Lost { id: String },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot reach a run at {path}: {source}; was it started with --control-socket {path}?")]
    Connect { path: PathBuf, source: io::Error },
    #[error("the run did not answer: {0}; it may have ended")]
    Silent(#[source] io::Error),
    #[error("--socket takes orders to its one run: scale, rate, pause, resume, stop; ask a daemon with --url")]
    NotBySocket,
}

impl Error {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Address(_) | Self::Token(_) | Self::Tls(_) | Self::Wrong { .. } | Self::NotBySocket => {
                Exit::BadConfiguration
            }
            _ => Exit::Failed,
        }
    }
}

/// The shape of every error of the API.
#[derive(Deserialize)]
struct Problem {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
    message: String,
}

/// Why the API does not answer as wished, with its code: `not_finished`.
pub(super) struct Answered {
    pub(super) code: String,
    pub(super) error: Error,
}

/// A daemon that is asked.
pub(super) struct Daemon {
    service: Service,
    token: Option<Token>,
    client: SideClient,
}

impl Daemon {
    /// At `address`; nothing is sent yet.
    pub(super) fn new(address: &str, token_file: Option<&Path>, ca_file: Option<&Path>) -> Result<Self, Error> {
        let service = Service::parse(address)?;
        let token = token_file.map(access::read_token).transpose()?;
        let tls = Tls { ca_file: ca_file.map(Path::to_path_buf), ..Tls::default() };
        let client = SideClient::new(tls::client_configs(&tls)?, Arc::new(Network::default()));
        Ok(Self { service, token, client })
    }

    /// The answer to `GET path`, below the API's prefix.
    pub(super) async fn get<T: DeserializeOwned>(&mut self, path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
        let body = self.read(path, query).await.map_err(|answered| answered.error)?;
        serde_json::from_slice(&body).map_err(Error::Foreign)
    }

    /// The body of `GET path` as it comes.
    pub(super) async fn read(&mut self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, Answered> {
        let request = Http::get(self.service.target(&format!("/api/v1{path}"), query));
        self.send(request).await
    }

    /// The answer to `POST path`.
    pub(super) async fn post<T: DeserializeOwned>(&mut self, path: &str, body: &serde_json::Value) -> Result<T, Error> {
        let mut request = Http::get(self.service.target(&format!("/api/v1{path}"), &[]));
        request.method = Method::Post;
        request.headers.push(header("Content-Type", "application/json"));
        request.body = Some(Body::text(Template::literal(&body.to_string())));
        let body = self.send(request).await.map_err(|answered| answered.error)?;
        serde_json::from_slice(&body).map_err(Error::Foreign)
    }

    async fn send(&mut self, mut request: Http) -> Result<Vec<u8>, Answered> {
        let url = request.url.display.clone();
        let unreachable = |error: RequestError| Error::Unreachable { url: url.clone(), detail: error.detail };
        request.headers.extend(self.token.as_ref().map(|token| header("Authorization", &token.header())));
        let prepared = Prepared::new(&request).map_err(unreachable).map_err(Answered::not)?.keeping(LARGEST_ANSWER);
        let answer = self.client.send(&prepared, PATIENCE).await.map_err(unreachable).map_err(Answered::not)?;
        let response = answer.ok_or_else(|| Answered::not(Error::Late { url: url.clone() }))?;
        if (200..300).contains(&response.status) {
            return Ok(response.body.to_vec());
        }
        Err(refusal(&url, response.status, &response.body))
    }
}

impl Answered {
    fn not(error: Error) -> Self {
        Self { code: String::new(), error }
    }
}

fn refusal(url: &str, status: u16, body: &[u8]) -> Answered {
    let Ok(Problem { error: Detail { code, message } }) = serde_json::from_slice(body) else {
        return Answered::not(Error::Strange { url: url.to_owned(), status });
    };
    let error = match status {
        401 => Error::Unauthorized { message },
        400 | 404 | 422 => Error::Wrong { message },
        _ => Error::Refused(message),
    };
    Answered { code, error }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: Template::literal(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_ends_with_a_code_and_what_to_do() {
        let body = br#"{"error":{"code":"c","message":"m"}}"#;
        for (status, exit, told) in [
            (401, 1, "--token-file"),
            (403, 1, "m"),
            (404, 104, "m"),
            (409, 1, "m"),
            (422, 104, "m"),
            (429, 1, "m"),
            (503, 1, "m"),
        ] {
            let answered = refusal("http://h", status, body);
            assert_eq!((answered.error.exit().code(), answered.code.as_str()), (exit, "c"), "{status}");
            assert!(answered.error.to_string().contains(told), "{status}: {}", answered.error);
        }
        let strange = refusal("http://h/api/v1/status", 502, b"<html>").error.to_string();
        assert!(strange.contains("http://h/api/v1/status") && strange.contains("502"), "{strange}");
    }

    #[test]
    fn addresses_with_a_password_are_refused_and_not_repeated() {
        let error = Daemon::new("http://user:s3cret@h", None, None).map(|_| ()).unwrap_err();
        assert_eq!(error.exit(), Exit::BadConfiguration);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
