//! HTTP steps against nginx: what it wrote down, the summary, the JSON lines and the last page of
//! `/metrics` say the same.

use std::{collections::BTreeMap, time::Duration};

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    identities::assert_identities,
    nginx::{Access, Nginx, by_status, connections},
    results::{Points, Summary},
    scraper::Scraper,
    scratch::Scratch,
};

const VUS: u64 = 5;
/// Far above what the kernel holds for a connection.
const BODY: u64 = 8 << 20;

struct Outcome {
    log: Vec<Access>,
    summary: Summary,
    points: Points,
    pages: Vec<Page>,
}

impl Outcome {
    fn last(&self) -> &Page {
        self.pages.last().expect("scraped")
    }

    /// What is true of every run whose requests were all answered.
    fn assert_accounts(&self) {
        self.pages.iter().for_each(assert_identities);
        let (last, all) = (self.last(), self.log.len() as u64);
        assert!(all > 10 * VUS, "{all} requests");
        for (status, count) in by_status(&self.log) {
            let counted = last.sum("http_reqs_total", &[("status", &status.to_string())]) as u64;
            assert_eq!(counted, count, "status {status}");
        }
        assert_eq!(self.summary.count("http_reqs"), all);
        assert_eq!(self.points.count("http_reqs"), all);
        assert_eq!(last.sum("http_reqs_total", &[]) as u64, all);
        for phase in ["duration", "blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving"] {
            let metric = format!("http_req_{phase}");
            assert_eq!(self.points.samples(&metric), all, "{metric} in the JSON lines");
            assert_eq!(last.sum(&format!("{metric}_seconds_count"), &[]) as u64, all, "{metric} on the last page");
        }
        let failed = self.log.iter().filter(|access| access.status >= 400).count() as u64;
        assert_eq!(self.summary.value("http_req_failed", "passes") as u64, failed);
        assert_eq!(self.points.count("http_req_failed"), failed);
        assert_eq!(self.points.samples("http_req_failed"), all);
        assert_eq!(last.sum("http_req_failures_total", &[("reason", "status")]) as u64, failed);
        assert_eq!(last.sum("http_connections_total", &[]) as u64, connections(&self.log));
        assert_eq!(last.sum("http_open_connections", &[]), 0.0);
    }
}

fn run(nginx: Nginx, flow: &str) -> Outcome {
    run_with(nginx, "", flow)
}

fn run_with(nginx: Nginx, head: &str, flow: &str) -> Outcome {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", &format!("{head}vus: {VUS}\nduration: 1s\nflow:\n{flow}"));
    let (summary, points) = (scratch.path("summary.json"), scratch.path("points.json"));
    let mut agent = run_lingering(&profile)
        .args(["-e", &format!("TARGET={}", nginx.url())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .args(["--out", &format!("json={}", points.display())])
        .start();
    let scraper = Scraper::start(agent.address(), Duration::from_millis(100));
    let pages = scraper.pages().into_iter().map(|(_, page)| page).collect();
    agent.wait().assert_code(0);
    Outcome { log: nginx.stop(), points: Points::read(&points, &summary), summary: Summary::read(&summary), pages }
}

#[test]
fn nginx_writes_down_what_the_agent_counts() {
    let server = "keepalive_requests 1000000;
        location = /ok { return 200 'hello world'; }
        location = /broken { return 500 'broken'; }
        location = /take { return 204; }
        location = /page.txt { gzip on; gzip_types text/plain; }";
    let text = "a line of text\n".repeat(5000);
    let flow = r#"
  - http: { url: "${TARGET}/ok", expect: { status: 200, contains: "o w" } }
  - http: { url: "${TARGET}/nowhere/{{ vu }}", query: { i: "{{ iteration }}" }, name: nowhere }
  - http: { url: "${TARGET}/broken", expect: { status: [200-299], contains: hello } }
  - http: { url: "${TARGET}/take", method: POST, json: { n: "{{ vu }}" } }
  - http: { url: "${TARGET}/page.txt", headers: { Accept-Encoding: gzip } }
  - http: { url: "${TARGET}/page.txt", expect: { contains: "text\na line" } }
  - http: { url: "${TARGET}/page.txt", method: HEAD }
  - sleep: 2ms
"#;
    let outcome = run(Nginx::start(server, &[("page.txt", text.as_bytes())]), flow);
    outcome.assert_accounts();
    let (last, rounds) = (outcome.last(), outcome.log.len() as u64 / 7);
    assert_eq!(outcome.summary.count("iterations"), rounds);
    let expected = BTreeMap::from([(200, 4 * rounds), (204, rounds), (404, rounds), (500, rounds)]);
    assert_eq!(by_status(&outcome.log), expected);
    assert_eq!(connections(&outcome.log), VUS, "each VU keeps its connection");
    assert_eq!(last.sum("http_reqs_total", &[("name", "nowhere"), ("status", "404")]) as u64, rounds);
    assert_eq!(last.sum("http_reqs_total", &[("method", "HEAD")]) as u64, rounds);
    let posts: Vec<_> = outcome.log.iter().filter(|access| access.method == "POST").collect();
    assert!(posts.iter().all(|access| access.body == r#"{"n":1}"#.len() as u64), "{posts:?}");
    for (check, passes, fails) in [
        ("status is 200", rounds, 0),
        ("body contains o w", rounds, 0),
        ("status is 200-299", 0, rounds),
        ("body contains hello", 0, rounds),
        ("body contains text\\na line", rounds, 0),
    ] {
        let count = |result| last.sum("checks_total", &[("check", check), ("result", result)]) as u64;
        assert_eq!((count("pass"), count("fail")), (passes, fails), "{check}");
    }
}

#[test]
fn a_connection_that_nginx_closed_meanwhile_is_replaced_without_a_failure() {
    let server = "keepalive_timeout 50ms; location = /ok { return 200 hello; }";
    let flow = "  - http: ${TARGET}/ok\n  - sleep: 80ms\n";
    let outcome = run(Nginx::start(server, &[]), flow);
    outcome.assert_accounts();
    assert!(connections(&outcome.log) > 3 * VUS, "{}", connections(&outcome.log));
    assert_eq!(outcome.last().sum("http_req_failures_total", &[]), 0.0);
}

#[test]
fn a_server_that_closes_after_some_requests_is_dialled_again() {
    let server = "keepalive_requests 3; location = /ok { return 200 hello; }";
    let outcome = run(Nginx::start(server, &[]), "  - http: ${TARGET}/ok\n  - sleep: 1ms\n");
    outcome.assert_accounts();
    // A VU's last connection may have had fewer.
    let (requests, connections) = (outcome.log.len() as u64, connections(&outcome.log));
    assert!((requests / 3..=requests / 3 + VUS).contains(&connections), "{connections} for {requests}");
}

#[test]
fn a_connection_that_was_asked_to_close_serves_one_request() {
    let nginx = Nginx::start("location = /ok { return 200 hello; }", &[]);
    let outcome = run(nginx, "  - http: { url: \"${TARGET}/ok\", headers: { Connection: close } }\n  - sleep: 10ms\n");
    outcome.assert_accounts();
    assert_eq!(connections(&outcome.log), outcome.log.len() as u64);
}

#[test]
fn redirects_are_followed_and_each_is_a_request() {
    let server = "keepalive_requests 1000000;
        location = /ok { return 200 hello; }
        location = /old { return 302 /ok?a=b; }
        location = /moved { return 307 /take; }
        location = /take { return 200 taken; }
        location = /round { return 301 /round; }
        location = /away { return 302 ftp://h/; }";
    let flow = r#"
  - http: { url: "${TARGET}/old", expect: { status: 200, contains: hello } }
  - http: { url: "${TARGET}/old", redirects: 0, expect: { status: 302 } }
  - http: { url: "${TARGET}/moved", method: POST, body: abc, expect: { contains: taken } }
  - http: { url: "${TARGET}/round", redirects: 3, expect: { status: 301 } }
  - http: { url: "${TARGET}/away", expect: { status: 302 } }
  - sleep: 2ms
"#;
    let outcome = run(Nginx::start(server, &[]), flow);
    outcome.assert_accounts();
    let of = |path: &str| outcome.log.iter().filter(|access| access.path == path).count() as u64;
    let rounds = outcome.summary.count("iterations");
    let counts = [of("/old"), of("/ok"), of("/moved"), of("/take"), of("/round"), of("/away")];
    assert_eq!(counts, [2, 1, 1, 1, 4, 1].map(|each| each * rounds));
    assert_eq!(outcome.last().sum("checks_total", &[("result", "fail")]), 0.0);
    assert!(outcome.log.iter().filter(|access| access.path == "/take").all(|access| access.body == 3));
}

#[test]
fn nginx_lets_the_right_credentials_in() {
    let server = "auth_basic users; auth_basic_user_file www/users; location = /ok { try_files /page =404; }
        location = /bearer { auth_basic off; if ($http_authorization = 'Bearer t0ken') { return 200 in; } return 403 out; }";
    let users = "me:{PLAIN}p@ss word~\n";
    let flow = r#"
  - http: { url: "${TARGET}/ok", auth: { basic: { user: me, password: "p@ss word~" } } }
  - http: { url: "${TARGET}/ok", auth: { basic: { user: me, password: wrong } } }
  - http: { url: "${TARGET}/bearer", auth: { bearer: t0ken } }
  - sleep: 2ms
"#;
    let outcome = run(Nginx::start(server, &[("users", users.as_bytes()), ("page", b"hello")]), flow);
    outcome.assert_accounts();
    let rounds = outcome.summary.count("iterations");
    assert_eq!(by_status(&outcome.log), BTreeMap::from([(200, 2 * rounds), (401, rounds)]));
}

#[test]
fn requests_over_tls_have_a_handshake_once() {
    let nginx = Nginx::start_encrypted("keepalive_requests 1000000; location = /ok { return 200 hello; }");
    let head = format!("tls: {{ caFile: {} }}\n", nginx.certificate().display());
    let flow = format!("  - http: https://localhost:{}/ok\n  - sleep: 2ms\n", nginx.port());
    let outcome = run_with(nginx, &head, &flow);
    outcome.assert_accounts();
    assert_eq!(connections(&outcome.log), VUS);
    let handshaking = outcome.last().sum("http_req_tls_handshaking_seconds_sum", &[]);
    assert!((0.000_1..1.0).contains(&handshaking), "{handshaking} s in {VUS} handshakes");
    assert_eq!(outcome.summary.value("http_req_tls_handshaking", "med"), 0.0);
}

#[test]
fn a_body_that_the_kernel_takes_piece_by_piece_arrives_whole_over_both_versions_of_tls() {
    let put = "client_max_body_size 64m; location / { dav_methods PUT; }";
    for nginx in [Nginx::start_encrypted(put), Nginx::start_http2(put)] {
        let scratch = Scratch::new();
        std::fs::write(scratch.path("body.bin"), vec![b'x'; BODY as usize]).expect("a temporary directory");
        // With a small send buffer each piece waits for the kernel, while there is nothing to read.
        let profile = format!(
            "vus: 1
iterations: 1
tls: {{ caFile: {} }}
network: {{ sendBuffer: 16KiB }}
flow:
  - http: {{ url: \"https://localhost:{}/body.bin\", method: PUT, file: body.bin, timeout: 20s }}
thresholds:
  http_req_failed: [\"rate==0\"]
",
            nginx.certificate().display(),
            nginx.port()
        );
        run_lingering(&scratch.write("profile.yaml", &profile))
            .start()
            .wait_at_most(Duration::from_secs(60))
            .assert_code(0);
        let log = nginx.stop();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].status, log[0].body), (201, BODY), "{log:?}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_so_is_plain_text() {
    for (scheme, encrypted, reason) in [("https", true, "tls"), ("https", false, "tls"), ("http", true, "status")] {
        let ok = "location = /ok { return 200 hello; }";
        let nginx = if encrypted { Nginx::start_encrypted(ok) } else { Nginx::start(ok, &[]) };
        let flow = format!("  - http: {scheme}://localhost:{}/ok\n  - sleep: 20ms\n", nginx.port());
        let outcome = run(nginx, &flow);
        outcome.pages.iter().for_each(assert_identities);
        let requests = outcome.summary.count("http_reqs") as f64;
        assert!(requests >= VUS as f64);
        let failed = outcome.last().sum("http_req_failures_total", &[("reason", reason)]);
        assert_eq!(failed, requests, "{scheme} to {encrypted}");
    }
}

#[test]
fn a_body_that_trickles_is_given_up_in_time() {
    let server = "location / { limit_rate 1000; }";
    let nginx = Nginx::start(server, &[("slow", &[b'x'; 100_000])]);
    let flow = "  - http: { url: \"${TARGET}/slow\", timeout: 300ms }\n";
    let outcome = run(nginx, flow);
    let last = outcome.last();
    assert_identities(last);
    let timeouts = last.sum("http_req_failures_total", &[("reason", "timeout")]) as u64;
    assert!(timeouts >= VUS, "{timeouts}");
    assert_eq!(last.sum("http_reqs_total", &[("status", "0")]) as u64, timeouts);
    assert_eq!(last.sum("http_req_failures_total", &[]) as u64, timeouts);
    // The time for the connection is no part of it.
    assert!(outcome.summary.value("http_req_duration", "min") > 250.0, "a timeout is as long as it took");
}

#[test]
fn http_2_is_spoken_where_the_server_offers_it_and_counts_the_same() {
    let server = "keepalive_requests 1000000;
        location = /ok { return 200 'hello world'; }
        location = /old { return 302 /ok; }
        location = /take { return 204; }";
    let nginx = Nginx::start_http2(server);
    let head = format!("tls: {{ caFile: {} }}\n", nginx.certificate().display());
    let url = format!("https://localhost:{}", nginx.port());
    let flow = r#"
  - http: { url: "URL/ok", expect: { status: 200, contains: "o w" } }
  - http: { url: "URL/page.txt", expect: { contains: "text\na line" } }
  - http: { url: "URL/page.txt", method: HEAD, expect: { status: 200 } }
  - http: { url: "URL/nowhere/{{ vu }}", query: { i: "{{ iteration }}" } }
  - http: { url: "URL/take", method: POST, json: { n: "{{ vu }}" }, version: 2 }
  - http: { url: "URL/old", expect: { status: 200, contains: hello } }
  - http: { url: "URL/ok", version: 1.1 }
  - sleep: 2ms
"#;
    let outcome = run_with(nginx, &head, &flow.replace("URL", &url));
    outcome.assert_accounts();
    let rounds = outcome.summary.count("iterations");
    let expected = BTreeMap::from([(200, 5 * rounds), (204, rounds), (302, rounds), (404, rounds)]);
    assert_eq!(by_status(&outcome.log), expected);
    assert_eq!(outcome.last().sum("checks_total", &[("result", "fail")]), 0.0);
    let of = |protocol: &str| -> Vec<_> {
        outcome.log.iter().filter(|access| access.protocol == protocol).cloned().collect()
    };
    let (old, new) = (of("HTTP/1.1"), of("HTTP/2.0"));
    assert_eq!((old.len() as u64, new.len() as u64), (rounds, 7 * rounds));
    assert_eq!((connections(&old), connections(&new)), (VUS, VUS), "one connection for each VU and version");
    assert!(new.iter().filter(|access| access.method == "POST").all(|access| access.body == 7));
}

#[test]
fn http_2_without_tls_is_spoken_by_prior_knowledge() {
    let nginx = Nginx::start_http2_plain("location = /ok { return 200 hello; }");
    let outcome =
        run(nginx, "  - http: { url: \"${TARGET}/ok\", version: 2, expect: { contains: hello } }\n  - sleep: 2ms\n");
    outcome.assert_accounts();
    assert!(outcome.log.iter().all(|access| access.protocol == "HTTP/2.0"));
    assert_eq!(connections(&outcome.log), VUS);
    assert_eq!(outcome.last().sum("checks_total", &[("result", "fail")]), 0.0);
}

#[test]
fn a_server_without_the_http_2_that_was_asked_for_fails_the_request() {
    let nginx = Nginx::start_encrypted("location = /ok { return 200 hello; }");
    let head = format!("tls: {{ caFile: {} }}\n", nginx.certificate().display());
    let flow = format!("  - http: {{ url: \"https://localhost:{}/ok\", version: 2 }}\n", nginx.port());
    let outcome = run_with(nginx, &head, &flow);
    let failed = outcome.last().sum("http_req_failures_total", &[("reason", "no_http2")]) as u64;
    assert_eq!(failed, outcome.summary.count("http_reqs"));
    assert!(failed >= VUS && outcome.log.is_empty());
}

/// `/login` sets a cookie that `/me` wants.
const LOGIN: &str = "location = /login { add_header Set-Cookie 'session=s3cret; Path=/; HttpOnly'; return 200 in; }
    location = /me { if ($cookie_session = s3cret) { return 200 me; } return 401; }";

#[test]
fn cookies_come_back_to_the_server_until_the_iteration_ends() {
    let flow = r#"
  - http: { url: "${TARGET}/me", name: before }
  - http: ${TARGET}/login
  - http: { url: "${TARGET}/me", expect: { status: 200, contains: me } }
  - http: { url: "${TARGET}/me", cookies: { other: 1 }, expect: { status: 200 } }
  - sleep: 2ms
"#;
    for (head, kept) in [("", false), ("noCookiesReset: true\n", true)] {
        let outcome = run_with(Nginx::start(LOGIN, &[]), head, flow);
        outcome.assert_accounts();
        let rounds = outcome.summary.count("iterations");
        let refused = if kept { VUS } else { rounds };
        assert_eq!(by_status(&outcome.log), BTreeMap::from([(200, 4 * rounds - refused), (401, refused)]), "{head}");
        assert_eq!(outcome.last().sum("checks_total", &[("result", "fail")]), 0.0);
    }
}

#[test]
fn a_cookie_of_the_profile_is_sent_over_both_versions() {
    let flow = r#"
  - http: { url: "${TARGET}/me", cookies: { session: "${SECRET:-s3cret}" }, expect: { status: 200 } }
  - http: { url: "${TARGET}/me", cookies: { session: wrong } }
  - sleep: 2ms
"#;
    for nginx in [Nginx::start(LOGIN, &[]), Nginx::start_http2_plain(LOGIN)] {
        let version = if nginx.is_http2() { ", version: 2 }" } else { " }" };
        let outcome = run(nginx, &flow.replace(" }\n", &format!("{version}\n")));
        outcome.assert_accounts();
        let rounds = outcome.summary.count("iterations");
        assert_eq!(by_status(&outcome.log), BTreeMap::from([(200, rounds), (401, rounds)]));
    }
}

#[test]
fn bodies_are_read_whatever_their_coding_and_never_beyond_the_cap() {
    // By Node's zlib.brotliCompressSync.
    let brotli = b"\x8b\x08\x80a needle in brotli\x03";
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b'x'; 8 << 20]).expect("memory");
        encoder.finish().expect("memory")
    };
    let zstd = ruzstd::encoding::compress_to_vec(&b"a needle in zstd"[..], ruzstd::encoding::CompressionLevel::Fastest);
    let server = "keepalive_requests 1000000;
        location = /page.txt { gzip on; gzip_types text/plain; }
        location = /br { add_header Content-Encoding br; }
        location = /zstd { add_header Content-Encoding zstd; }
        location = /bomb { add_header Content-Encoding gzip; }";
    let text = "a needle in the hay\n".repeat(5000);
    let files: [(&str, &[u8]); 4] = [("page.txt", text.as_bytes()), ("br", brotli), ("zstd", &zstd), ("bomb", &bomb)];
    let flow = r#"
  - http: { url: "${TARGET}/page.txt", headers: { Accept-Encoding: gzip }, expect: { contains: "hay\na needle" } }
  - http: { url: "${TARGET}/br", expect: { contains: "needle in brotli" } }
  - http: { url: "${TARGET}/zstd", expect: { contains: "needle in zstd" } }
  - http: { url: "${TARGET}/bomb", name: not looked into }
  - sleep: 2ms
"#;
    let outcome = run(Nginx::start(server, &files), flow);
    outcome.assert_accounts();
    assert_eq!(outcome.last().sum("checks_total", &[("result", "fail")]), 0.0);
    assert_eq!(connections(&outcome.log), VUS);

    let flow = "  - http: { url: \"${TARGET}/bomb\", maxBodySize: 1MiB, expect: { contains: y } }\n";
    let outcome = run(Nginx::start(server, &files), flow);
    let failed = outcome.last().sum("http_req_failures_total", &[("reason", "body_too_big")]) as u64;
    assert_eq!(failed, outcome.log.len() as u64);
}
