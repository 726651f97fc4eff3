//! A minimal HTTP client: one GET, one answer, connection closed.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// Value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
    }
}

/// GET with extra headers; an error where nobody answers within 5 s.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Response> {
    exchange(address, &format!("GET {path}"), headers, "")
}

/// POST of JSON; an error where nobody answers within 5 s.
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> std::io::Result<Response> {
    let length = body.len().to_string();
    let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
    exchange(address, &format!("POST {path}"), &headers, body)
}

fn exchange(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<Response> {
    let mut request = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    within(Duration::from_secs(5), address, request.as_bytes())
}

/// A request to the letter; an error where nobody answers within 20 s, which is longer than a server waits for a slow one.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> std::io::Result<Response> {
    within(Duration::from_secs(20), address, request)
}

fn within(limit: Duration, address: SocketAddr, request: &[u8]) -> std::io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let malformed = || std::io::Error::other(format!("not an HTTP answer: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let mut response = Response { status, head: head.to_owned(), body: body.to_owned() };
    if response.header("transfer-encoding").is_some() {
        response.body = unchunked(body).ok_or_else(malformed)?;
    }
    Ok(response)
}

/// What the chunks of a body hold together.
fn unchunked(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, behind) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(behind.get(..size)?);
        rest = behind.get(size..)?.strip_prefix("\r\n")?;
    }
}
