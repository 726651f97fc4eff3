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
#[expect(dead_code, reason = "shared with the tests of main.rs, which use all of it")]
mod support;

use serde_json::json;

use crate::{
    built::{Image, REVISION},
    container::{ADDRESS, Container},
    support::{exposition::Page, repository},
};

const PORT: u16 = 6464;

/// The seed's profile and where it is mounted.
fn seed() -> (std::path::PathBuf, &'static str) {
    (repository().join("config/quantum-ws.yaml"), "/profile.yaml")
}

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
fn a_shipped_profile_runs_to_its_end_without_a_right_and_is_scraped_meanwhile() {
    let image = Image::build();
    let (profile, place) = seed();
    let arguments =
        ["run", place, "--echo", "--scale", "0.1", "--speed", "15", "--linger", "0", "--on-invalid", "warn"];
    let mut container = Container::start(&image, &arguments, &[(&profile, place)]);
    container.add_address();
    let page = container.page((ADDRESS.parse::<std::net::IpAddr>().expect("an address"), PORT).into(), "/metrics");
    Page::parse(&page).sum("rampd_build_info", &[]);
    assert_eq!(container.status("Uid"), "65532\t65532\t65532\t65532");
    assert_eq!(container.status("Gid"), "65532\t65532\t65532\t65532");
    assert_eq!(container.status("CapEff").trim_start_matches('0'), "");
    assert_eq!(container.status("NoNewPrivs"), "1");
    let ended = container.wait();
    ended.assert_code(0);
    assert!(ended.stdout.contains("ws_msgs_sent"), "{}", ended.describe());
}

#[test]
fn the_stop_signal_ends_it_with_105_although_it_is_process_1() {
    let image = Image::build();
    let (profile, place) = seed();
    let mut container = Container::start(&image, &["run", place, "--echo", "--scale", "0.01"], &[(&profile, place)]);
    container.page(([127, 0, 0, 1], PORT).into(), "/readyz");
    assert_eq!(container.status("NSpid").split_whitespace().last(), Some("1"));
    container.signal(image.config("StopSignal").as_str().expect("a name"));
    let ended = container.wait();
    ended.assert_code(105);
    assert!(ended.stdout.contains("ws_msgs_sent"), "the summary is written: {}", ended.describe());
}

#[test]
fn its_health_check_knows_a_running_agent_from_none() {
    let image = Image::build();
    let (profile, place) = seed();
    let check = image.words("/Healthcheck/Test")[1..].to_vec();
    let mut container = Container::start(&image, &["run", place, "--echo", "--scale", "0.01"], &[(&profile, place)]);
    container.page(([127, 0, 0, 1], PORT).into(), "/readyz");
    container.exec(&check).assert_code(0);
    let mut other = Container::start(&image, &["echo"], &[]);
    other.pid();
    let ended = other.exec(&check);
    ended.assert_code(1);
    assert!(ended.stderr.contains("http://127.0.0.1:6464/readyz"), "{}", ended.describe());
}

#[test]
fn nothing_can_be_written_but_into_what_is_mounted() {
    let image = Image::build();
    let (profile, place) = seed();
    let arguments = ["run", place, "--echo", "--scale", "0.01", "--summary-export", "/summary.json"];
    let ended = Container::start(&image, &arguments, &[(&profile, place)]).wait();
    assert_ne!(ended.code(), 0, "{}", ended.describe());
    assert!(ended.stderr.contains("Read-only file system"), "{}", ended.describe());
}
