//! What the Debian package is made of, without building it. `make deb-test` builds, installs and boots it.

use std::process::Command;

use serde_json::Value;

use crate::support::{
    agent::{binary, rampd},
    repository,
    scratch::Scratch,
};

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Standard output and standard error of systemd-analyze, and whether it was content.
fn analyze(arguments: &[&str], unit: &std::path::Path) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .output()
        .unwrap_or_else(|error| panic!("systemd-analyze: {error}; scripts/install-test-tools"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8"))
}

/// The unit with the program of this build, as it must be there to be verified.
fn unit(scratch: &Scratch) -> std::path::PathBuf {
    let text = read("packaging/systemd/rampd.service");
    assert!(text.contains("ExecStart=/usr/bin/rampd serve /etc/rampd/rampd.yaml\n"), "{text}");
    scratch.write("rampd.service", &text.replace("/usr/bin/rampd", binary().to_str().expect("UTF-8")))
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let scratch = Scratch::new();
    let (sound, told) = analyze(&["verify", "--man=no"], &unit(&scratch));
    assert!(sound && told.is_empty(), "{told}");
    let broken = read("packaging/systemd/rampd.service").replace("ProtectSystem=strict", "ProtectSystem=strictly");
    let (_, told) = analyze(&["verify", "--man=no"], &scratch.write("broken.service", &broken));
    assert!(told.contains("protect system"), "this test would find it: {told}");
}

#[test]
fn the_unit_is_as_confined_as_its_documentation_says() {
    let docs = read("docs/install.md");
    let (_, after) = docs.split_once("exposure level of **").expect("docs/install.md gives the level");
    let documented: f64 = after.split("**").next().expect("a figure").parse().expect("a number");
    let scratch = Scratch::new();
    // The threshold counts tenths; above it, systemd-analyze does not end well.
    let threshold = format!("--threshold={:.0}", documented * 10.0);
    let (within, told) = analyze(&["security", "--offline=yes", "--no-pager", &threshold], &unit(&scratch));
    assert!(within, "more than {documented}:\n{told}");
    let (within, told) = analyze(&["security", "--offline=yes", "--no-pager", "--threshold=5"], &unit(&scratch));
    assert!(!within, "this test would find it: {told}");
}

/// `package.metadata.deb` as cargo reads it.
fn metadata() -> (String, Value) {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository().join("Cargo.toml"))
        .output()
        .expect("cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let package = &metadata["packages"][0];
    (package["version"].as_str().expect("a version").to_owned(), package["metadata"]["deb"].clone())
}

#[test]
fn every_file_that_is_packaged_is_there_or_made() {
    let (_, deb) = metadata();
    let script = read("scripts/deb");
    let sources: Vec<_> =
        deb["assets"].as_array().expect("assets").iter().map(|asset| asset[0].as_str().expect("a path")).collect();
    assert!(sources.contains(&"packaging/rampd.yaml"), "{sources:?}");
    for source in sources {
        if source == "target/release/rampd" {
            continue;
        }
        let path = std::path::Path::new(source);
        let (folder, name) =
            (path.parent().expect("a folder"), path.file_name().expect("a name").to_str().expect("UTF-8"));
        if let Some(made) = source.strip_prefix("target/packaging/") {
            // Pages are made all at once.
            let what = made.strip_suffix("/*.1").unwrap_or(made);
            assert!(script.contains(&format!("$made/{what}\"")), "scripts/deb does not make {source}");
        } else if let Some(end) = name.strip_prefix('*') {
            let names = std::fs::read_dir(repository().join(folder)).expect("a folder").filter_map(Result::ok);
            assert!(
                names.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.ends_with(end)),
                "{source}"
            );
        } else {
            assert!(repository().join(path).is_file(), "{source}");
        }
    }
    for key in ["changelog", "extended-description-file"] {
        assert!(repository().join(deb[key].as_str().expect("a path")).is_file(), "{key}");
    }
}

#[test]
fn the_package_has_the_version_of_the_crate() {
    let (version, deb) = metadata();
    let changelog = read("packaging/debian/changelog");
    assert!(
        changelog.starts_with(&format!("rampd ({version}-1) ")),
        "the first entry is of another version:\n{changelog}"
    );
    let maintainer = deb["maintainer"].as_str().expect("a maintainer");
    assert!(changelog.contains(&format!("\n -- {maintainer}  ")), "{changelog}");
}

#[test]
fn the_service_has_a_profile_to_be_tried_with() {
    let profile = repository().join("packaging/smoke.yaml");
    let checked = rampd(["check"]).arg(&profile).finish();
    checked.assert_code(0);
    let configuration: Value = serde_yaml::from_str(&read("packaging/rampd.yaml")).expect("YAML");
    assert_eq!(configuration["profiles"]["smoke"]["file"], "smoke.yaml");
    // It asks the service itself, and nobody else.
    let listen = configuration["listen"].as_str().expect("an address");
    assert!(read("packaging/smoke.yaml").contains(&format!("http://{listen}/livez")), "{listen}");
    assert!(listen.starts_with("127.0.0.1:"), "{listen}");
}
