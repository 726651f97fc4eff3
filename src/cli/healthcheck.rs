//! `rampd healthcheck`: asks a running agent whether it is well, for images without a shell or curl.

use std::{sync::Arc, time::Duration};

use clap::Args as ClapArgs;
use url::Url;

use crate::{
    cli::console::{print, refuse},
    config::{
        profile::{Target, Tls, http::Http, network::Network},
        template::Template,
    },
    engine::side_client::SideClient,
    exit::Exit,
    protocol::{http::Prepared, tls},
    units::duration,
};

/// Options of the command.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "Exit codes:\n  \
    0    it answered 200 in time\n  \
    1    it did not\n  \
    104  bad options\n\n\
    Examples:\n  \
    rampd healthcheck                                    is the run prepared, so that /metrics has a page?\n  \
    rampd healthcheck --url http://127.0.0.1:6464/livez  does the agent answer at all?")]
pub struct Args {
    /// Address of the agent; without a path /readyz is asked
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:6464", env = "RAMPD_HEALTHCHECK_URL")]
    pub url: String,
    /// How long it may take to answer
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "2s")]
    pub timeout: Duration,
}

/// Why the agent is not known to be well.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{url}: {detail}; does the agent run, and does it listen there (--listen, RAMPD_LISTEN)?")]
    Unreachable { url: String, detail: String },
    #[error("{url}: no answer within {}", duration::display(*limit))]
    Late { url: String, limit: Duration },
    #[error("{url}: answers with status 503; the run is still being prepared")]
    NotReady { url: String },
    #[error("{url}: answers with status {status} in place of 200; is it an agent of rampd?")]
    Status { url: String, status: u16 },
    #[error("cannot ask: {0}")]
    Client(String),
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    // Read here and not by clap, which would repeat a password that does not belong there.
    let target = match target(&args.url) {
        Ok(target) => target,
        Err(message) => return refuse(Exit::BadConfiguration, &message),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(Exit::Failed, &error),
    };
    match runtime.block_on(ask(&target, args.timeout)) {
        Ok(()) => {
            print("ok\n");
            Exit::Passed
        }
        Err(error) => refuse(Exit::Failed, &error),
    }
}

async fn ask(target: &Target, limit: Duration) -> Result<(), Error> {
    let url = target.display.clone();
    let tls = tls::client_configs(&Tls::default()).map_err(|error| Error::Client(error.to_string()))?;
    let request = Prepared::new(&Http::get(target.clone())).map_err(|error| Error::Client(error.detail))?;
    let mut client = SideClient::new(tls, Arc::new(Network::default()));
    match client.send(&request, limit).await {
        Err(error) => Err(Error::Unreachable { url, detail: error.detail }),
        Ok(None) => Err(Error::Late { url, limit }),
        Ok(Some(response)) => judge(url, response.status),
    }
}

fn judge(url: String, status: u16) -> Result<(), Error> {
    match status {
        200 => Ok(()),
        503 => Err(Error::NotReady { url }),
        status => Err(Error::Status { url, status }),
    }
}

/// An agent's address. It serves neither TLS nor credentials, and no page of it takes a query.
fn target(text: &str) -> Result<Target, String> {
    let wrong = || {
        "--url: expected the address of an agent without user, password and query, for example http://127.0.0.1:6464"
            .to_owned()
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.scheme() == "http"
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let host = url.host_str().filter(|_| plain).ok_or_else(wrong)?;
    let port = url.port().unwrap_or(80);
    let path = if url.path() == "/" { "/readyz" } else { url.path() };
    Ok(Target {
        secure: false,
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        path_and_query: Template::literal(path),
        display: format!("http://{host}:{port}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_path_readiness_is_asked() {
        for (text, display, host) in [
            ("http://127.0.0.1:6464", "http://127.0.0.1:6464/readyz", "127.0.0.1"),
            ("http://127.0.0.1:6464/", "http://127.0.0.1:6464/readyz", "127.0.0.1"),
            ("http://agent/livez", "http://agent:80/livez", "agent"),
            ("http://[::1]:6464", "http://[::1]:6464/readyz", "::1"),
        ] {
            let target = target(text).unwrap();
            assert_eq!((target.display.as_str(), target.host.as_str()), (display, host), "{text}");
        }
    }

    #[test]
    fn what_no_agent_serves_is_refused_and_not_repeated() {
        for text in
            ["127.0.0.1:6464", "https://a", "http://u:secret@a", "http://:secret@a", "http://a/?secret", "", "http://"]
        {
            let message = target(text).unwrap_err();
            assert!(message.contains("http://127.0.0.1:6464") && !message.contains("secret"), "{text}: {message}");
        }
    }

    #[test]
    fn only_200_is_well() {
        for (status, well) in [(200, true), (204, false), (302, false), (404, false), (500, false), (503, false)] {
            assert_eq!(judge("u".to_owned(), status).is_ok(), well, "{status}");
        }
        assert!(judge("u".to_owned(), 503).unwrap_err().to_string().contains("being prepared"));
    }
}
