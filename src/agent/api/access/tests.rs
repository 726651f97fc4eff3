use std::io::Write as _;

use tempfile::NamedTempFile;

use super::*;

fn admitted(host: &str, origin: Option<&str>) -> Result<(), (u16, String)> {
    let mut request = Request::get("/").header(HOST, host);
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    let access = Access::new(None, vec!["agent.example".to_owned()]);
    access.admit(&request.body(()).unwrap()).map_err(|problem| {
        let text = format!("{problem:?}");
        let code = text.split("code: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        (problem.into_response().status().as_u16(), code.to_owned())
    })
}

#[test]
fn only_names_that_are_ours_are_answered() {
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1:6464",
        "[::1]:6464",
        "192.0.2.7",
        "agent.example",
        "Agent.Example:80",
    ] {
        assert_eq!(admitted(host, None), Ok(()), "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "agent.example.evil.example", "127.0.0.1.evil.example"] {
        assert_eq!(admitted(host, None), Err((403, "bad_host".to_owned())), "{host}");
    }
    for host in ["", "user@localhost", "local host"] {
        assert_eq!(admitted(host, None), Err((400, "bad_host".to_owned())), "{host}");
    }
    assert!(Access::default().admit(&Request::get("/").body(()).unwrap()).is_err(), "without a Host");
    let two = Request::get("/").header(HOST, "localhost").header(HOST, "evil.example").body(()).unwrap();
    assert!(Access::default().admit(&two).is_err());
    let proxied = Request::get("http://evil.example/").header(HOST, "localhost").body(()).unwrap();
    assert!(Access::default().admit(&proxied).is_err());
}

#[test]
fn pages_of_other_sites_are_refused() {
    for (host, origin) in [
        ("localhost:6464", "http://localhost:6464"),
        ("agent.example", "https://agent.example:443"),
        ("agent.example:443", "https://agent.example"),
        ("[::1]:6464", "http://[::1]:6464"),
    ] {
        assert_eq!(admitted(host, Some(origin)), Ok(()), "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://localhost",
        "http://localhost:6465",
        "http://evil.example:6464",
        "file://",
        "ftp://localhost:6464",
    ] {
        assert_eq!(admitted("localhost:6464", Some(origin)), Err((403, "bad_origin".to_owned())), "{origin}");
    }
}

#[test]
fn a_token_file_holds_a_token_and_nothing_of_it_is_told() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"0123456789abcdef\n").unwrap();
    assert!(read_token(file.path()).unwrap().is_in(b"Bearer 0123456789abcdef"));
    for bad in ["s3cret".to_owned(), "s3cret with spaces".to_owned(), "s3cret".repeat(1000)] {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bad.as_bytes()).unwrap();
        let error = read_token(file.path()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(file.path().to_str().unwrap()) && !message.contains("s3cret"), "{message}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
    let missing = read_token(Path::new("/does/not/exist")).unwrap_err().to_string();
    assert!(missing.contains("/does/not/exist"), "{missing}");
}

#[test]
fn others_reach_an_agent_only_with_a_token() {
    let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let (open, guarded) = (Access::default(), Access::new(Some(Token::new("0123456789abcdef").unwrap()), Vec::new()));
    for addr in ["127.0.0.1:6464", "127.8.0.1:0", "[::1]:6464", "[::ffff:127.0.0.1]:1"] {
        assert!(open.permits_listening(at(addr)).is_ok(), "{addr}");
    }
    for addr in ["0.0.0.0:6464", "[::]:6464", "192.0.2.1:6464"] {
        let message = open.permits_listening(at(addr)).unwrap_err().to_string();
        assert!(message.contains(addr) && message.contains("tokenFile"), "{message}");
        assert!(guarded.permits_listening(at(addr)).is_ok(), "{addr}");
    }
}
