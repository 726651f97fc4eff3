use super::*;
use crate::config::profile::{Header, http::Body};
use crate::config::{profile::http::Piece, template::Template};

fn target(host: &str, port: u16, path: &str) -> Target {
    let path_and_query = Template::parse(path).unwrap();
    Target { secure: false, host: host.into(), port, path_and_query, display: format!("http://{host}{path}") }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.into(), value: Template::parse(value).unwrap() }
}

fn sent(message: &Message, values: &Values) -> Result<String, RequestError> {
    let mut room = Room::default();
    let Outgoing { first, rest, .. } = message.outgoing(values, "", &mut room)?;
    Ok(String::from_utf8([first, rest].concat()).unwrap())
}

#[test]
fn placeholders_are_filled_in_everywhere() {
    let mut request = Http::get(target("h", 8080, "/users/{{ vu }}?page={{ index }}"));
    request.headers = vec![header("X-Vu", "vu {{ vu }}"), header("x-constant", "1"), header("User-Agent", "me")];
    request.body = Some(Body::text(Template::parse("n={{ iteration }}").unwrap()));
    let values = Values { vu: 7, iteration: 3, index: 2, ..Values::default() };
    let sent = sent(&Message::new(&request).unwrap(), &values).unwrap();
    let head = "GET /users/7?page=2 HTTP/1.1\r\nHost: h:8080\r\nUser-Agent: me\r\nX-Vu: vu 7\r\nX-Constant: 1\r\n";
    assert_eq!(sent, format!("{head}Content-Length: 3\r\n\r\nn=3"));
}

#[test]
fn what_has_no_placeholder_is_rendered_once_and_is_the_same() {
    for (body, length) in [("", None), ("body", Some(4)), (&*"x".repeat(JOINED + 1), Some(JOINED + 1))] {
        let mut request = Http::get(target("h", 80, "/a"));
        request.headers = vec![header("Accept", "*/*")];
        request.body = Some(Body::text(Template::literal(body)));
        let message = Message::new(&request).unwrap();
        let (mut one, mut other) = (Room::default(), Room::default());
        let first = message.outgoing(&Values::default(), "", &mut one).unwrap().first.as_ptr();
        assert_eq!(message.outgoing(&Values::default(), "", &mut other).unwrap().first.as_ptr(), first);
        let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
        let agent = concat!("rampd/", env!("CARGO_PKG_VERSION"));
        let whole = format!("GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{length}\r\n{body}");
        assert_eq!(sent(&message, &Values::default()).unwrap(), whole);
    }
}

#[test]
fn cookies_of_the_jar_come_after_the_requests_own() {
    for (own, line) in [(None, "Cookie: a=1; b=2"), (Some("c=3"), "Cookie: c=3; a=1; b=2")] {
        let mut request = Http::get(target("h", 80, "/"));
        request.headers.extend(own.map(|value| header("Cookie", value)));
        let (message, mut room) = (Message::new(&request).unwrap(), Room::default());
        let outgoing = message.outgoing(&Values::default(), "a=1; b=2", &mut room).unwrap();
        let sent = std::str::from_utf8(outgoing.first).unwrap();
        assert!(sent.contains(&format!("\r\n{line}\r\n")), "{sent}");
        assert_eq!(sent.matches("Cookie").count(), 1);
    }
}

#[test]
fn http_2_is_asked_for_the_same() {
    let mut request = Http::get(target("h", 81, "/users/{{ vu }}"));
    request.method = crate::config::profile::http::Method::Post;
    request.headers = vec![header("X-Vu", "{{ vu }}"), header("Host", "virtual")];
    request.body = Some(Body(vec![
        Piece::Text(Template::parse("n={{ vu }}").unwrap()),
        Piece::Bytes(b"\x00\xff".as_slice().into()),
    ]));
    let message = Message::new(&request).unwrap();
    let values = Values { vu: 7, ..Values::default() };
    let sent = message.http2(&request.url, &values, "a=1").unwrap();
    assert_eq!((sent.method(), sent.uri().to_string()), (&Method::POST, "http://virtual/users/7".to_owned()));
    let of = |name: &str| sent.headers()[name].to_str().unwrap();
    assert_eq!([of("x-vu"), of("cookie"), of("content-length")], ["7", "a=1", "5"]);
    assert!(!sent.headers().contains_key("host"));
    let mut room = Room::default();
    let outgoing = message.outgoing(&values, "a=1", &mut room).unwrap();
    assert!(outgoing.first.ends_with(b"\r\nContent-Length: 5\r\n\r\nn=7\x00\xff"));
}

#[test]
fn a_request_that_may_have_a_body_says_that_it_has_none() {
    use crate::config::profile::http::Method;
    for method in Method::ALL {
        let mut request = Http::get(target("h", 80, "/"));
        request.method = method;
        let sent = sent(&Message::new(&request).unwrap(), &Values::default()).unwrap();
        let says = matches!(method, Method::Post | Method::Put | Method::Patch);
        assert_eq!(sent.contains("Content-Length: 0\r\n"), says, "{sent}");
    }
}

#[test]
fn a_text_cannot_end_the_path_or_a_header() {
    let reason = |path: &str, value: &str| {
        let mut request = Http::get(target("h", 80, "/"));
        request.url.path_and_query = Template::literal(path);
        request.headers = vec![Header { name: "x".into(), value: Template::literal(value) }];
        Message::new(&request).err().map(|error| error.reason)
    };
    assert_eq!(reason("/a?b=c%20d", "a\tb \u{e9}"), None);
    for (path, value) in [("/ HTTP/1.1\r\nX: y", ""), ("/a b", ""), ("/#", ""), ("/", "a\r\nX: y"), ("/", "\0")] {
        assert_eq!(reason(path, value), Some(RequestFailure::BadRequest), "{path:?} {value:?}");
    }
}

#[test]
fn a_redirection_keeps_the_request_as_far_as_browsers_do() {
    let mut request = Http::get(target("h", 80, "/{{ vu }}"));
    request.method = crate::config::profile::http::Method::Post;
    request.headers = vec![header("Authorization", "Bearer x"), header("Content-Type", "text/plain")];
    request.body = Some(Body::text(Template::literal("body")));
    let message = Message::new(&request).unwrap();
    let other = target("other", 81, "/there");
    let hop = |status, same_origin| {
        let hop = message.redirected(&Values::default(), status, &other, same_origin).unwrap();
        let sent = sent(&hop, &Values::default()).unwrap();
        let line = sent.split(" HTTP/1.1").next().unwrap().to_owned();
        let host = if same_origin { "Host: h\r\n" } else { "Host: other:81\r\n" };
        assert!(sent.contains(host), "{sent}");
        (line, sent.contains("Authorization"), sent.contains("Content-Type"), sent.ends_with("\r\n\r\nbody"))
    };
    assert_eq!(hop(302, true), ("GET /there".to_owned(), true, false, false));
    assert_eq!(hop(307, true), ("POST /there".to_owned(), true, true, true));
    assert_eq!(hop(308, false), ("POST /there".to_owned(), false, true, true));
}

#[test]
fn the_usual_port_is_not_in_the_host_header() {
    for (host, port, expected) in [("h", 80, "h"), ("h", 443, "h:443"), ("::1", 80, "[::1]"), ("::1", 81, "[::1]:81")] {
        assert_eq!(authority(&target(host, port, "/")), expected);
    }
}
