//! A VU's cookies (RFC 6265), as k6 has them: what a server sets comes back to it, until the next iteration begins.

use cookie_store::{Cookie, CookieStore};
use url::Url;

use crate::{config::profile::Target, protocol::http::response::Response};

/// Cookies of one VU; a server that sets more is not followed.
const MOST: usize = 300;
/// Bytes of a cookie with its attributes; RFC 6265bis, 5.6, ignores larger ones.
const LARGEST: usize = 4096 + 1024;

/// One VU's jar. Takes no memory until a server sets a cookie.
#[derive(Default)]
pub(super) struct Jar {
    store: Option<Box<CookieStore>>,
    count: usize,
    line: String,
}

/// The values may be secrets.
impl std::fmt::Debug for Jar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Jar({} cookies)", self.count)
    }
}

impl Jar {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        if let Some(store) = &mut self.store
            && self.count > 0
        {
            store.clear();
            self.count = 0;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes the cookies that a response from `target` with the path `path` sets. One that may not be set from there, or
    /// is no cookie, is left out.
    pub(super) fn take(&mut self, response: &Response, target: &Target, path: &str) {
        let mut set = response.headers.all("set-cookie").filter_map(|value| std::str::from_utf8(value).ok()).peekable();
        if set.peek().is_none() {
            return;
        }
        let Some(url) = url(target, path) else { return };
        let store = self.store.get_or_insert_default();
        for cookie in set.filter(|cookie| cookie.len() <= LARGEST) {
            let Ok(cookie) = Cookie::parse(cookie, &url) else { continue };
            if self.count >= MOST {
                make_room(store);
                let is_known =
                    place(&cookie).is_some_and(|(domain, path, name)| store.contains_any(&domain, &path, &name));
                // Replacing is possible when it is full, too.
                if store.iter_any().count() >= MOST && !is_known {
                    continue;
                }
            }
            let _refused = store.insert(cookie.into_owned(), &url);
            self.count = store.iter_any().count();
        }
    }

    /// The value of `Cookie` for a request to `target` with the path `path`; empty if there is none to send.
    pub(super) fn line(&mut self, target: &Target, path: &str) -> &str {
        self.line.clear();
        if let (Some(store), Some(url)) = (&self.store, url(target, path)) {
            let mut cookies = store.matches(&url);
            // The most special first (RFC 6265, 5.4): servers mostly take the first of one name.
            cookies
                .sort_by(|one, other| other.path.len().cmp(&one.path.len()).then_with(|| one.name().cmp(other.name())));
            for cookie in cookies {
                let separator = if self.line.is_empty() { "" } else { "; " };
                self.line.extend([separator, cookie.name(), "=", cookie.value()]);
            }
        }
        &self.line
    }
}

/// Forgets what has expired; the store keeps it, deleted cookies too.
fn make_room(store: &mut CookieStore) {
    let gone: Vec<_> = store.iter_any().filter(|cookie| cookie.is_expired()).filter_map(place).collect();
    for (domain, path, name) in gone {
        store.remove(&domain, &path, &name);
    }
}

/// Where the store has a cookie.
fn place(cookie: &Cookie<'_>) -> Option<(String, String, String)> {
    Some((cookie.domain.as_cow()?.into_owned(), (&cookie.path).into(), cookie.name().to_owned()))
}

fn url(target: &Target, path: &str) -> Option<Url> {
    let scheme = if target.secure { "https" } else { "http" };
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    Url::parse(&format!("{scheme}://{host}:{}{path}", target.port)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::Template;

    fn target(secure: bool, host: &str) -> Target {
        let path_and_query = Template::literal("/");
        Target {
            secure,
            host: host.into(),
            port: if secure { 443 } else { 80 },
            path_and_query,
            display: String::new(),
        }
    }

    fn response(cookies: &[&str]) -> Response {
        let mut response = Response::default();
        cookies.iter().for_each(|cookie| response.headers.push(b"Set-Cookie", cookie.as_bytes()));
        response
    }

    #[test]
    fn cookies_go_where_rfc_6265_lets_them() {
        let mut jar = Jar::default();
        let set = [
            "host=1",
            "domain=2; Domain=example.com",
            "path=3; Path=/a",
            "secure=4; Secure",
            "other=5; Domain=other.com",
            "gone=6; Max-Age=0",
            "old=7; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
        ];
        jar.take(&response(&set), &target(true, "www.example.com"), "/b/c");
        let mut sent = |secure, host: &str, path: &str| {
            let mut names: Vec<_> = jar
                .line(&target(secure, host), path)
                .split("; ")
                .map(|pair| pair.split('=').next().unwrap().to_owned())
                .collect();
            names.sort();
            names.join(" ")
        };
        assert_eq!(sent(true, "www.example.com", "/b/x"), "domain host secure");
        assert_eq!(sent(false, "www.example.com", "/b/x"), "domain host");
        assert_eq!(sent(true, "api.example.com", "/b/x"), "domain");
        assert_eq!(sent(true, "www.example.com", "/a/x"), "path");
        assert_eq!(sent(true, "other.com", "/"), "");
    }

    #[test]
    fn of_one_name_the_longer_path_comes_first() {
        let (mut jar, target) = (Jar::default(), target(false, "h"));
        jar.take(&response(&["sid=a; Path=/", "sid=b; Path=/app", "a=c; Path=/"]), &target, "/app");
        assert_eq!(jar.line(&target, "/app/x"), "sid=b; a=c; sid=a");
    }

    #[test]
    fn a_jar_has_the_last_value_and_is_empty_again() {
        let (mut jar, target) = (Jar::default(), target(false, "127.0.0.1"));
        jar.take(&response(&["a=1", "b=2; Path=/"]), &target, "/");
        jar.take(&response(&["a=3", "b=; Max-Age=0; Path=/"]), &target, "/");
        assert_eq!(jar.line(&target, "/x?y"), "a=3");
        jar.clear();
        assert!(jar.is_empty());
        assert_eq!(jar.line(&target, "/"), "");
    }

    #[test]
    fn a_server_cannot_fill_the_memory() {
        let (mut jar, target) = (Jar::default(), target(false, "h"));
        for round in 0..20 {
            let cookies: Vec<_> = (0..50).map(|number| format!("c{round}-{number}=x")).collect();
            let cookies: Vec<_> = cookies.iter().map(String::as_str).collect();
            jar.take(&response(&cookies), &target, "/");
        }
        assert_eq!(jar.count, MOST);
        assert!(jar.line(&target, "/").contains("c0-7=x"), "the first ones stay");
        jar.take(&response(&["c0-7=changed"]), &target, "/");
        assert!(jar.line(&target, "/").contains("c0-7=changed"), "replaced when it is full");
        jar.take(&response(&["c0-7=; Max-Age=0", "new=x"]), &target, "/");
        assert!(jar.line(&target, "/").contains("new=x"), "a deleted one gives its place away");
        jar.clear();
        let large = format!("large={}", "x".repeat(6000));
        jar.take(&response(&[&large, "small=x"]), &target, "/");
        assert_eq!(jar.line(&target, "/"), "small=x");
    }
}
