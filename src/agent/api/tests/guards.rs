//! Who is answered, and which bodies are read.

use serde_json::json;

use super::*;

const TOKEN: &str = "0123456789abcdef";

#[tokio::test]
async fn without_the_token_only_the_document_is_read() {
    let served = serving(Some(TOKEN));
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(served.ask(&get("/api/v1/status", &right)).await.0, 200);
    for headers in
        ["", "Authorization: Bearer 0123456789abcdeX\r\n", "Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZg==\r\n"]
    {
        let (status, head, body) = served.ask(&get("/api/v1/status", headers)).await;
        assert_eq!((status, &body["error"]["code"]), (401, &json!("unauthorized")), "{headers}");
        assert!(head.contains("www-authenticate: Bearer"), "{head}");
    }
    assert_eq!(served.ask(&post("/api/v1/runs/current/stop", JSON, "{}")).await.0, 401);
    assert_eq!(served.ask(&get("/api/v1/nothing", "")).await.0, 401, "what there is is not told");
    for path in ["/openapi.json", "/api/v1/openapi.json", "/livez", "/"] {
        assert_eq!(served.ask(&get(path, "")).await.0, 200, "{path}");
    }
    // Two wrong ones so far; what comes without a token is no guess.
    for _ in 2..attempts::MOST {
        assert_eq!(served.ask(&get("/api/v1/status", "Authorization: Bearer x\r\n")).await.0, 401);
    }
    let (status, head, body) = served.ask(&get("/api/v1/status", &right)).await;
    assert_eq!((status, &body["error"]["code"]), (429, &json!("too_many_attempts")));
    assert!(head.contains("retry-after: "), "{head}");
    assert_eq!(served.ask(&get("/livez", "")).await.0, 200);
}

#[tokio::test]
async fn bodies_are_json_within_bounds() {
    let served = serving(None);
    for (headers, status, code) in [
        ("Content-Type: text/plain\r\n", 415, "not_json"),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415, "not_json"),
        ("", 415, "not_json"),
        ("Content-Type: application/json; charset=utf-8\r\n", 422, "invalid"),
    ] {
        assert_eq!(served.code(&post("/api/v1/runs", headers, "{}")).await, (status, code.to_owned()), "{headers}");
    }
    let declared = format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n",
        request::BODY_BYTES + 1
    );
    assert_eq!(served.code(&declared).await, (413, "too_large".to_owned()));
    let large = "x".repeat(request::BODY_BYTES + 1);
    let head = format!("POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n");
    let chunked = format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    assert_eq!(served.code(&chunked).await, (413, "too_large".to_owned()));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let served = serving(None);
    let slow = format!("POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 100\r\n\r\n{{");
    assert_eq!(served.code(&slow).await, (408, "slow".to_owned()));
}
