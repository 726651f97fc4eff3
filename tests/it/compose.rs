//! `grafana/compose.yaml`, read by Docker Compose itself: what it mounts is there, and who is asked at a port is the
//! one who listens there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::{agent::rampd, repository, scratch::Scratch, target::python};

/// Where the images listen unless they are told otherwise.
const DEFAULT_PORTS: [(&str, u64); 4] =
    [("grafana", 3000), ("prometheus", 9090), ("alertmanager", 9093), ("echo", 6465)];

fn compose(file: &Path, delay: Option<&str>) -> Output {
    let library = python().parent().and_then(Path::parent).expect("a virtual environment").join("lib");
    let versions =
        std::fs::read_dir(&library).unwrap_or_else(|error| panic!("{}: {error}; run `make deps`", library.display()));
    let program = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages/compose/docker-compose")))
        .find(|path| path.exists())
        .expect("docker-compose comes with tests/servers/requirements.txt: run `make deps`");
    let mut command = Command::new(program);
    command.arg("-f").arg(file).args(["config", "--format", "json"]).env_remove("DELAY");
    command.envs(delay.map(|delay| ("DELAY", delay)));
    command.output().expect("docker-compose starts")
}

fn services(delay: Option<&str>) -> BTreeMap<String, Value> {
    let output = compose(&repository().join("grafana/compose.yaml"), delay);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    serde_json::from_value(read["services"].clone()).expect("services by name")
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// What is behind a path of a container, by its mounts.
fn outside(service: &Value, path: &str) -> Option<PathBuf> {
    let mounts = service["volumes"].as_array()?.iter().filter(|mount| mount["type"] == "bind");
    let inside = mounts.filter_map(|mount| {
        let rest = Path::new(path).strip_prefix(mount["target"].as_str()?).ok()?;
        Some((mount["target"].as_str()?.len(), Path::new(mount["source"].as_str()?).join(rest)))
    });
    inside.max_by_key(|(length, _)| *length).map(|(_, path)| path)
}

fn yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn compose_refuses_a_key_that_it_does_not_know() {
    let scratch = Scratch::new();
    let text = std::fs::read_to_string(repository().join("grafana/compose.yaml")).expect("readable");
    let wrong = text.replace("depends_on:", "depend_on:");
    assert_ne!(text, wrong);
    let output = compose(&scratch.write("compose.yaml", &wrong), None);
    assert!(!output.status.success(), "the other tests see nothing");
    assert!(String::from_utf8_lossy(&output.stderr).contains("depend_on"), "{output:?}");
}

#[test]
fn whatever_is_mounted_or_named_is_there() {
    for (name, service) in services(None) {
        for mount in service["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind") {
            let source = Path::new(mount["source"].as_str().expect("a path"));
            assert!(source.is_dir(), "{name} mounts {}", source.display());
            assert_eq!(mount["read_only"], true, "{name} may write to {}", source.display());
        }
        for word in texts(&service["command"]) {
            if let Some(path) = word.strip_prefix("--config.file=") {
                let file = outside(&service, path).unwrap_or_else(|| panic!("{name}: {path} is not mounted"));
                assert!(file.is_file(), "{name}: {path} is {}, which is not there", file.display());
            }
        }
    }
}

#[test]
fn prometheus_finds_its_rules_through_the_mounts() {
    let services = services(None);
    let config = "/rampd/config/prometheus.yml";
    assert!(texts(&services["prometheus"]["command"]).contains(&&*format!("--config.file={config}")));
    for pattern in texts(&yaml(&repository().join("config/prometheus.yml"))["rule_files"]) {
        let (folder, name) =
            pattern.strip_prefix("../").and_then(|path| path.rsplit_once('/')).expect("a sibling folder");
        let folder = outside(&services["prometheus"], &format!("/rampd/{folder}")).expect("mounted");
        let suffix = name.strip_prefix('*').expect("all of a kind");
        let rules =
            std::fs::read_dir(&folder).expect("rules").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        assert!(rules.filter(|name| name.ends_with(suffix)).count() >= 2, "{} has no *{suffix}", folder.display());
    }
}

#[test]
fn every_address_has_a_listener_and_every_published_port_too() {
    let services = services(None);
    for (name, service) in &services {
        // They share one network: what listens at 127.0.0.1 for one does for all.
        let shared = service["network_mode"] == "service:prometheus";
        assert!(shared || name == "prometheus", "{name} has a network of its own");
    }
    let agent = texts(&services["agent"]["command"]);
    let image = std::fs::read_to_string(repository().join("Dockerfile")).expect("readable");
    let listens = image.lines().find_map(|line| line.strip_prefix("ENV RAMPD_LISTEN=")).expect("the image's address");
    assert!(!agent.contains(&"--listen"), "the image says where the agent listens");
    let (host, port) = listens.rsplit_once(':').expect("host and port");
    // A published port comes in from outside the network.
    assert_eq!(host, "0.0.0.0");
    let mut listening: Vec<u64> = vec![port.parse().expect("a port")];
    for (name, port) in DEFAULT_PORTS {
        let told =
            texts(&services[name]["command"]).iter().any(|word| word.contains("listen") && !word.contains("cluster"));
        assert!(!told, "{name} listens elsewhere than at {port}");
        listening.push(port);
    }
    for port in services["prometheus"]["ports"].as_array().expect("published ports") {
        assert_eq!(port["host_ip"], "127.0.0.1", "published to more than this machine: {port}");
        assert!(listening.contains(&port["target"].as_u64().expect("a port")), "nobody listens at {port}");
    }

    let config = yaml(&repository().join("config/prometheus.yml"));
    let scraped = texts(&config["scrape_configs"][0]["static_configs"][0]["targets"]);
    assert_eq!(scraped, [format!("127.0.0.1:{port}")]);
    let alerted = texts(&config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]);
    assert_eq!(alerted, ["127.0.0.1:9093"]);
    assert_eq!(services["grafana"]["environment"]["PROMETHEUS_URL"], "http://127.0.0.1:9090");
    assert!(agent.contains(&"QUANTUM_WS_URL=ws://127.0.0.1:6465/"), "{agent:?}");
}

#[test]
fn grafana_is_provisioned_with_files_that_are_there() {
    let grafana = &services(None)["grafana"];
    let provisioning = outside(grafana, "/etc/grafana/provisioning").expect("mounted");
    let sources = yaml(&provisioning.join("datasources/prometheus.yaml"));
    let url = sources["datasources"][0]["url"].as_str().expect("an address");
    let variable = url.trim_start_matches("${").trim_end_matches('}');
    assert!(grafana["environment"][variable].is_string(), "Grafana has no {url}");
    let path = yaml(&provisioning.join("dashboards/rampd.yaml"))["providers"][0]["options"]["path"].clone();
    let dashboards = outside(grafana, path.as_str().expect("a path")).expect("mounted");
    assert_eq!(std::fs::read_dir(dashboards).expect("dashboards").count(), 3);
}

#[test]
fn the_commands_are_ones_that_rampd_has() {
    for delay in [None, Some("250ms")] {
        let services = services(delay);
        let command = texts(&services["echo"]["command"]);
        let ["echo", "--delay", given] = command[..] else { panic!("{command:?}") };
        assert_eq!(given, delay.unwrap_or("0"));
        // Where it listens is said once it does.
        rampd(["echo", "--listen", "127.0.0.1:0", "--delay", given]).start().address();
    }
    let services = services(None);
    let command = texts(&services["agent"]["command"]);
    let ["run", profile, "-e", variable] = command[..] else { panic!("{command:?}") };
    let profile = outside(&services["agent"], profile).expect("mounted");
    rampd(["check", "-e", variable]).arg(&profile).finish().assert_code(0);
    let read = |file: &str| std::fs::read_to_string(repository().join(file)).expect("readable");
    let image = read("Dockerfile");
    let version = image.lines().find_map(|line| line.strip_prefix("ARG RUST_VERSION=")).expect("a version");
    assert!(read("Cargo.toml").contains(&format!("rust-version = \"{version}\"")), "the image is Rust {version}");
}
