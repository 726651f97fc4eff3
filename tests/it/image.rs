//! The image as it is shipped: built from the Dockerfile by buildah, run by runc as a restricted pod is. A test binary
//! of its own, as it needs root and a static build: `make image-test`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy.toml excuses #[test] functions only, not their helpers"
)]

#[path = "image/built.rs"]
mod built;
#[path = "image/container.rs"]
mod container;
#[path = "image/network.rs"]
mod network;
#[expect(dead_code, reason = "shared with the tests of main.rs, which use all of it")]
mod support;

use serde_json::{Value, json};

use crate::{
    built::{Image, REVISION},
    container::Container,
    network::{ADDRESS, Network},
    support::{dns::NameServer, exposition::Page, repository, scratch::Scratch},
};

const PORT: u16 = 6464;

#[test]
fn the_configuration_is_what_a_runtime_is_told() {
    let image = Image::build();
    assert_eq!(image.config("User"), "65532:65532");
    assert_eq!(image.config("StopSignal"), "SIGTERM");
    assert_eq!(image.config("ExposedPorts"), &json!({ "6464/tcp": {} }));
    assert_eq!(image.words("/Entrypoint"), ["/rampd"]);
    assert_eq!(image.words("/Cmd"), ["--help"]);
    assert_eq!(image.words("/Healthcheck/Test"), ["CMD", "/rampd", "healthcheck"]);
    assert!(image.words("/Env").contains(&"RAMPD_LISTEN=0.0.0.0:6464".to_owned()));
    let labels = image.config("Labels");
    for (name, value) in [
        ("title", env!("CARGO_PKG_NAME")),
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", REVISION),
        ("source", "unknown"),
    ] {
        assert_eq!(labels[format!("org.opencontainers.image.{name}")], value, "{name}");
    }
}

#[test]
fn the_binary_is_all_that_is_in_it() {
    let image = Image::build();
    let entries = std::fs::read_dir(image.rootfs()).expect("unpacked");
    let names: Vec<_> = entries.map(|entry| entry.expect("readable").file_name()).collect();
    assert_eq!(names, ["rampd"]);
    let binary = image.rootfs().join("rampd");
    let mode = std::os::unix::fs::PermissionsExt::mode(&binary.metadata().expect("readable").permissions());
    assert_eq!(mode & 0o7777, 0o555, "{mode:o}");
}

#[test]
fn the_agent_of_the_compose_file_is_asked_as_the_image_says_and_its_commands_are_understood() {
    let (image, network) = (Image::build(), Network::new());
    let text = std::fs::read_to_string(repository().join("grafana/compose.yaml")).expect("grafana/compose.yaml");
    let compose: Value = serde_yaml::from_str(&text).expect("YAML");
    let words = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|word| word.as_str().expect("a string").to_owned()).collect()
    };
    let services = &compose["services"];
    assert_eq!(words(&services["agent"]["healthcheck"]["test"]), image.words("/Healthcheck/Test"));
    for name in ["agent", "echo"] {
        assert_eq!(services[name]["<<"]["build"], "..", "{name}");
        let mut command = words(&services[name]["command"]);
        // clap reads the words before it obeys --help.
        command.push("--help".to_owned());
        let command: Vec<_> = command.iter().map(|word| word.replace("${DELAY:-0}", "0")).collect();
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        Container::start(&image, &network, &command, &[]).wait().assert_code(0);
    }
}

#[test]
fn a_shipped_profile_runs_to_its_end_without_a_right_and_is_scraped_meanwhile() {
    let (image, network) = (Image::build(), Network::new());
    let arguments = ["--scale", "0.1", "--speed", "15", "--linger", "0", "--on-invalid", "warn"];
    let mut container = echoed(&image, &network, &arguments);
    let page = container.page((ADDRESS, PORT).into(), "/metrics");
    assert_eq!(Page::parse(&page).sum("rampd_build_info", &[]), 1.0);
    assert_eq!(container.status("Uid"), "65532\t65532\t65532\t65532");
    assert_eq!(container.status("Gid"), "65532\t65532\t65532\t65532");
    assert_eq!(container.status("CapEff").trim_start_matches('0'), "");
    assert_eq!(container.status("NoNewPrivs"), "1");
    // The allocator has understood its setting.
    assert_eq!(container.status("THP_enabled"), "0");
    let ended = container.wait();
    ended.assert_code(0);
    assert!(ended.stdout.contains("ws_msgs_sent"), "{}", ended.describe());
}

#[test]
fn the_stop_signal_ends_it_with_105_although_it_is_process_1() {
    let (image, network) = (Image::build(), Network::new());
    let mut container = echoed(&image, &network, &["--scale", "0.01"]);
    container.page((ADDRESS, PORT).into(), "/readyz");
    assert_eq!(container.status("NSpid").split_whitespace().last(), Some("1"));
    container.signal(image.config("StopSignal").as_str().expect("a name"));
    let ended = container.wait();
    ended.assert_code(105);
    assert!(ended.stdout.contains("ws_msgs_sent"), "the summary is written: {}", ended.describe());
}

#[test]
fn its_health_check_knows_a_running_agent_from_none() {
    let (image, network, elsewhere) = (Image::build(), Network::new(), Network::new());
    let check = image.words("/Healthcheck/Test")[1..].to_vec();
    let mut container = echoed(&image, &network, &["--scale", "0.01"]);
    container.page((ADDRESS, PORT).into(), "/readyz");
    container.exec(&check).assert_code(0);
    let mut other = Container::start(&image, &elsewhere, &["echo"], &[]);
    other.pid();
    let ended = other.exec(&check);
    ended.assert_code(1);
    assert!(ended.stderr.contains("http://127.0.0.1:6464/readyz"), "{}", ended.describe());
}

#[test]
fn its_root_cannot_be_written() {
    let (image, network) = (Image::build(), Network::new());
    let ended = echoed(&image, &network, &["--scale", "0.01", "--summary-export", "/summary.json"]).wait();
    ended.assert_code(104);
    assert!(ended.stderr.contains("Read-only file system"), "{}", ended.describe());
}

#[test]
fn names_are_found_by_the_files_that_a_pod_is_given() {
    let (image, network, files) = (Image::build(), Network::new(), Scratch::new());
    let names = network.inside(|| NameServer::start_at(([127, 0, 0, 1], 53).into()));
    names.name("target.load.svc.cluster.test", &[&ADDRESS.to_string()], 60);
    // As the kubelet writes it.
    let resolver = "search load.svc.cluster.test svc.cluster.test\nnameserver 127.0.0.1\noptions ndots:5\n";
    let profile = files.write(
        "profile.yaml",
        "vus: 1
iterations: 3
flow: [{ http: 'http://target:6464/livez' }, { http: 'http://by-file.test:6464/livez' }]
thresholds: { http_req_failed: ['rate==0'], http_reqs: ['count==6'] }
",
    );
    let (resolver, hosts) =
        (files.write("resolv.conf", resolver), files.write("hosts", &format!("{ADDRESS} by-file.test\n")));
    let mounts = [(profile.as_path(), "/profile.yaml"), (&resolver, "/etc/resolv.conf"), (&hosts, "/etc/hosts")];
    let ended =
        Container::start(&image, &network, &["run", "/profile.yaml", "--linger", "0", "--on-invalid", "warn"], &mounts)
            .wait();
    ended.assert_code(0);
    assert_eq!(names.asked_v4("by-file.test"), 0);
    assert!(names.asked_v4("target.load.svc.cluster.test") > 0);
}

/// The seed's ramp against the embedded target, as shipped but for its limits of time: an unoptimised binary on a
/// machine that runs other tests is not judged on its speed.
fn echoed<'a>(image: &Image, network: &'a Network, options: &[&str]) -> Container<'a> {
    let shipped = std::fs::read_to_string(repository().join("config/quantum-ws.yaml")).expect("the seed's profile");
    assert_eq!(shipped.matches("p(99)<200").count(), 2, "{shipped}");
    let profile = image.place("profile.yaml", &shipped.replace("p(99)<200", "p(99)<20000"));
    let arguments = [&["run", "/profile.yaml", "--echo"], options].concat();
    Container::start(image, network, &arguments, &[(&profile, "/profile.yaml")])
}
