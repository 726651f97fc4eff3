//! The recipes in `config/`, each run in short against a server that is not ours: they pass, and what they say they did
//! is what the server counted.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::support::{
    agent::{AgentCommand, rampd, run, run_lingering},
    exposition::Page,
    process::Ended,
    repository,
    results::Summary,
    scratch::Scratch,
    target::{Library, Target},
};

/// `run` of a recipe, with variables.
fn recipe(name: &str, variables: &[(&str, String)]) -> AgentCommand {
    let command = run(&repository().join("config").join(name));
    variables.iter().fold(command, |command, (name, value)| command.args(["-e", &format!("{name}={value}")]))
}

fn finish(command: AgentCommand) -> (Ended, Summary) {
    let scratch = Scratch::new();
    let path = scratch.path("summary.json");
    let ended = command.args(["--summary-export", path.to_str().expect("UTF-8")]).finish();
    assert!(path.exists(), "{}", ended.describe());
    (ended, Summary::read(&path))
}

fn passed(command: AgentCommand) -> Summary {
    let (ended, summary) = finish(command);
    ended.assert_code(0);
    summary
}

fn counted(server: &Value, key: &str) -> u64 {
    server[key].as_u64().unwrap_or(0)
}

/// What both sides count of sockets and messages is the same.
fn assert_same_sockets(summary: &Summary, server: &Value) {
    assert_eq!(summary.count("ws_sessions"), counted(server, "opened"), "{server}");
    assert_eq!(summary.count("ws_msgs_sent"), counted(server, "messages_in"), "{server}");
    assert_eq!(summary.count("ws_msgs_received"), counted(server, "messages_out"), "{server}");
    assert!(counted(server, "messages_in") > 0, "{server}");
}

#[test]
fn the_readme_lists_every_recipe_and_each_is_sound() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("README.md");
    let entries = std::fs::read_dir(repository().join("config")).expect("config/");
    let names: BTreeSet<String> =
        entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect();
    let profiles: Vec<&String> = names.iter().filter(|name| name.ends_with(".yaml")).collect();
    assert!(profiles.len() >= 9, "{profiles:?}");
    for name in profiles {
        assert!(readme.contains(&format!("(config/{name})")), "{name} is not in the README");
        let check = if name == "rampd.yaml" { rampd(["serve", "--check"]) } else { rampd(["check"]) };
        check.arg(repository().join("config").join(name)).finish().assert_code(0);
    }
}

#[test]
fn tokens_of_a_login_are_taken_to_the_socket() {
    let target = Target::cookbook();
    let variables =
        [("API_URL", format!("http://{}", target.host())), ("WS_URL", format!("ws://{}/ws", target.host()))];
    let summary = passed(recipe("api-and-websocket-login.yaml", &variables).args(["--speed", "60", "--scale", "0.2"]));
    let server = target.stop_with_counters();
    assert_same_sockets(&summary, &server);
    assert_eq!(summary.count("http_reqs"), counted(&server, "logins"), "{server}");
    assert!(counted(&server, "said_right") > 10, "{server}");
    for wrong in ["logins_wrong", "sockets_wrong", "hellos_wrong", "said_wrong"] {
        assert_eq!(counted(&server, wrong), 0, "{wrong}: {server}");
    }
}

#[test]
fn every_subscriber_hears_every_publisher() {
    let target = Target::cookbook();
    let variables = [("WS_URL", format!("ws://{}/feed", target.host()))];
    let summary = passed(recipe("pub-sub-fan-out.yaml", &variables).args(["--speed", "2"]));
    let server = target.stop_with_counters();
    assert_same_sockets(&summary, &server);
    assert_eq!((counted(&server, "published"), counted(&server, "delivered")), (50, 10_000), "{server}");
    assert_eq!(summary.count("ws_msgs_received{scenario:subscribers}"), 10_200);
}

#[test]
fn graphql_subscriptions_are_acknowledged_fed_and_completed() {
    let target = Target::cookbook();
    let variables = [("GRAPHQL_URL", format!("ws://{}/graphql", target.host()))];
    let command = recipe("graphql-subscription.yaml", &variables).args(["--speed", "60", "--scale", "0.1"]);
    let summary = passed(command);
    let server = target.stop_with_counters();
    assert_same_sockets(&summary, &server);
    let completed = counted(&server, "complete");
    assert_eq!(summary.count("iterations"), completed, "{server}");
    assert!(completed > 10 && counted(&server, "next") >= 10 * completed, "{server}");
}

#[test]
fn a_soak_may_be_short() {
    let target = Target::echo(Library::PyPiWebsockets);
    let variables = [("WS_URL", target.url()), ("SESSION", "1s".to_owned())];
    let summary = passed(recipe("soak.yaml", &variables).args(["--vus", "20", "--duration", "4s"]));
    let server = target.stop();
    assert_eq!(summary.count("ws_sessions"), server.opened);
    assert_eq!(summary.count("ws_msgs_sent"), server.messages_in);
    assert_eq!(summary.count("ws_msgs_received"), server.messages_out);
    assert!(server.opened >= 40 && server.messages_in >= 40, "{server:?}");
}

/// What is commented out in the soak is as sound as the rest.
#[test]
fn a_soak_may_observe_its_target() {
    let text = std::fs::read_to_string(repository().join("config/soak.yaml")).expect("soak.yaml");
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with("observe:") || rest.starts_with("  ") => rest,
            _ => line.strip_prefix('#').filter(|rest| rest.starts_with(" target_")).unwrap_or(line),
        })
        .collect();
    let scratch = Scratch::new();
    let profile = uncommented.join("\n").replace("\n target_", "\n  target_");
    let ended = rampd(["check"]).arg(scratch.write("soak.yaml", &profile)).finish();
    ended.assert_code(0);
    assert!(ended.stdout.contains("https://api.example.com/metrics every 1m"), "{}", ended.describe());
}

#[test]
fn a_spike_leaves_nothing_behind() {
    let target = Target::echo(Library::PyPiWebsockets);
    let variables = [("WS_URL", target.url())];
    let summary = passed(recipe("spike.yaml", &variables).args(["--speed", "20", "--scale", "0.1"]));
    let server = target.stop();
    assert_eq!(summary.count("ws_sessions"), server.opened);
    assert_eq!(summary.count("ws_msgs_sent"), server.messages_in);
    assert_eq!(summary.count("ws_msgs_received"), server.messages_out);
    assert!((50..=110).contains(&server.max_open), "{server:?}");
}

#[test]
fn the_breakpoint_of_a_slow_server_is_found() {
    let target = Target::cookbook();
    let variables = [("API_URL", format!("http://{}", target.host()))];
    let (ended, summary) = finish(recipe("breakpoint.yaml", &variables).args(["--speed", "60", "--scale", "0.1"]));
    ended.assert_code(99);
    assert!(summary.thresholds().values().any(|passed| !passed), "{}", ended.describe());
    let server = target.stop_with_counters();
    // Requests that the end cut off have reached the server, or not.
    let finished = summary.count("http_reqs");
    let begun = finished + summary.count("http_reqs_interrupted");
    assert!((finished..=begun).contains(&counted(&server, "searches")), "{finished} to {begun}: {server}");
    assert!(finished > 20, "{finished}");
}

#[test]
fn after_a_restart_everybody_is_back() {
    let target = Target::echo(Library::PyPiWebsockets);
    let port = target.port().to_string();
    let scratch = Scratch::new();
    let path = scratch.path("summary.json");
    let command = run_lingering(&repository().join("config/reconnect-storm.yaml"));
    let mut agent = command
        .args(["-e", &format!("WS_URL={}", target.url()), "--vus", "20", "--duration", "12s", "--linger", "0"])
        .args(["--summary-export", path.to_str().expect("UTF-8")])
        .start();
    let open = |page: &Page| page.sum_or_zero("ws_open_connections", &[]);
    let served = |page: &Page| page.sum_or_zero("ws_msgs_received_total", &[]);
    agent.scrape_until("everybody is served", |page| open(page) == 20.0 && served(page) == 20.0);
    let before = target.stop();
    agent.scrape_until("everybody is lost", |page| open(page) == 0.0);
    let target = Target::start(Library::PyPiWebsockets, &["--port", &port]);
    agent.scrape_until("everybody is served again", |page| open(page) == 20.0 && served(page) == 40.0);
    agent.wait_at_most(Duration::from_secs(40)).assert_code(0);
    let (after, summary) = (target.stop(), Summary::read(&path));
    assert_eq!((before.opened, after.opened), (20, 20));
    assert!(summary.count("ws_reconnects") >= 20);
    assert_eq!(summary.count("ws_msgs_sent"), before.messages_in + after.messages_in);
    assert_eq!(summary.count("ws_msgs_received"), before.messages_out + after.messages_out);
}
