//! Questions to a Prometheus server, over the agent's own HTTP client.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{
        profile::network::Network,
        profile::{Tls, http::Http},
    },
    engine::side_client::{
        SideClient,
        bearer::{Bearer, BearerError},
        service::{AddressError, Service},
    },
    protocol::{failure::request::RequestError, http::Prepared, tls},
    slo::remote::{
        self,
        answer::{self, Sample},
    },
};

/// Largest answer that is read.
const LARGEST_ANSWER: usize = 16 << 20;
/// Bound on one question.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("--prometheus is {0}; for example http://prometheus:9090, with a token in RAMPD_PROMETHEUS_TOKEN")]
    Address(#[from] AddressError),
    #[error("RAMPD_PROMETHEUS_TOKEN is {0}")]
    Token(#[from] BearerError),
    #[error("{url}: {detail}")]
    Request { url: String, detail: String },
    #[error("{url} answers with status {status}; a token goes into RAMPD_PROMETHEUS_TOKEN")]
    Status { url: String, status: u16 },
    #[error(transparent)]
    Answer(#[from] remote::Error),
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// One server, asked over a connection that is kept.
pub(super) struct Server {
    service: Service,
    token: Option<Bearer>,
    client: SideClient,
}

impl Server {
    /// At `address`; nothing is sent yet.
    pub(super) fn new(address: &str, token: &str, tls: &Tls) -> Result<Self, Error> {
        let (service, token) = (Service::parse(address)?, Bearer::new(token)?);
        let client = SideClient::new(tls::client_configs(tls)?, Arc::new(Network::default()));
        Ok(Self { service, token, client })
    }

    /// The answer to an instant query, now.
    pub(super) async fn ask(&mut self, query: &str) -> Result<Vec<Sample>, Error> {
        let target = self.service.target("/api/v1/query", &[("query", query)]);
        let url = target.display.clone();
        let failed = |detail: String| Error::Request { url: url.clone(), detail };
        let mut request = Http::get(target);
        request.headers.extend(self.token.as_ref().map(Bearer::header));
        let of_client = |error: RequestError| failed(error.detail);
        let request = Prepared::new(&request).map_err(of_client)?.keeping(LARGEST_ANSWER);
        let Some(response) = self.client.send(&request, TIMEOUT).await.map_err(of_client)? else {
            return Err(failed(format!("no answer within {TIMEOUT:?}")));
        };
        match response.status {
            // Prometheus tells what is wrong with a query in the body of these.
            200 | 400 | 422 => Ok(answer::read(&response.body)?),
            status => Err(Error::Status { url, status }),
        }
    }
}
