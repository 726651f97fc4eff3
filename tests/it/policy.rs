//! The operator's targets against real servers: whatever a profile, a name server, a proxy or a server's redirection
//! says, no connection goes elsewhere.

use std::time::Duration;

use crate::support::{
    agent::rampd,
    connect_proxy::{Answers, ConnectProxy},
    dns::NameServer,
    exposition::Page,
    nginx::Nginx,
    poll,
    run::last_page_of,
    scratch::Scratch,
    target::{Library, Target},
};

const NAME: &str = "target.test";

/// Runs `profile` with the operator's `targets`.
fn run_allowing(targets: &str, profile: &str) -> Page {
    last_page_of(profile, |command| command.args(["--allow-target", targets])).0
}

fn not_allowed(page: &Page, metric: &str) -> f64 {
    page.sum(metric, &[("reason", "not_allowed")])
}

/// Every request has a connection of its own.
fn nginx(locations: &str) -> Nginx {
    Nginx::start(&format!("keepalive_timeout 0; location = / {{ return 204; }} {locations}"), &[])
}

fn names(addresses: &[&str], seconds: u32) -> NameServer {
    let names = NameServer::start();
    names.name(NAME, addresses, seconds);
    names
}

#[test]
fn a_redirection_leads_nowhere_else() {
    let inside = nginx("");
    for (to, targets) in [
        (format!("http://127.0.0.2:{}/", inside.port()), "127.0.0.1"),
        (format!("http://localhost:{}/", inside.port()), "127.0.0.1:PORT"),
        (format!("http://[::ffff:7f00:2]:{}/", inside.port()), "127.0.0.1"),
        // Everything is allowed, and that is not enough.
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "*"),
        ("http://[::ffff:a9fe:a9fe]/latest/meta-data/".to_owned(), "*,0.0.0.0/0,::/0"),
    ] {
        let outside = nginx(&format!("location = /go {{ return 302 {to}; }}"));
        let url = format!("http://127.0.0.1:{}/go", outside.port());
        let profile = format!("vus: 1\niterations: 5\nflow: [{{ http: {{ url: \"{url}\", redirects: 3 }} }}]\n");
        let page = run_allowing(&targets.replace("PORT", &outside.port().to_string()), &profile);
        assert_eq!(not_allowed(&page, "http_req_failures_total"), 5.0, "{to}");
        assert_eq!(page.sum("http_reqs_total", &[("status", "302")]), 5.0, "{to}");
        assert_eq!(outside.stop_for_connections().len(), 5);
    }
    assert_eq!(inside.stop_for_connections(), []);
}

#[test]
fn a_name_that_leads_elsewhere_during_the_run_is_not_followed() {
    let (nginx, names) = (nginx(""), names(&["127.0.0.1"], 1));
    let profile = format!(
        "dns: {{ servers: [{}], policy: onlyIPv4 }}\nvus: 2\nduration: 3s
flow: [{{ http: \"http://{NAME}:{}/\" }}, {{ sleep: 5ms }}]\n",
        names.address(),
        nginx.port()
    );
    let page = std::thread::scope(|scope| {
        scope.spawn(|| {
            let asked = poll(Duration::from_secs(20), || (names.asked_v4(NAME) > 0).then_some(()));
            asked.expect("the run asks");
            names.name(NAME, &["127.0.0.2"], 1);
        });
        run_allowing("127.0.0.1", &profile)
    });
    let denied = not_allowed(&page, "http_req_failures_total");
    assert!(denied > 2.0 && denied == page.sum("http_req_failures_total", &[]), "{denied}");
    let seen = nginx.stop_for_connections();
    assert!(!seen.is_empty() && seen.iter().all(|connection| connection.server == "127.0.0.1"), "{seen:?}");
}

#[test]
fn of_a_names_addresses_only_the_allowed_ones_are_tried() {
    let (nginx, names) = (nginx(""), names(&["127.0.0.1", "::1", "127.0.0.2"], 300));
    let port = nginx.port();
    let profile = format!(
        "dns: {{ servers: [{}], policy: preferIPv4 }}\nvus: 1\niterations: 20\nflow: [{{ http: \"http://{NAME}:{port}/\" }}]\n",
        names.address()
    );
    let page = run_allowing(&format!("[::1]:{port},{}", names.address()), &profile);
    assert_eq!(page.sum("http_req_failures_total", &[]), 0.0);
    let seen = nginx.stop_for_connections();
    assert!(seen.len() == 20 && seen.iter().all(|connection| connection.server == "::1"), "{seen:?}");
}

#[test]
fn the_other_family_is_no_way_around() {
    // It listens on 127.0.0.1 alone, so that the attempt that is allowed fails.
    let (target, names) = (Target::echo(Library::PyPiWebsockets), names(&["::1", "127.0.0.1"], 300));
    let port = target.port();
    let profile = format!(
        "dns: {{ servers: [{}], policy: preferIPv6 }}\nvus: 1\niterations: 3
flow: [{{ websocket: {{ url: \"ws://{NAME}:{port}/\", steps: [{{ send: hello }}] }} }}]\n",
        names.address()
    );
    let page = run_allowing(&format!("[::1]:{port},{}", names.address()), &profile);
    assert_eq!(page.sum("ws_connect_failures_total", &[("reason", "refused")]), 3.0);
    assert_eq!(target.stop().opened, 0);
}

#[test]
fn sockets_requests_and_observed_targets_obey() {
    let (nginx, target, names) = (nginx(""), Target::echo(Library::PyPiWebsockets), names(&["127.0.0.1"], 300));
    let profile = format!(
        "dns: {{ servers: [{}] }}\nvus: 1\niterations: 3
observe: {{ it: \"http://{NAME}:{1}/metrics\" }}
flow:
  - websocket: {{ url: \"ws://{NAME}:{2}/\", steps: [{{ send: hello }}] }}
  - http: \"http://{NAME}:{1}/\"
",
        names.address(),
        nginx.port(),
        target.port()
    );
    let page = run_allowing(&format!("127.0.0.2,{}", names.address()), &profile);
    assert_eq!(not_allowed(&page, "ws_connect_failures_total"), 3.0);
    assert!(not_allowed(&page, "target_scrape_failures_total") >= 1.0);
    assert_eq!(target.stop().opened, 0);
    assert_eq!(nginx.stop_for_connections(), []);
}

#[test]
fn a_proxy_is_not_asked_for_what_is_not_allowed() {
    let proxy = ConnectProxy::start(Answers::Connects(None));
    let inside = nginx("");
    let (allowed, denied) = (format!("one.test:{}", inside.port()), format!("two.test:{}", inside.port()));
    let outside = nginx(&format!(
        "location = /go {{ return 302 http://{denied}/; }} location = /in {{ return 302 http://{allowed}/; }}"
    ));
    let entry = format!("one.test:{}", outside.port());
    let profile = format!(
        "network: {{ proxy: \"http://{}\" }}\nvus: 1\niterations: 2
flow: [{{ http: {{ url: \"http://{entry}/in\", redirects: 2 }} }}, {{ http: {{ url: \"http://{entry}/go\", redirects: 2 }} }}]\n",
        proxy.address()
    );
    let page = run_allowing(&format!("one.test,{}", proxy.address()), &profile);
    assert_eq!(not_allowed(&page, "http_req_failures_total"), 2.0);
    let asked = proxy.asked();
    assert!(asked.contains(&allowed) && !asked.contains(&denied), "{asked:?}");
    assert!(!inside.stop_for_connections().is_empty());

    // The proxy itself is a target.
    let scratch = Scratch::new();
    let ended = rampd(["run"])
        .arg(scratch.write("profile.yaml", &profile))
        .args(["--listen", "127.0.0.1:0", "--allow-target", "one.test"])
        .finish();
    ended.assert_code(104);
    assert!(ended.stderr.contains(&format!("{} is not among", proxy.address())), "{}", ended.describe());
}

#[test]
fn what_a_profile_names_is_refused_before_the_load() {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", "vus: 1\nduration: 1s\nflow: [{ http: \"http://127.0.0.1:1/\" }]\n");
    let refused = |allowed: &str| {
        let command = rampd(["run"]).arg(&profile).args(["--listen", "127.0.0.1:0"]);
        command.env("RAMPD_ALLOW_TARGETS", allowed).finish()
    };
    let ended = refused("10.0.0.0/8,*.example.com:443");
    ended.assert_code(104);
    let message = "127.0.0.1:1 is not among the operator's allowed targets";
    assert!(ended.stderr.contains(message), "{}", ended.describe());
    let ended = refused("10.0.0.1/8");
    assert!(ended.stderr.contains("write `10.0.0.0/8`"), "{}", ended.describe());
}
