//! Questions to a Prometheus server, over the agent's own HTTP client.

use std::{sync::Arc, time::Duration};

use url::Url;

use crate::{
    config::{
        profile::{Header, Target, Tls, http::Http, network::Network},
        template::Template,
    },
    engine::side_client::SideClient,
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
    #[error("`{0}` is no address of a Prometheus server; for example http://prometheus:9090")]
    Address(String),
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
    base: Url,
    token: Option<String>,
    client: SideClient,
}

impl Server {
    /// At `address`; nothing is sent yet.
    pub(super) fn new(address: &str, token: Option<String>, tls: &Tls) -> Result<Self, Error> {
        let base = Url::parse(address).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && url.username().is_empty()
        });
        let base = base.ok_or_else(|| Error::Address(address.to_owned()))?;
        let client = SideClient::new(tls::client_configs(tls)?, Arc::new(Network::default()));
        Ok(Self { base, token, client })
    }

    /// The answer to an instant query, now.
    pub(super) async fn ask(&mut self, query: &str) -> Result<Vec<Sample>, Error> {
        let target = target(&self.base, query);
        let url = target.display.clone();
        let failed = |detail: String| Error::Request { url: url.clone(), detail };
        let mut request = Http::get(target);
        if let Some(token) = &self.token {
            let value = Template::literal(&format!("Bearer {token}"));
            request.headers.push(Header { name: "Authorization".to_owned(), value });
        }
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

fn target(base: &Url, query: &str) -> Target {
    let path = format!("{}/api/v1/query", base.path().trim_end_matches('/'));
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
    let host = base.host_str().unwrap_or_default();
    let port = base.port().map_or_else(String::new, |port| format!(":{port}"));
    Target {
        secure: base.scheme() == "https",
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: base.port_or_known_default().unwrap_or_default(),
        path_and_query: Template::literal(&format!("{path}?{query}")),
        display: format!("{}://{host}{port}{path}", base.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_goes_below_the_path_of_the_address() {
        for (address, display) in [
            ("http://localhost:9090", "http://localhost:9090/api/v1/query"),
            ("https://[::1]/prom/", "https://[::1]/prom/api/v1/query"),
        ] {
            let target = target(&Url::parse(address).unwrap(), "sum(a{b=\"c d\"})");
            assert_eq!(target.display, display);
            assert!(target.path_and_query.source().ends_with("?query=sum%28a%7Bb%3D%22c+d%22%7D%29"));
            assert!(!target.host.contains('['));
        }
    }

    #[test]
    fn addresses_are_checked() {
        for bad in ["localhost:9090", "ws://a", "http://user:secret@a", ""] {
            assert!(matches!(Server::new(bad, None, &Tls::default()), Err(Error::Address(_))), "{bad}");
        }
    }
}
