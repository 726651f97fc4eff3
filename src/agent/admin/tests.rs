use std::{io::Read, sync::Arc};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{pages::Page, *};
use crate::{
    agent::{board::Board, scrapers::LingerEnd},
    metrics::exposition::{
        self,
        families::{Kind, Sheet, Value},
        format::Format,
    },
    units::tags::Tags,
};

fn bind(addr: SocketAddr) -> Result<(AdminServer, Publisher, Requests), Error> {
    AdminServer::bind(addr, Surface::read_only(Board::default().reader()))
}

fn server() -> (AdminServer, Publisher, Requests) {
    bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

fn page(generation: u64, is_final: bool) -> Page {
    long_page(&"x".repeat(30_000), generation, is_final)
}

/// One counter with a label of that value.
fn long_page(label: &str, generation: u64, is_final: bool) -> Page {
    let mut sheet = Sheet::new(Tags::from([("label".to_owned(), label.to_owned())]));
    sheet.add("pages_total", "Pages.", Kind::Counter, [(Tags::new(), Value::Number(generation as f64))]);
    Page { sheet: Arc::new(sheet), generation, is_final }
}

fn body(page: &Page, format: Format) -> Vec<u8> {
    exposition::encode(&page.sheet, format).unwrap()
}

fn text(page: &Page) -> Vec<u8> {
    body(page, Format::Text)
}

async fn exchange(server: &AdminServer, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let split = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = response.split_off(split);
    (String::from_utf8(response).unwrap(), body)
}

async fn get(server: &AdminServer, path: &str, headers: &str) -> (String, Vec<u8>) {
    exchange(server, &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")).await
}

#[tokio::test]
async fn is_ready_from_the_first_page_on() {
    let (server, publisher, _requests) = server();
    let (head, body) = get(&server, "/readyz", "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["error"]["code"], "not_ready");
    assert!(get(&server, "/livez", "").await.0.starts_with("HTTP/1.1 200 "));
    publisher.publish(page(1, false));
    assert!(get(&server, "/readyz", "").await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn metrics_come_fresh_or_else_the_last_published() {
    let (server, publisher, mut requests) = server();
    publisher.publish(page(1, false));
    let (head, body) = get(&server, "/metrics", "").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    assert_eq!(body, text(&page(1, false)), "the control thread is busy");
    // The request that was given up still waits in the queue; it is answered together with the next.
    let control = async {
        loop {
            requests.recv().await.unwrap().respond(page(2, false));
        }
    };
    tokio::select! {
        () = control => {}
        (_, body) = get(&server, "/metrics?x=1", "") => assert_eq!(body, text(&page(2, false))),
    }
}

#[tokio::test]
async fn metrics_are_compressed_on_request() {
    let (server, publisher, _requests) = server();
    publisher.publish(page(1, true));
    let (head, body) = get(&server, "/metrics", "Accept-Encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, text(&page(1, true)));
    assert!(body.len() < plain.len() / 10);
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_liked_best() {
    let (server, publisher, _requests) = server();
    publisher.publish(page(1, true));
    for (accept, format) in [
        ("Accept: text/plain;version=0.0.4\r\n", Format::Text),
        ("Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n", Format::OpenMetrics),
        ("Accept: */*;q=0.1\r\nAccept: application/openmetrics-text\r\n", Format::OpenMetrics),
        ("Accept: application/vnd.google.protobuf;encoding=delimited,text/plain;q=0.5\r\n", Format::Protobuf),
    ] {
        let (head, received) = get(&server, "/metrics", accept).await;
        assert!(head.contains(&format!("content-type: {}\r\n", format.content_type())), "{head}");
        assert!(head.contains("vary: Accept, Accept-Encoding\r\n"), "{head}");
        assert_eq!(received, body(&page(1, true), format));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_as_json() {
    let (server, _publisher, _requests) = server();
    for (request, status, code) in [
        ("GET /nope HTTP/1.1\r\nHost: x\r\n\r\n", "404", "not_found"),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "405", "method_not_allowed"),
    ] {
        let (head, body) = exchange(&server, request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["error"]["code"], code);
        assert!(error["error"]["message"].is_string());
    }
    let (head, body) = get(&server, "/", "").await;
    assert!(head.contains("text/html"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn what_is_not_http_does_not_end_the_server() {
    let (server, _publisher, _requests) = server();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 ") || answer.is_empty(), "{answer:?}");
    assert!(get(&server, "/livez", "").await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_taken_port_is_refused_with_a_remedy() {
    let (server, _publisher, _requests) = server();
    let refused = bind(server.addr()).unwrap_err();
    let message = refused.to_string();
    assert!(message.contains(&server.addr().to_string()) && message.contains("--listen"), "{message}");
}

#[tokio::test]
async fn lingers_until_a_scraper_has_read_the_final_page() {
    let (server, publisher, _requests) = server();
    let scrape = "User-Agent: Prometheus/3.14.0\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n";
    publisher.publish(page(1, true));
    get(&server, "/metrics", scrape).await;
    get(&server, "/metrics", "User-Agent: curl/8\r\n").await;
    publisher.publish(page(2, true));
    let linger = server.scrapers().linger(2, Some(Duration::from_secs(60)), std::future::pending());
    let (lingered, _) = tokio::join!(linger, get(&server, "/metrics", scrape));
    assert_eq!((lingered.read, lingered.known, lingered.end), (1, 1, LingerEnd::AllRead));
}

#[tokio::test]
async fn a_page_that_is_not_read_to_its_end_does_not_count() {
    let (server, publisher, _requests) = server();
    // More than the kernel's buffers for loopback hold, so that it cannot all be on its way.
    publisher.publish(long_page(&"x".repeat(64 << 20), 1, true));
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    drop(stream);
    let lingered = server.scrapers().linger(1, Some(Duration::from_millis(100)), std::future::pending()).await;
    assert_eq!((lingered.read, lingered.known, lingered.end), (0, 1, LingerEnd::Bound));
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_their_turn() {
    let (server, _publisher, _requests) = server();
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(TcpStream::connect(server.addr()).await.unwrap());
    }
    let answered = get(&server, "/livez", "");
    tokio::pin!(answered);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut answered).await;
    assert!(early.is_err(), "{CONNECTIONS} connections are open already");
    drop(idle.pop());
    assert!(answered.await.0.starts_with("HTTP/1.1 200 "));
}
