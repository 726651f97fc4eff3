//! `http` steps of good profiles.

use std::time::Duration;

use super::good;
use crate::config::{
    profile::{
        Step,
        http::{Http, Method, Piece, Statuses, Version},
    },
    template::{Template, Values},
};

fn requests(flow: &str) -> Vec<Http> {
    let profile = good(&format!("vus: 1\nduration: 1s\nflow:\n{flow}"));
    let requests = profile.scenarios[0].flow.iter().map(|step| match step {
        Step::Http(request) => (**request).clone(),
        other => panic!("{other:?}"),
    });
    requests.collect()
}

/// A body that is one text.
fn body(request: &Http) -> String {
    let [Piece::Text(text)] = &*request.body.as_ref().unwrap().0 else { panic!("{:?}", request.body) };
    rendered(text)
}

fn rendered(template: &Template) -> String {
    let mut out = String::new();
    template.render(&Values { vu: 3, index: 5, ..Values::default() }, &mut out).unwrap();
    out
}

#[test]
fn an_address_alone_is_a_get_with_k6s_defaults() {
    let requests = requests("  - http: HTTPS://Example.com/a?b=c\n");
    let request = &requests[0];
    assert_eq!(request.method, Method::Get);
    assert_eq!((request.url.secure, request.url.port, request.url.host.as_str()), (true, 443, "example.com"));
    assert_eq!(rendered(&request.url.path_and_query), "/a?b=c");
    assert_eq!(request.name, "https://example.com/a", "a query has no place in a tag");
    assert_eq!((request.timeout, request.connect_timeout), (Duration::from_secs(60), Duration::from_secs(10)));
    assert_eq!(request.expected, Statuses(vec![200..=399]));
    assert!(request.headers.is_empty() && request.body.is_none());
}

#[test]
fn every_key_is_read() {
    let requests = requests(
        r#"
  - http:
      url: "http://h:8080/users/{{ vu }}"
      query: { page: "{{ index }}", "a b": "x&y z" }
      method: put
      name: user
      tags: { team: quantum }
      headers: { X-A: 1 }
      json: { n: "{{ index }}" }
      timeout: 5s
      connectTimeout: 1500
      expectedStatuses: [200, "404-410"]
      expect: { status: 200, contains: "vu {{ vu }}" }
      maxBodySize: 64KiB
"#,
    );
    let request = &requests[0];
    assert_eq!((request.method, request.name.as_str()), (Method::Put, "user"));
    assert_eq!(rendered(&request.url.path_and_query), "/users/3?page=5&a%20b=x%26y%20z");
    assert_eq!(request.url.display, "http://h:8080/users/{{ vu }}");
    assert_eq!(request.tags["team"], "quantum");
    let headers: Vec<_> =
        request.headers.iter().map(|header| (header.name.as_str(), rendered(&header.value))).collect();
    assert_eq!(headers, [("X-A", "1".to_owned()), ("Content-Type", "application/json".to_owned())]);
    assert_eq!(body(request), r#"{"n":5}"#);
    assert_eq!((request.timeout, request.connect_timeout), (Duration::from_secs(5), Duration::from_millis(1500)));
    assert_eq!(request.expected, Statuses(vec![200..=200, 404..=410]));
    assert_eq!(request.expect.status, Some(Statuses(vec![200..=200])));
    assert_eq!(request.expect.names().collect::<Vec<_>>(), ["status is 200", "body contains vu {{ vu }}"]);
    assert_eq!(request.max_body_size, 65_536);
}

#[test]
fn a_form_is_encoded_and_a_typed_content_type_stays() {
    let requests = requests(
        r#"
  - http: { url: "http://h/?x=1", query: { y: 2 }, method: POST, form: { user: "u {{ vu }}", pass: "a&b=c+d" } }
  - http: { url: "http://h", method: POST, headers: { content-type: text/json }, json: [1, "a"] }
  - http: { url: "http://h", method: POST, body: "plain {{ vu }}" }
"#,
    );
    assert_eq!(body(&requests[0]), "user=u+3&pass=a%26b%3Dc%2Bd");
    assert_eq!(rendered(&requests[0].url.path_and_query), "/?x=1&y=2");
    assert_eq!(requests[0].headers[0].value.constant(), Some("application/x-www-form-urlencoded"));
    assert_eq!((body(&requests[1]).as_str(), requests[1].headers.len()), (r#"[1,"a"]"#, 1));
    assert_eq!((body(&requests[2]).as_str(), requests[2].headers.len()), ("plain 3", 0));
    assert_eq!(rendered(&requests[2].url.path_and_query), "/");
}

#[test]
fn a_multipart_form_has_a_boundary_that_is_in_none_of_its_parts() {
    let requests = requests(
        r#"
  - http: { url: "http://h", method: POST, multipart: { "a\"b": "v {{ vu }}", c: { file: Cargo.toml, type: text/plain } } }
  - http: { url: "http://h", method: POST, multipart: { a: "----rampd-7d1b0f6e4a92-00000000" } }
  - http: { url: "http://h", method: POST, file: Cargo.toml }
"#,
    );
    let whole = |request: &Http| -> String {
        let pieces = request.body.as_ref().unwrap().0.iter().map(|piece| match piece {
            Piece::Text(text) => rendered(text),
            Piece::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        });
        pieces.collect()
    };
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let boundary = "------rampd-7d1b0f6e4a92-00000000";
    let text = "Content-Disposition: form-data; name=\"a%22b\"\r\n\r\nv 3\r\n";
    let file =
        "Content-Disposition: form-data; name=\"c\"; filename=\"Cargo.toml\"\r\nContent-Type: text/plain\r\n\r\n";
    let expected = format!("{boundary}\r\n{text}{boundary}\r\n{file}{manifest}\r\n{boundary}--\r\n");
    assert_eq!(whole(&requests[0]), expected);
    assert!(whole(&requests[1]).ends_with("-00000001--\r\n"));
    let kind = requests[1].headers[0].value.constant();
    assert_eq!(kind, Some("multipart/form-data; boundary=----rampd-7d1b0f6e4a92-00000001"));
    assert_eq!((whole(&requests[2]), requests[2].headers.len()), (manifest, 0));
}

#[test]
fn cookies_are_one_header_and_a_version_is_a_number_or_a_word() {
    let requests = requests(
        r#"
  - http: { url: "http://h", cookies: { a: 1, b: "x{{ vu }}" }, version: 2 }
  - http: { url: "http://h", version: 1.1 }
  - http: { url: "http://h", version: "auto" }
"#,
    );
    let header = &requests[0].headers[0];
    assert_eq!((header.name.as_str(), rendered(&header.value)), ("Cookie", "a=1; b=x3".to_owned()));
    let versions: Vec<_> = requests.iter().map(|request| request.version).collect();
    assert_eq!(versions, [Version::Http2, Version::Http1, Version::Auto]);
}
