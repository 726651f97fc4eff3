//! From a request of a profile to the text of HTTP/1.1, or to hyper's request for HTTP/2. What has no placeholder is
//! rendered once.

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{self, HeaderName, HeaderValue},
};

use crate::{
    config::{
        profile::{self, Target, http::Http},
        template::Values,
    },
    protocol::{
        failure::request::{RequestError, RequestFailure},
        http::message::part::{Content, Part},
    },
};

mod part;

/// Bodies up to this length are copied behind their heads, so that both leave with one system call.
const JOINED: usize = 16 * 1024;

/// A request ready to be sent, or to be rendered.
#[derive(Debug)]
pub struct Message {
    method: Method,
    path: Part<String>,
    fields: Vec<Field>,
    body: Content,
    /// `Connection: close` is among the headers.
    closes: bool,
    /// All of it but a long body, if nothing has a placeholder.
    wire: Option<Bytes>,
}

/// A header.
#[derive(Clone)]
struct Field {
    name: HeaderName,
    /// `Content-Type`: some servers know names only as every other client writes them.
    title: Box<str>,
    value: Part<String>,
}

/// The value may be a secret.
impl std::fmt::Debug for Field {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Field({})", self.name)
    }
}

impl Field {
    fn new(name: HeaderName, value: Part<String>) -> Self {
        let mut title = String::with_capacity(name.as_str().len());
        for char in name.as_str().chars() {
            let begins = title.is_empty() || title.ends_with('-');
            title.push(if begins { char.to_ascii_uppercase() } else { char });
        }
        Self { name, title: title.into(), value }
    }
}

/// A VU's room to render requests in.
#[derive(Debug, Default)]
pub(super) struct Room {
    head: BytesMut,
    body: BytesMut,
}

/// A request as bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'b> {
    /// The head, and a short body.
    pub(super) first: &'b [u8],
    /// A long body.
    pub(super) rest: &'b [u8],
    /// Whether its response has no body whatever its head says.
    pub(super) is_head: bool,
    /// Whether no other request may follow on its connection (RFC 9112, 9.6).
    pub(super) closes: bool,
}

fn bad_request(detail: impl Into<String>) -> RequestError {
    RequestError::new(RequestFailure::BadRequest, detail)
}

impl Message {
    /// Prepares a request.
    ///
    /// # Errors
    /// A path or header that HTTP does not allow; the profile's reader refuses those.
    pub fn new(request: &Http) -> Result<Self, RequestError> {
        let method = Method::from_bytes(request.method.name().as_bytes()).map_err(|_| bad_request("method"))?;
        let agent = concat!("rampd/", env!("CARGO_PKG_VERSION")).to_owned();
        let mut fields = vec![
            Field::new(header::HOST, Part::Constant(authority(&request.url))),
            Field::new(header::USER_AGENT, Part::Constant(agent)),
        ];
        for profile::Header { name, value } in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_request("a header's name"))?;
            let own = Field::new(name, Part::new(value, str::to_owned));
            match fields.iter_mut().find(|field| field.name == own.name) {
                Some(field) => *field = own,
                None => fields.push(own),
            }
        }
        let body = Content::new(request.body.as_ref().map_or(&[], |body| &*body.0));
        Self::from_parts(method, Part::new(&request.url.path_and_query, str::to_owned), fields, body)
    }

    fn from_parts(method: Method, path: Part<String>, fields: Vec<Field>, body: Content) -> Result<Self, RequestError> {
        let closes = fields.iter().filter(|field| field.name == header::CONNECTION).any(|field| {
            let options = field.value.constant().map_or("", String::as_str).split(',');
            options.map(str::trim).any(|option| option.eq_ignore_ascii_case("close"))
        });
        let mut message = Self { method, path, fields, body, closes, wire: None };
        let constant = message.path.constant().is_some()
            && message.body.constant().is_some()
            && message.fields.iter().all(|field| field.value.constant().is_some());
        if constant {
            let mut room = Room::default();
            message.render(&Values::default(), "", &mut room)?;
            message.wire = Some(room.head.freeze());
        }
        Ok(message)
    }

    /// The request with the values of this moment and `cookies` besides its own, in `room` if it has placeholders.
    ///
    /// # Errors
    /// A placeholder without a value, or a value that HTTP does not allow in a path or a header.
    pub(super) fn outgoing<'b>(
        &'b self,
        values: &Values,
        cookies: &str,
        room: &'b mut Room,
    ) -> Result<Outgoing<'b>, RequestError> {
        let (is_head, closes) = (self.method == Method::HEAD, self.closes);
        let long = |body: &'b [u8]| if body.len() > JOINED { body } else { &[] };
        if let (Some(wire), Some(body), true) = (&self.wire, self.body.constant(), cookies.is_empty()) {
            return Ok(Outgoing { first: wire, rest: long(body), is_head, closes });
        }
        self.render(values, cookies, room)?;
        let body = self.body.constant().map_or(&*room.body, |body| body);
        Ok(Outgoing { first: &room.head, rest: long(body), is_head, closes })
    }

    /// Everything but a long body goes to `room.head`. The path is rendered first, the body last.
    fn render(&self, values: &Values, cookies: &str, room: &mut Room) -> Result<(), RequestError> {
        let Room { head, body: rendered } = room;
        head.clear();
        rendered.clear();
        head.extend_from_slice(self.method.as_str().as_bytes());
        head.extend_from_slice(b" ");
        let path = append(head, &self.path, values)?;
        // What would end the path early.
        if head[path..].iter().any(|byte| *byte <= b' ' || *byte == 0x7f || *byte == b'#') {
            return Err(bad_request("the path is no valid one"));
        }
        head.extend_from_slice(b" HTTP/1.1\r\n");
        let mut cookies = cookies;
        for field in &self.fields {
            head.extend_from_slice(field.title.as_bytes());
            head.extend_from_slice(b": ");
            let value = append(head, &field.value, values)?;
            if field.name == header::COOKIE && !cookies.is_empty() {
                head.extend_from_slice(b"; ");
                head.extend_from_slice(std::mem::take(&mut cookies).as_bytes());
            }
            if head[value..].iter().any(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f) {
                // The value may be a secret, so the error names the header only.
                return Err(bad_request(format!("invalid characters in the value of header {}", field.name)));
            }
            head.extend_from_slice(b"\r\n");
        }
        if !cookies.is_empty() {
            head.extend_from_slice(b"Cookie: ");
            head.extend_from_slice(cookies.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        let body: &[u8] = match &self.body {
            Content::Constant(body) => body,
            Content::Rendered(pieces) => {
                pieces.iter().try_for_each(|piece| piece.append(values, rendered))?;
                rendered
            }
        };
        // Methods that give a body a meaning say that there is none (RFC 9110, 8.6).
        if !body.is_empty() || matches!(self.method, Method::POST | Method::PUT | Method::PATCH) {
            head.extend_from_slice(b"Content-Length: ");
            head.extend_from_slice(itoa::Buffer::new().format(body.len()).as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        if body.len() <= JOINED {
            head.extend_from_slice(body);
        }
        Ok(())
    }

    /// The request for an HTTP/2 connection to `target`.
    ///
    /// # Errors
    /// As [`Self::outgoing`].
    pub(super) fn http2(
        &self,
        target: &Target,
        values: &Values,
        cookies: &str,
    ) -> Result<Request<Full<Bytes>>, RequestError> {
        let path = text(&self.path, values)?;
        let (mut host, mut headers) = (authority(target), HeaderMap::new());
        for field in &self.fields {
            let value = text(&field.value, values)?;
            if field.name == header::HOST {
                host = value;
                continue;
            }
            let invalid = |_| bad_request(format!("invalid characters in the value of header {}", field.name));
            let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(invalid)?;
            // Not into the table of headers that HTTP/2 sends by number.
            value.set_sensitive(field.name == header::AUTHORIZATION);
            headers.insert(field.name.clone(), value);
        }
        if !cookies.is_empty() {
            // Cookies may come in several fields (RFC 9113, 8.2.3).
            let value = HeaderValue::from_str(cookies).map_err(|_| bad_request("invalid characters in a cookie"))?;
            headers.append(header::COOKIE, value);
        }
        let body = match &self.body {
            Content::Constant(body) => body.clone(),
            Content::Rendered(pieces) => {
                let mut body = BytesMut::new();
                pieces.iter().try_for_each(|piece| piece.append(values, &mut body))?;
                body.freeze()
            }
        };
        if !body.is_empty() || matches!(self.method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let uri = Uri::builder().scheme(if target.secure { "https" } else { "http" }).authority(host);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri.path_and_query(path).build().map_err(|_| bad_request("the path is no valid one"))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Path and query of the request that was rendered last, or is rendered next.
    pub(super) fn path(&self, values: &Values) -> String {
        // One without a value was not sent either.
        values.draws.replay(|| text(&self.path, values)).unwrap_or_default()
    }

    /// What is sent to `target` after a redirection with `status`, as browsers do: 303 becomes a GET, 301 and 302
    /// too unless it was one; credentials do not go to another origin.
    ///
    /// # Errors
    /// As [`Self::outgoing`].
    pub(super) fn redirected(
        &self,
        values: &Values,
        status: u16,
        target: &Target,
        same_origin: bool,
    ) -> Result<Self, RequestError> {
        let keeps_method = matches!(status, 307 | 308) || matches!(self.method, Method::GET | Method::HEAD);
        let method = if keeps_method { self.method.clone() } else { Method::GET };
        // With the values that the first request had, drawn in the same order.
        let rendered: Result<(Vec<_>, Bytes), RequestError> = values.draws.replay(|| {
            text(&self.path, values)?;
            let fields = self.fields.iter();
            let fields: Result<_, RequestError> = fields
                .map(|field| Ok(Field { value: Part::Constant(text(&field.value, values)?), ..field.clone() }))
                .collect();
            let body = match &self.body {
                _ if !keeps_method => Bytes::new(),
                Content::Constant(body) => body.clone(),
                Content::Rendered(pieces) => {
                    let mut body = BytesMut::new();
                    pieces.iter().try_for_each(|piece| piece.append(values, &mut body))?;
                    body.freeze()
                }
            };
            Ok((fields?, body))
        });
        let (mut fields, body) = rendered?;
        let body = Content::Constant(body);
        if !keeps_method {
            fields.retain(|field| field.name != header::CONTENT_TYPE);
        }
        if !same_origin {
            let secret = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
            fields.retain(|field| !secret.contains(&field.name));
            let host = Field::new(header::HOST, Part::Constant(authority(target)));
            fields.retain(|field| field.name != header::HOST);
            fields.insert(0, host);
        }
        Self::from_parts(method, Part::new(&target.path_and_query, str::to_owned), fields, body)
    }

    /// Whether sending it twice has the effect of sending it once (RFC 9110, 9.2.2).
    pub(super) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

/// Appends a text and returns where it begins.
fn append(out: &mut BytesMut, part: &Part<String>, values: &Values) -> Result<usize, RequestError> {
    let start = out.len();
    match part {
        Part::Constant(text) => out.extend_from_slice(text.as_bytes()),
        Part::Template(template) => template.render(values, out)?,
    }
    Ok(start)
}

fn text(part: &Part<String>, values: &Values) -> Result<String, RequestError> {
    match part {
        Part::Constant(text) => Ok(text.clone()),
        Part::Template(template) => {
            let mut text = String::new();
            template.render(values, &mut text)?;
            Ok(text)
        }
    }
}

/// `Host`: the port only if it is not the scheme's own.
fn authority(target: &Target) -> String {
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let usual = if target.secure { 443 } else { 80 };
    if target.port == usual { host } else { format!("{host}:{}", target.port) }
}

#[cfg(test)]
mod tests;
