//! Where a redirection leads to.

use url::Url;

use crate::config::{profile::Target, template::Template};

/// Scheme, host and port are the same.
pub(super) fn same_origin(one: &Target, other: &Target) -> bool {
    one.secure == other.secure && one.port == other.port && one.host == other.host
}

/// The target of `location`, which may be relative to `from` with the path `path`; none if it is no HTTP address.
/// Credentials and a fragment in it are dropped.
pub(super) fn resolve(from: &Target, path: &str, location: &str) -> Option<Target> {
    let scheme = if from.secure { "https" } else { "http" };
    let host = if from.host.contains(':') { format!("[{}]", from.host) } else { from.host.clone() };
    let base = Url::parse(&format!("{scheme}://{host}:{}{path}", from.port)).ok()?;
    let url = base.join(location).ok()?;
    let secure = match url.scheme() {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let host = url.host_str()?;
    Some(Target {
        secure,
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port_or_known_default()?,
        path_and_query: Template::literal(&format!("{}{query}", url.path())),
        display: format!("{}://{host}{}", url.scheme(), url.path()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> Target {
        let path_and_query = Template::literal("/a/b?c");
        Target { secure: true, host: "::1".into(), port: 8443, path_and_query, display: String::new() }
    }

    #[test]
    fn a_location_is_relative_to_the_request_or_whole() {
        for (location, secure, host, port, path) in [
            ("/x?y=1", true, "::1", 8443, "/x?y=1"),
            ("d", true, "::1", 8443, "/a/d"),
            ("?z", true, "::1", 8443, "/a/b?z"),
            ("//other/p", true, "other", 443, "/p"),
            ("http://user:pass@other:81/#part", false, "other", 81, "/"),
            ("/{{ vu }}", true, "::1", 8443, "/%7B%7B%20vu%20%7D%7D"),
        ] {
            let target = resolve(&from(), "/a/b?c", location).unwrap();
            let found = (target.secure, target.host.as_str(), target.port, target.path_and_query.constant());
            assert_eq!(found, (secure, host, port, Some(path)), "{location}");
        }
        assert_eq!(resolve(&from(), "/", "ftp://other/"), None);
        assert_eq!(resolve(&from(), "/", "http://"), None);
    }
}
