//! Connections through a proxy: one of the tests' own that counts, and tinyproxy from Debian.

use std::{net::TcpListener, process::Command, time::Duration};

use crate::support::{
    certificate,
    connect_proxy::{Answers, ConnectProxy},
    nginx::Nginx,
    poll,
    process::Process,
    run::{last_page, last_page_of},
    scratch::Scratch,
    target::{Library, Target, tool},
};

/// A canary: it must not be in any output.
const PASSWORD: &str = "s3cret-canary";
/// `me:s3cret-canary`
const AUTHORIZATION: &str = "Basic bWU6czNjcmV0LWNhbmFyeQ==";

fn sockets(head: &str, url: &str) -> String {
    format!(
        "{head}
stages: [{{ duration: 0s, target: 3 }}, {{ duration: 1s, target: 3 }}]
flow:
  - websocket: {{ url: \"{url}\", steps: [{{ send: {{ text: hello, reply: fifo }} }}, {{ hold: {{}} }}] }}
"
    )
}

#[test]
fn sockets_and_requests_encrypted_or_not_go_through_the_proxy() {
    let scratch = Scratch::new();
    let certificate = certificate::make(&scratch);
    let directory = scratch.directory().to_str().expect("UTF-8");
    let plain = Target::echo(Library::PyPiWebsockets);
    let encrypted = Target::start(Library::PyPiWebsockets, &["--mode", "echo", "--tls", directory]);
    let nginx = Nginx::start("location = / { return 204; }", &[]);
    let proxy = ConnectProxy::start(Answers::Connects(Some(AUTHORIZATION)));
    let head = format!(
        "tls: {{ caFile: {} }}\nnetwork: {{ proxy: \"http://me:{PASSWORD}@{}\" }}\nvus: 2\nduration: 1s",
        certificate.display(),
        proxy.address()
    );
    // Names that only the proxy knows, and the one of the certificate.
    let profile = format!(
        "{head}
flow:
  - http: http://one.test:{}/
  - websocket: {{ url: \"ws://two.test:{}/\", steps: [{{ send: hello }}, {{ expect: 1 }}] }}
  - websocket: {{ url: \"wss://localhost:{}/\", steps: [{{ send: hello }}, {{ expect: 1 }}] }}
",
        nginx.port(),
        plain.port(),
        encrypted.port()
    );
    let (page, ended) = last_page(&profile);
    let (plain_port, encrypted_port) = (plain.port(), encrypted.port());
    let asked = proxy.asked();
    let times = |target: String| asked.iter().filter(|asked| **asked == target).count() as u64;
    assert_eq!(times(format!("one.test:{}", nginx.port())), 2, "each VU keeps its connection");
    assert_eq!(times(format!("two.test:{plain_port}")), plain.stop().opened);
    assert_eq!(times(format!("localhost:{encrypted_port}")), encrypted.stop().opened);
    assert!(nginx.stop().len() > 2, "{}", ended.describe());
    assert_eq!(page.sum("ws_connect_failures_total", &[]) + page.sum("http_req_failures_total", &[]), 0.0);
    assert!(!ended.describe().contains(PASSWORD) && !format!("{page:?}").contains(PASSWORD), "{}", ended.describe());
    assert!(ended.stderr.contains("through a proxy"), "{}", ended.describe());
}

#[test]
fn a_proxy_that_does_not_connect_is_counted_by_its_reason_and_not_as_the_server() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    for (answers, reason) in [
        (None, "proxy_unreachable"),
        (Some(Answers::Connects(Some("Basic other"))), "proxy_auth"),
        (Some(Answers::Bytes("HTTP/1.1 502 Bad Gateway\r\n\r\n")), "proxy_refused"),
        (Some(Answers::Bytes("SSH-2.0-none\r\n\r\n")), "proxy_malformed"),
        (Some(Answers::Bytes("HTTP/1.1 200 OK\r\n\r\nmore")), "proxy_malformed"),
        (Some(Answers::Bytes("HTTP/1.1 2")), "proxy_malformed"),
        (Some(Answers::Nothing), "connect_timeout"),
    ] {
        let proxy = answers.map(ConnectProxy::start);
        let address = proxy.as_ref().map_or(nobody, ConnectProxy::address);
        let head = format!("network: {{ proxy: \"http://me:{PASSWORD}@{address}\" }}");
        let text = sockets(&head, "ws://target.test/").replace("url:", "timeouts: { connect: 300ms }, url:");
        let (page, ended) = last_page_of(&text, |command| command.args(["--log", "debug"]));
        let attempts = page.sum("ws_sessions_total", &[("status", "0")]);
        let cut = page.sum_or_zero("ws_connect_failures_total", &[("reason", "interrupted")]);
        assert!(attempts > 3.0);
        assert_eq!(page.sum("ws_connect_failures_total", &[("reason", reason)]) + cut, attempts, "{reason}");
        assert!(!ended.describe().contains(PASSWORD), "{}", ended.describe());
        assert!(!ended.describe().contains(AUTHORIZATION), "{}", ended.describe());
    }
}

#[test]
fn the_environment_names_the_proxy_of_each_scheme_and_its_exceptions() {
    let proxy = ConnectProxy::start(Answers::Connects(None));
    let target = Target::echo(Library::PyPiWebsockets);
    let url = |host: &str| format!("http://{host}:{}", proxy.address().port());
    for (head, host, environment, proxied) in [
        ("", "a.test", vec![("HTTP_PROXY", url("127.0.0.1"))], 3),
        ("", "a.test", vec![("all_proxy", url("localhost"))], 3),
        ("hosts: { a.test: 127.0.0.1 }", "a.test", vec![("HTTPS_PROXY", url("127.0.0.1"))], 0),
        (
            "hosts: { a.test: 127.0.0.1 }",
            "a.test",
            vec![("HTTP_PROXY", url("127.0.0.1")), ("NO_PROXY", ".test".to_owned())],
            0,
        ),
        ("network: { proxy: none, hosts: { a.test: 127.0.0.1 } }", "a.test", vec![("HTTP_PROXY", url("127.0.0.1"))], 0),
        ("", "127.0.0.1", vec![("HTTP_PROXY", url("127.0.0.1"))], 0),
    ] {
        let before = proxy.asked().len();
        let text = sockets(head, &format!("ws://{host}:{}/", target.port()));
        let (page, _) = last_page_of(&text, |command| {
            environment.iter().fold(command, |command, (name, value)| command.env(name, value))
        });
        assert_eq!(page.sum("ws_sessions_total", &[("status", "101")]), 3.0, "{environment:?}");
        assert_eq!(proxy.asked().len() - before, proxied, "{environment:?}");
    }
}

#[test]
fn tinyproxy_carries_an_encrypted_socket() {
    let scratch = Scratch::new();
    let certificate = certificate::make(&scratch);
    let directory = scratch.directory().to_str().expect("UTF-8");
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "echo", "--tls", directory]);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let configuration =
        format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth me {PASSWORD}\nLogLevel Info\n");
    let mut command = Command::new(tool("tinyproxy"));
    command.args(["-d", "-c"]).arg(scratch.write("tinyproxy.conf", &configuration));
    let process = Process::start(command);
    let listens = poll(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    assert!(listens.is_some(), "tinyproxy does not listen\n{}", process.describe());
    for (password, opened) in [(PASSWORD, 3.0), ("wrong", 0.0)] {
        let head = format!(
            "tls: {{ caFile: {} }}\nnetwork: {{ proxy: \"http://me:{password}@127.0.0.1:{port}\" }}",
            certificate.display()
        );
        let (page, ended) = last_page(&sockets(&head, &format!("wss://localhost:{}/", target.port())));
        assert_eq!(
            page.sum_or_zero("ws_sessions_total", &[("status", "101")]),
            opened,
            "{}\n{}",
            ended.describe(),
            process.describe()
        );
        assert_eq!(page.sum("ws_connect_failures_total", &[("reason", "proxy_auth")]) > 0.0, opened == 0.0);
    }
    assert_eq!(target.stop().messages_in, 3);
}
