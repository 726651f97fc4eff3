//! Who may ask: a token that the operator has put into a file, and requests that come from where they say. A page of
//! another site must not reach the agent through the browser of somebody who can: neither by a name that it makes point
//! here (DNS rebinding: `Host` is a name that nobody gave us), nor by a request of its own (`Origin` is not ours).

use std::{
    fs,
    io::{self, Read as _},
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hyper::{
    HeaderMap, Request, StatusCode,
    header::{HOST, HeaderValue, ORIGIN},
    http::uri::Authority,
};

use crate::{
    agent::api::problem::Problem,
    fleet::token::{self, Token},
};

/// Longest token file, in bytes; a longer one is another file.
const LONGEST: u64 = 4096;

/// See the module. By default everybody who reaches the listener may ask.
#[derive(Debug, Clone, Default)]
pub struct Access {
    token: Option<Token>,
    hosts: Vec<String>,
}

/// Why a file is no token. What is in it is told to nobody.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read the token file {path}: {source}")]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is another file.
    #[error("{path} has more than {LONGEST} bytes; a token file holds one token and nothing else")]
    TooLong {
        /// As given.
        path: PathBuf,
    },
    /// Too short, or characters that cannot be sent.
    #[error(
        "{path}: a token needs at least 16 characters of printable ASCII without spaces; \
         make one with `openssl rand -hex 32 > {path}`"
    )]
    Unfit {
        /// As given.
        path: PathBuf,
        /// What is wrong with it.
        source: token::Error,
    },
    /// Anybody who reaches the address could start load.
    #[error(
        "refusing to listen on {addr} without a token: whoever reaches it could start load; \
         set `tokenFile`, or listen on 127.0.0.1"
    )]
    Unguarded {
        /// As given.
        addr: SocketAddr,
    },
}

impl Access {
    /// `hosts` are names without a port by which clients may call this agent, beside `localhost` and addresses.
    #[must_use]
    pub fn new(token: Option<Token>, hosts: Vec<String>) -> Self {
        Self { token, hosts }
    }

    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether an agent that takes orders may listen there.
    ///
    /// # Errors
    /// [`Error::Unguarded`]: others can reach the address, and there is no token.
    pub fn permits_listening(&self, addr: SocketAddr) -> Result<(), Error> {
        if addr.ip().to_canonical().is_loopback() || self.token.is_some() {
            Ok(())
        } else {
            Err(Error::Unguarded { addr })
        }
    }

    /// Whether `Host` and `Origin` are ours.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let host = authority(request)?;
        if !self.knows(host.host()) {
            let message = "this agent is not known by that name; call it by its address or as localhost, or add the name \
                           to `allowedHosts`";
            return Err(Problem::new(StatusCode::FORBIDDEN, "bad_host", message));
        }
        match single(request.headers(), &ORIGIN)? {
            Some(origin) if !is_own(origin, &host) => {
                let message = "a page of another site may not use this agent";
                Err(Problem::new(StatusCode::FORBIDDEN, "bad_origin", message))
            }
            _ => Ok(()),
        }
    }

    /// An address needs no list: no name points to it, so no other site can take its place in a browser.
    fn knows(&self, host: &str) -> bool {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        literal.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// By what name the client calls us.
fn authority<B>(request: &Request<B>) -> Result<Authority, Problem> {
    let bad = || Problem::new(StatusCode::BAD_REQUEST, "bad_host", "the request needs one Host header with a name");
    let header = single(request.headers(), &HOST)?.and_then(|host| host.to_str().ok()).ok_or_else(bad)?;
    let host: Authority = header.parse().map_err(|_| bad())?;
    // A client of a proxy names the host in the request's first line too; two names are a trick.
    let agree = request.uri().authority().is_none_or(|named| *named == host);
    if agree && !host.as_str().contains('@') { Ok(host) } else { Err(bad()) }
}

fn single<'h>(headers: &'h HeaderMap, name: &hyper::header::HeaderName) -> Result<Option<&'h HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        let message = format!("more than one {name} header");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_request", message));
    }
    Ok(first)
}

/// A proxy in front may speak TLS with the browser, so that both schemes are ours.
fn is_own(origin: &HeaderValue, host: &Authority) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let Ok(origin) = origin.parse::<Authority>() else { return false };
    origin.host().eq_ignore_ascii_case(host.host())
        && origin.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
}

/// Reads a token. A file that others may read is told of in the log.
///
/// # Errors
/// See [`enum@Error`].
pub fn read_token(path: &Path) -> Result<Token, Error> {
    let failed = |source| Error::Unreadable { path: path.to_path_buf(), source };
    let file = fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST {
        return Err(Error::TooLong { path: path.to_path_buf() });
    }
    if mode & 0o077 != 0 {
        let mode = format!("{:o}", mode & 0o777);
        tracing::warn!(path = %path.display(), mode, "Others may read the token file; `chmod 600` keeps it to you.");
    }
    Token::new(&text).map_err(|source| Error::Unfit { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests;
