//! `wss://` against a server that is not ours: trust, and what its lack is counted as.

use crate::support::{
    agent::run,
    certificate,
    results::Summary,
    scratch::Scratch,
    target::{Library, Target},
};

/// Ten VUs with 100 messages each, or as many attempts as a second and the backoff allow.
const FLOW: &str = "
stages:
  - { duration: 0s, target: 10 }
  - { duration: 1s, target: 10 }
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - repeat: { times: 100, steps: [ { send: { text: hello, reply: fifo } } ] }
        - hold: {}
";

/// Runs the flow with `settings` for TLS.
fn encrypted(settings: &str, url: impl Fn(&Target) -> String) -> (Summary, Target, String) {
    let scratch = Scratch::new();
    let certificate = certificate::make(&scratch);
    let directory = scratch.directory().to_str().expect("UTF-8");
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "echo", "--tls", directory]);
    let settings = settings.replace("CERTIFICATE", certificate.to_str().expect("UTF-8"));
    let summary = scratch.path("summary.json");
    let ended = run(&scratch.write("profile.yaml", &format!("{settings}{FLOW}")))
        .args(["-e", &format!("TARGET={}", url(&target)), "--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    ended.assert_code(0);
    (Summary::read(&summary), target, ended.describe())
}

#[test]
fn a_trusted_server_counts_what_we_count() {
    let (summary, target, said) = encrypted("tls: { caFile: CERTIFICATE }\n", Target::encrypted_url);
    let server = target.stop();
    assert_eq!((server.opened, server.messages_in, server.messages_out), (10, 1000, 1000), "{said}");
    assert_eq!(summary.count("ws_sessions"), 10);
    assert_eq!(summary.count("ws_msgs_sent"), 1000);
    assert_eq!(summary.count("ws_msgs_received"), 1000);
    assert_eq!(server.close_codes.get("1000"), Some(&10), "{said}");
}

#[test]
fn an_untrusted_server_and_a_wrong_name_fail_by_the_reason_tls_and_nothing_is_sent() {
    for (settings, host) in [("", "localhost"), ("tls: { caFile: CERTIFICATE }\n", "127.0.0.1")] {
        let url = |target: &Target| target.encrypted_url().replace("localhost", host);
        let (summary, target, said) = encrypted(settings, url);
        assert_eq!(target.stop().opened, 0, "{said}");
        let attempts = summary.count("ws_sessions");
        assert!((10..200).contains(&attempts), "tried again, but not in a hot loop: {attempts}\n{said}");
        assert_eq!(summary.value("ws_connect_failed", "value"), 1.0);
        assert!(said.contains("{ reason:tls }"), "{said}");
        assert_eq!(summary.count("ws_msgs_sent"), 0);
    }
}

#[test]
fn without_verification_any_certificate_will_do_and_that_is_said_aloud() {
    let (summary, target, said) = encrypted("insecureSkipTLSVerify: true\n", Target::encrypted_url);
    assert_eq!(target.stop().messages_in, 1000);
    assert_eq!(summary.count("ws_msgs_received"), 1000);
    assert!(said.contains("certificates are not checked"), "{said}");
}
