//! From a request of a profile to one on the wire. What has no placeholder is made once.

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{self, HeaderName, HeaderValue},
};

use crate::{
    config::{
        profile::{self, Target, http::Http},
        template::{Template, Values},
    },
    protocol::failure::request::{RequestError, RequestFailure},
};

/// A request ready to be rendered.
#[derive(Debug)]
pub struct Message {
    method: Method,
    uri: Part<Uri>,
    /// Those without placeholders.
    headers: HeaderMap,
    rendered: Vec<(HeaderName, Template)>,
    body: Part<Bytes>,
}

/// Made once, or for each request.
#[derive(Debug)]
enum Part<T> {
    Constant(T),
    Template(Template),
}

impl<T> Part<T> {
    fn new(template: &Template, make: impl FnOnce(&str) -> Option<T>) -> Self {
        match template.constant().and_then(make) {
            Some(made) => Self::Constant(made),
            None => Self::Template(template.clone()),
        }
    }
}

fn bad_request(detail: impl Into<String>) -> RequestError {
    RequestError::new(RequestFailure::BadRequest, detail)
}

impl Message {
    /// Prepares a request.
    ///
    /// # Errors
    /// A header that HTTP does not allow; the profile's reader refuses those.
    pub fn new(request: &Http) -> Result<Self, RequestError> {
        let method = Method::from_bytes(request.method.name().as_bytes()).map_err(|_| bad_request("method"))?;
        let mut headers = HeaderMap::new();
        let authority = HeaderValue::from_str(&authority(&request.url)).map_err(|_| bad_request("host"))?;
        headers.insert(header::HOST, authority);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("rampd/", env!("CARGO_PKG_VERSION"))));
        let mut rendered = Vec::new();
        for profile::Header { name, value } in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_request("a header's name"))?;
            match value.constant() {
                Some(text) => {
                    headers.insert(name.clone(), header_value(&name, text)?);
                }
                None => {
                    headers.remove(&name);
                    rendered.push((name, value.clone()));
                }
            }
        }
        let empty = Template::default();
        let body = request.body.as_ref().map_or(&empty, |body| &body.0);
        Ok(Self {
            method,
            uri: Part::new(&request.url.path_and_query, |text| text.parse().ok()),
            headers,
            rendered,
            body: Part::new(body, |text| Some(Bytes::copy_from_slice(text.as_bytes()))),
        })
    }

    /// The request with the values of this moment.
    ///
    /// # Errors
    /// A placeholder without a value, or a value that HTTP does not allow in a path or a header.
    pub fn render(&self, values: &Values) -> Result<Request<Full<Bytes>>, RequestError> {
        // The path first: `Self::path` renders it again with the same draws.
        let uri = match &self.uri {
            Part::Constant(uri) => uri.clone(),
            Part::Template(template) => {
                let mut text = String::new();
                template.render(values, &mut text)?;
                text.parse().map_err(|_| bad_request("the path is no valid one"))?
            }
        };
        let mut headers = self.headers.clone();
        for (name, template) in &self.rendered {
            let mut text = String::new();
            template.render(values, &mut text)?;
            headers.insert(name.clone(), header_value(name, &text)?);
        }
        let body = match &self.body {
            Part::Constant(bytes) => bytes.clone(),
            Part::Template(template) => {
                let mut bytes = BytesMut::new();
                template.render(values, &mut bytes)?;
                bytes.freeze()
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Message {
    /// Path and query of the request that was rendered last.
    pub(super) fn path(&self, values: &Values) -> String {
        match &self.uri {
            Part::Constant(uri) => uri.to_string(),
            Part::Template(template) => {
                let mut text = String::new();
                values.draws.rewind();
                let _rendered_before = template.render(values, &mut text);
                text
            }
        }
    }

    /// What is sent to `target` after a redirection with `status`, as browsers do: 303 becomes a GET, 301 and 302
    /// too unless it was one; credentials do not go to another origin.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub(super) fn redirected(
        &self,
        values: &Values,
        status: u16,
        target: &Target,
        same_origin: bool,
    ) -> Result<Self, RequestError> {
        values.draws.rewind();
        let (mut parts, _) = self.render(values)?.into_parts();
        let body = match &self.body {
            Part::Constant(bytes) => Part::Constant(bytes.clone()),
            Part::Template(template) => Part::Template(template.clone()),
        };
        let keeps_method = matches!(status, 307 | 308) || matches!(parts.method, Method::GET | Method::HEAD);
        let (method, body) =
            if keeps_method { (parts.method, body) } else { (Method::GET, Part::Constant(Bytes::new())) };
        if !keeps_method {
            parts.headers.remove(header::CONTENT_TYPE);
        }
        if !same_origin {
            let authority = HeaderValue::from_str(&authority(target)).map_err(|_| bad_request("host"))?;
            parts.headers.insert(header::HOST, authority);
            for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
                parts.headers.remove(name);
            }
        }
        let uri = Part::new(&target.path_and_query, |text| text.parse().ok());
        Ok(Self { method, uri, headers: parts.headers, rendered: Vec::new(), body })
    }

    /// Whether sending it twice has the effect of sending it once (RFC 9110, 9.2.2).
    pub(super) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

/// The value may be a secret, so the error names the header only.
fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, RequestError> {
    let invalid = |_| bad_request(format!("invalid characters in the value of header {name}"));
    let mut value = HeaderValue::from_str(text).map_err(invalid)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Host`: the port only if it is not the scheme's own.
fn authority(target: &Target) -> String {
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let usual = if target.secure { 443 } else { 80 };
    if target.port == usual { host } else { format!("{host}:{}", target.port) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::profile::{Header, http::Body};

    fn target(host: &str, port: u16, path: &str) -> Target {
        let path_and_query = Template::parse(path).unwrap();
        Target { secure: false, host: host.into(), port, path_and_query, display: format!("http://{host}{path}") }
    }

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.into(), value: Template::parse(value).unwrap() }
    }

    #[test]
    fn placeholders_are_filled_in_everywhere() {
        let mut request = Http::get(target("h", 8080, "/users/{{ vu }}?page={{ index }}"));
        request.headers = vec![header("X-Vu", "vu {{ vu }}"), header("x-constant", "1"), header("User-Agent", "me")];
        request.body = Some(Body(Template::parse("n={{ iteration }}").unwrap()));
        let values = Values { vu: 7, iteration: 3, index: 2, ..Values::default() };
        let sent = Message::new(&request).unwrap().render(&values).unwrap();
        assert_eq!(sent.uri(), "/users/7?page=2");
        let of = |name: &str| sent.headers()[name].to_str().unwrap().to_owned();
        assert_eq!([of("host"), of("x-vu"), of("x-constant"), of("user-agent")], ["h:8080", "vu 7", "1", "me"]);
        let body = format!("{:?}", sent.body());
        assert!(body.contains("n=3"), "{body}");
    }

    #[test]
    fn a_redirection_keeps_the_request_as_far_as_browsers_do() {
        let mut request = Http::get(target("h", 80, "/{{ vu }}"));
        request.method = crate::config::profile::http::Method::Post;
        request.headers = vec![header("Authorization", "Bearer x"), header("Content-Type", "text/plain")];
        request.body = Some(Body(Template::literal("body")));
        let message = Message::new(&request).unwrap();
        let other = target("other", 81, "/there");
        let hop = |status, same_origin| {
            let hop = message.redirected(&Values::default(), status, &other, same_origin).unwrap();
            let sent = hop.render(&Values::default()).unwrap();
            let has = |name: &str| sent.headers().contains_key(name);
            let body = format!("{:?}", sent.body()).contains("body\"");
            (sent.method().clone(), has("authorization"), has("content-type"), body, sent.uri().to_string())
        };
        assert_eq!(hop(302, true), (Method::GET, true, false, false, "/there".to_owned()));
        assert_eq!(hop(307, true), (Method::POST, true, true, true, "/there".to_owned()));
        assert_eq!(hop(308, false), (Method::POST, false, true, true, "/there".to_owned()));
    }

    #[test]
    fn the_usual_port_is_not_in_the_host_header() {
        for (host, port, expected) in
            [("h", 80, "h"), ("h", 443, "h:443"), ("::1", 80, "[::1]"), ("::1", 81, "[::1]:81")]
        {
            assert_eq!(authority(&target(host, port, "/")), expected);
        }
    }
}
