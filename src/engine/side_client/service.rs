//! The address of a service with an API over HTTP: Prometheus, Grafana.

use url::Url;

use crate::config::{profile::Target, template::Template};

/// Why a text is no address. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme, or no host.
    #[error("no http:// or https:// address")]
    Malformed,
    /// It would end up in logs and process lists.
    #[error("an address with a user or password")]
    Credentials,
    /// Paths are appended to it.
    #[error("an address with a query or fragment")]
    Query,
}

/// See the module; the service may live below a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    base: Url,
}

impl Service {
    /// Reads an address.
    ///
    /// # Errors
    /// It is none, or has more than an address may have.
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        let base = Url::parse(address).map_err(|_| AddressError::Malformed)?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(AddressError::Malformed);
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(AddressError::Query);
        }
        Ok(Self { base })
    }

    /// `path` below the address, with the parameters of a query, which `display` leaves out.
    #[must_use]
    pub fn target(&self, path: &str, query: &[(&str, &str)]) -> Target {
        let path = format!("{}{path}", self.base.path().trim_end_matches('/'));
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port().map_or_else(String::new, |port| format!(":{port}"));
        let display = format!("{}://{host}{port}{path}", self.base.scheme());
        let path_and_query = if query.is_empty() {
            path
        } else {
            let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            format!("{path}?{query}")
        };
        Target {
            secure: self.base.scheme() == "https",
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: self.base.port_or_known_default().unwrap_or_default(),
            path_and_query: Template::literal(&path_and_query),
            display,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_go_below_the_path_of_the_address() {
        for (address, display) in [
            ("http://localhost:9090", "http://localhost:9090/api/v1/query"),
            ("https://[::1]/prom/", "https://[::1]/prom/api/v1/query"),
        ] {
            let target = Service::parse(address).unwrap().target("/api/v1/query", &[("query", "sum(a{b=\"c d\"})")]);
            assert_eq!(target.display, display);
            assert!(target.path_and_query.source().ends_with("/query?query=sum%28a%7Bb%3D%22c+d%22%7D%29"));
            assert!(!target.host.contains('['));
        }
        let target = Service::parse("https://h/").unwrap().target("/api", &[]);
        assert_eq!((target.secure, target.port, &*target.path_and_query.source()), (true, 443, "/api"));
    }

    #[test]
    fn addresses_are_checked_and_never_repeated() {
        for (bad, error) in [
            ("localhost:9090", AddressError::Malformed),
            ("ws://a", AddressError::Malformed),
            ("", AddressError::Malformed),
            ("http://user:s3cret@a", AddressError::Credentials),
            ("http://:s3cret@a", AddressError::Credentials),
            ("http://a/?key=s3cret", AddressError::Query),
            ("http://a/#s3cret", AddressError::Query),
        ] {
            assert_eq!(Service::parse(bad), Err(error), "{bad}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
