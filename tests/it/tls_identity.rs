//! TLS as the profile wants it, by nginx's own account: who we are, which version, which name, and
//! whether sessions are resumed; and by `openssl s_server`'s.

use std::{net::TcpListener, path::Path, process::Command, time::Duration};

use crate::support::{
    authority::Authority,
    exposition::Page,
    nginx::{Nginx, Seen},
    poll,
    process::Process,
    run::last_page,
    scratch::Scratch,
};

/// Every request has a connection of its own.
const EACH: &str = "keepalive_timeout 0; location = / { return 204; }";

fn requests(settings: &str, host: &str, port: u16) -> Page {
    let profile = format!(
        "tls: {{ {settings} }}
vus: 1
duration: 1s
flow: [{{ http: \"https://{host}:{port}/\" }}, {{ sleep: 5ms }}]
"
    );
    last_page(&profile).0
}

/// nginx with a certificate of `authority` for `localhost`.
fn nginx(server: &str) -> (Nginx, Authority, Scratch) {
    let directory = Scratch::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch);
    authority.server(&directory, "localhost");
    std::fs::copy(authority.certificate(), directory.path("ca.pem")).expect("a temporary directory");
    (Nginx::start_encrypted_in(directory, &format!("{server} {EACH}")), authority, scratch)
}

fn all(seen: &[Seen], what: impl Fn(&Seen) -> bool) -> bool {
    seen.len() > 10 && seen.iter().all(what)
}

#[test]
fn a_server_that_asks_is_shown_a_certificate_and_takes_every_kind_of_key() {
    for kind in ["rsa", "rsa-pkcs1", "ec", "ec-sec1", "ed25519"] {
        let (nginx, authority, scratch) = nginx("ssl_client_certificate ca.pem; ssl_verify_client on;");
        let (certificate, key) = authority.client(&scratch, kind);
        let files = |name: &str, path: &Path| format!("{name}: {}", path.display());
        let ca = files("caFile", &authority.certificate());
        let ours = format!("{ca}, {}, {}", files("certFile", &certificate), files("keyFile", &key));
        let with = requests(&ours, "localhost", nginx.port());
        let without = requests(&ca, "localhost", nginx.port());
        let answered = with.sum("http_reqs_total", &[("status", "204")]);
        assert!(answered > 10.0 && answered == with.sum("http_reqs_total", &[]), "{kind}");
        // nginx answers 400 to those who show none.
        assert_eq!(without.sum("http_reqs_total", &[("status", "400")]), without.sum("http_reqs_total", &[]));
        let seen = nginx.stop_for_connections();
        let good = seen.iter().filter(|seen| seen.verified == "SUCCESS").count();
        assert_eq!(good as f64, answered, "{kind}");
        assert!(seen.len() > good && seen.iter().all(|seen| seen.verified == "SUCCESS" || seen.verified == "NONE"));
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused_by_the_server() {
    let (nginx, authority, scratch) = nginx("ssl_client_certificate ca.pem; ssl_verify_client on;");
    let elsewhere = Scratch::new();
    let (certificate, key) = Authority::new(&elsewhere).client(&scratch, "ec");
    let settings = format!(
        "caFile: {}, certFile: {}, keyFile: {}",
        authority.certificate().display(),
        certificate.display(),
        key.display()
    );
    let page = requests(&settings, "localhost", nginx.port());
    assert_eq!(page.sum("http_reqs_total", &[("status", "400")]), page.sum("http_reqs_total", &[]));
    assert!(all(&nginx.stop_for_connections(), |seen| seen.verified.starts_with("FAILED")));
}

#[test]
fn the_versions_spoken_are_those_of_the_profile() {
    for (settings, protocol) in [
        ("", "TLSv1.3"),
        ("maxVersion: tls1.2", "TLSv1.2"),
        ("minVersion: \"1.3\"", "TLSv1.3"),
        ("minVersion: tls1.2, maxVersion: tls1.2", "TLSv1.2"),
    ] {
        let (nginx, authority, _scratch) = nginx("ssl_protocols TLSv1.2 TLSv1.3;");
        requests(&format!("caFile: {}, {settings}", authority.certificate().display()), "localhost", nginx.port());
        assert!(all(&nginx.stop_for_connections(), |seen| seen.protocol == protocol), "{settings}");
    }
    let (nginx, authority, _scratch) = nginx("ssl_protocols TLSv1.2;");
    let settings = format!("caFile: {}, minVersion: tls1.3", authority.certificate().display());
    let page = requests(&settings, "localhost", nginx.port());
    let failed = page.sum("http_req_failures_total", &[("reason", "tls")]);
    assert!(failed > 0.0 && failed == page.sum("http_reqs_total", &[]));
    assert_eq!(nginx.stop_for_connections(), []);
}

#[test]
fn the_servers_name_may_be_another_than_the_urls() {
    let (nginx, authority, _scratch) = nginx("");
    let ca = format!("caFile: {}", authority.certificate().display());
    let wrong = requests(&ca, "127.0.0.1", nginx.port());
    let failed = wrong.sum("http_req_failures_total", &[("reason", "tls")]);
    assert!(failed > 0.0 && failed == wrong.sum("http_reqs_total", &[]));
    let named = requests(&format!("{ca}, serverName: localhost"), "127.0.0.1", nginx.port());
    assert_eq!(named.sum("http_req_failures_total", &[]), 0.0);
    assert!(all(&nginx.stop_for_connections(), |seen| seen.name == "localhost"));
}

#[test]
fn sessions_are_resumed_unless_they_are_not_to_be() {
    for version in ["tls1.2", "tls1.3"] {
        for resumption in [true, false] {
            let (nginx, authority, _scratch) = nginx("ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;");
            let settings = format!(
                "caFile: {}, maxVersion: {version}, minVersion: {version}, resumption: {resumption}",
                authority.certificate().display()
            );
            let page = requests(&settings, "localhost", nginx.port());
            assert_eq!(page.sum("http_req_failures_total", &[]), 0.0, "{version}, resumption: {resumption}");
            let seen = nginx.stop_for_connections();
            let resumed = seen.iter().filter(|seen| seen.reused == "r").count();
            // The first connection of the one VU has nothing to resume.
            let expected = if resumption { seen.len() - 1 } else { 0 };
            assert!(seen.len() > 10);
            assert_eq!(resumed, expected, "{version}, resumption: {resumption}");
        }
    }
}

#[test]
fn openssl_sees_the_name_the_version_and_what_is_offered() {
    let (directory, scratch) = (Scratch::new(), Scratch::new());
    let authority = Authority::new(&scratch);
    authority.server(&directory, "localhost");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let mut command = Command::new("openssl");
    command.current_dir(directory.directory()).args(["s_server", "-accept", &port.to_string(), "-www", "-trace"]);
    command.args(["-cert", "certificate.pem", "-key", "key.pem", "-servername", "localhost"]);
    command.args(["-cert2", "certificate.pem", "-key2", "key.pem"]);
    let server = Process::start(command);
    let listens = poll(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    assert!(listens.is_some(), "openssl does not listen\n{}", server.describe());
    drop(listens);
    let settings = format!("caFile: {}, minVersion: tls1.3", authority.certificate().display());
    let page = requests(&settings, "localhost", port);
    assert!(page.sum("http_reqs_total", &[("status", "200")]) > 0.0, "{}", server.describe());
    let trace = server.stdout();
    for seen in ["extension_type=server_name(0)", "http/1.1", "TLS 1.3 (772)"] {
        assert!(trace.contains(seen), "{seen}\n{trace}");
    }
}
