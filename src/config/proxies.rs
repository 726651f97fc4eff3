//! Where the proxies of a run come from: `network: { proxy, noProxy }`, else the environment.

use url::Url;

use crate::config::{
    at::Place,
    context::Context,
    decode::each,
    environment::Environment,
    node::Node,
    problem::shown,
    profile::proxy::{Except, Proxies, Proxy},
};

const HINT: &str = "for example `proxy: http://proxy.example.com:3128`, or `none`";

/// `http://user:password@host:port` for every connection but those to `exceptions`, or `none`.
pub(crate) fn of_profile(node: &Node<'_>, exceptions: Option<&Node<'_>>) -> Option<Proxies> {
    let text = node.text()?;
    let proxy = match text.value.trim() {
        "none" => None,
        url => match parse(url) {
            Ok(proxy) => Some(proxy),
            Err(why) => return node.bad_text(text, "a proxy", &format!("no proxy: {why}"), HINT.to_owned()),
        },
    };
    let except = exceptions.map_or(Some(Vec::new()), |node| {
        let hint = "for example `noProxy: [localhost, .internal, 10.0.0.0/8]`";
        each(node, hint, |element, text| {
            Except::parse(&text.value).or_else(|| {
                let why = format!("`{}` is no exception of a proxy", shown(text.value.trim()));
                element.bad_text(text, "an exception of a proxy", &why, hint.to_owned())
            })
        })
    });
    Some(Proxies { plain: proxy.clone(), secure: proxy, except: except? })
}

/// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not. As in Go's programs,
/// loopback is never reached through them.
pub(crate) fn of_environment(environment: &Environment, context: &Context<'_>) -> Proxies {
    let find = |names: [&'static str; 4]| {
        let set = |name: &&'static str| environment.get(name).is_some_and(|value| !value.trim().is_empty());
        let name = names.into_iter().find(set)?;
        match parse(environment.get(name).unwrap_or_default().trim()) {
            Ok(proxy) => Some(proxy),
            Err(why) => {
                let hint = "unset it, or write `network: { proxy: none }`".to_owned();
                context.problem(
                    &Place::Flag(name),
                    format!("`{name}` of the environment is no proxy: {why}"),
                    Some(hint),
                );
                None
            }
        }
    };
    let plain = find(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]);
    let secure = find(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    if plain.is_none() && secure.is_none() {
        return Proxies::default();
    }
    let listed = environment.get("NO_PROXY").or_else(|| environment.get("no_proxy")).unwrap_or_default();
    // What is no exception is left out, as in Go: the list is shared with other programs.
    let except = listed.split(',').filter_map(Except::parse).chain([Except::LOOPBACK]).collect();
    Proxies { plain, secure, except }
}

/// The reason never quotes the text, which may hold a password.
fn parse(text: &str) -> Result<Proxy, &'static str> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).map_err(|_| "it is no URL")?;
    match url.scheme() {
        "http" => {}
        "https" => return Err("TLS towards the proxy itself is not spoken; its URL begins with `http://`"),
        "socks5" | "socks5h" | "socks4" | "socks" => return Err("SOCKS is not spoken; its URL begins with `http://`"),
        _ => return Err("its URL begins with `http://`"),
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("its URL ends with the port");
    }
    let host = url.host_str().ok_or("it has no host")?;
    let port = url.port_or_known_default().filter(|port| *port > 0).ok_or("nothing listens on port 0")?;
    let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
        let mut credentials = percent_decoded(url.username());
        credentials.push(b':');
        credentials.extend(percent_decoded(url.password().unwrap_or_default()));
        format!("Basic {}", data_encoding::BASE64.encode(&credentials))
    });
    Ok(Proxy { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port, authorization })
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{load, overrides::Overrides, source::Source};

    fn loaded(text: &str, environment: &[(&str, &str)]) -> Result<Proxies, String> {
        let text = format!("{text}\nduration: 1s\nflow: [{{ sleep: 1s }}]\n");
        let source = Source::from_bytes("p.yaml", text.into_bytes()).unwrap();
        let environment = environment.iter().copied().collect();
        let profile = load(&source, &environment, &Overrides::default());
        profile.map(|profile| profile.network.proxies).map_err(|report| report.to_string())
    }

    #[test]
    fn a_url_becomes_host_port_and_credentials() {
        let proxy = parse("http://me:p%40ss@proxy.example.com").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example.com", 80));
        assert_eq!(proxy.authorization.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(parse("[::1]:3128").unwrap(), Proxy { host: "::1".into(), port: 3128, authorization: None });
        for (text, why) in [
            ("https://p:1", "TLS towards"),
            ("socks5://p:1", "SOCKS"),
            ("ftp://p", "begins with"),
            ("http://p:1/path", "ends with the port"),
            ("http://p:99999", "no URL"),
            ("", "no URL"),
        ] {
            assert!(parse(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn the_environment_is_asked_only_if_the_profile_says_nothing() {
        let environment =
            [("HTTPS_PROXY", "http://secure:1"), ("all_proxy", "plain:2"), ("NO_PROXY", "a.b,:,10.0.0.0/8")];
        let proxies = loaded("", &environment).unwrap();
        assert_eq!(proxies.secure.unwrap().to_string(), "secure:1");
        assert_eq!(proxies.plain.unwrap().to_string(), "plain:2");
        assert_eq!(proxies.except.len(), 3, "two that are exceptions, and loopback");
        assert_eq!(loaded("network: { proxy: none }", &environment).unwrap(), Proxies::default());
        let own = loaded("network: { proxy: \"http://own:3\", noProxy: [x] }", &environment).unwrap();
        assert_eq!(own.plain, own.secure);
        assert_eq!(own.except, [Except::parse("x").unwrap()]);
    }

    #[test]
    fn a_bad_proxy_of_the_environment_is_named_without_its_value() {
        let report = loaded("", &[("HTTP_PROXY", "socks5://me:s3cret@p")]).unwrap_err();
        assert!(report.contains("HTTP_PROXY") && report.contains("SOCKS") && !report.contains("s3cret"), "{report}");
    }
}
