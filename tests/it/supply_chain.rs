//! What rampd is made from and by: dependencies, their licences and versions, workflows. `make deny` asks for advisories too.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::repository;

fn read(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

/// Files of a folder of the repository, by path within it.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let files = entries.map(|entry| Path::new(folder).join(entry.expect("readable").file_name()));
    files.filter(|path| repository().join(path).is_file()).collect()
}

fn workflows() -> Vec<(PathBuf, String)> {
    let workflows: Vec<_> = files(".github/workflows").into_iter().map(|path| (path.clone(), read(path))).collect();
    assert!(workflows.len() >= 3, "{workflows:?}");
    workflows
}

/// Packages that are linked into rampd or compile it, and those of the tests.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository().join("Cargo.toml"))
        .output()
        .expect("cargo");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").clone();
    assert!(packages.len() > 100, "{}", packages.len());
    packages
}

fn name(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("name"), text("version"))
}

fn version(text: &str) -> Vec<u64> {
    let mut numbers: Vec<_> = text.split('.').map(|number| number.parse().expect("a number")).collect();
    numbers.resize(3, 0);
    numbers
}

/// Why an action is not pinned.
fn unpinned(line: &str) -> Option<String> {
    let (_, used) = line.split_once("uses:")?;
    let used = used.trim();
    if used.starts_with("./") {
        return None;
    }
    let (action, after) = used.split_once('@').unwrap_or((used, ""));
    let (commit, comment) = after.split_once(" # v").unwrap_or((after, ""));
    let is_commit = commit.len() == 40 && commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_version = comment.split('.').count() == 3 && comment.split('.').all(|number| number.parse::<u32>().is_ok());
    (!is_commit || !is_version).then(|| format!("{action}: a whole commit and `# vN.N.N` are wanted, not `{after}`"))
}

#[test]
fn actions_are_pinned_to_commits() {
    let mut actions = BTreeSet::new();
    for (path, text) in workflows() {
        for line in text.lines().filter(|line| line.trim_start().trim_start_matches("- ").starts_with("uses:")) {
            assert_eq!(unpinned(line), None, "{}", path.display());
            actions.insert(line.split_once("uses:").expect("it is there").1.trim().to_owned());
        }
    }
    let names: BTreeSet<_> = actions.iter().map(|used| used.split('@').next()).collect();
    assert_eq!(names.len(), actions.len(), "an action in two versions: {actions:#?}");
    for bad in ["uses: actions/checkout@v7", "uses: actions/checkout@3d3c42e # v7.0.1", "uses: actions/checkout"] {
        assert!(unpinned(bad).is_some(), "{bad}");
    }
}

#[test]
fn workflows_may_read_and_one_job_may_write() {
    let mut writers = Vec::new();
    for (path, text) in workflows() {
        let workflow = yaml(&text);
        assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }), "{}", path.display());
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            if job.get("uses").is_none() {
                assert!(job["timeout-minutes"].is_u64(), "{}: {name} has no timeout-minutes", path.display());
            }
            if job.get("permissions").is_some() {
                writers.push(name.clone());
                // What writes builds nothing: no code of ours or of a dependency has its token.
                let steps = job["steps"].to_string();
                assert!(!steps.contains("checkout") && !steps.contains("cargo") && !steps.contains("make "), "{name}");
            }
        }
        assert!(!text.contains("pull_request_target"), "{}: it has secrets beside a stranger's code", path.display());
        let checkouts = text.matches("actions/checkout@").count();
        assert_eq!(text.matches("persist-credentials: false").count(), checkouts, "{}", path.display());
    }
    assert_eq!(writers, ["publish"]);
}

#[test]
fn actionlint_finds_nothing() {
    let actionlint = repository().join(".tools/bin/actionlint");
    let run = |arguments: &[&str], text: Option<&str>| {
        let mut command = Command::new(&actionlint);
        // Which shellcheck there is would decide otherwise; `make lint` runs that.
        command.args(["-no-color", "-shellcheck=", "-pyflakes="]).args(arguments).current_dir(repository());
        let scratch = crate::support::scratch::Scratch::new();
        if let Some(text) = text {
            command.arg(scratch.write("workflow.yml", text));
        }
        let output = command.output().unwrap_or_else(|error| panic!("actionlint: {error}; scripts/install-test-tools"));
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let paths: Vec<_> = workflows().into_iter().map(|(path, _)| path.to_str().expect("UTF-8").to_owned()).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let (sound, told) = run(&paths, None);
    assert!(sound, "{told}");
    let broken = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    needs: b\n    steps: [{ run: 'true' }]\n";
    let (sound, told) = run(&[], Some(broken));
    assert!(!sound && told.contains("does not exist"), "this test would find it: {told}");
}

#[test]
fn every_licence_is_allowed() {
    let deny = read("deny.toml");
    let (_, list) = deny.split_once("allow = [").expect("a list");
    let (list, _) = list.split_once("\n]").expect("its end");
    let allowed: Vec<_> = list.split('"').skip(1).step_by(2).collect();
    assert!(allowed.contains(&"Apache-2.0") && !allowed.contains(&"GPL-3.0-only"), "{allowed:?}");
    let is_allowed = |licence: &str| {
        let licence = licence.replace('/', " OR ");
        let expression = spdx::Expression::parse(&licence).unwrap_or_else(|error| panic!("{licence}: {error}"));
        expression.evaluate(|one| allowed.contains(&one.to_string().as_str()))
    };
    for package in packages() {
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{} has no licence", name(&package)));
        assert!(is_allowed(licence), "{}: {licence} is not in deny.toml", name(&package));
    }
    for (licence, expected) in [
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT/Apache-2.0", true),
    ] {
        assert_eq!(is_allowed(licence), expected, "{licence}");
    }
}

#[test]
fn every_dependency_is_from_the_registry_and_has_a_checksum() {
    let lock = read("Cargo.lock");
    let packages: Vec<_> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100, "{}", packages.len());
    for package in packages {
        let is_ours = package.contains("\nname = \"rampd\"\n");
        let from_registry = package.contains("\nsource = \"registry+") && package.contains("\nchecksum = \"");
        assert!(is_ours != from_registry, "{package}");
    }
}

#[test]
fn the_oldest_rust_is_the_same_everywhere_and_enough_for_every_dependency() {
    let packages = packages();
    let ours = packages.iter().find(|package| package["name"] == "rampd").expect("rampd");
    let ours = ours["rust_version"].as_str().expect("rust-version").to_owned();
    for package in &packages {
        if let Some(wanted) = package["rust_version"].as_str() {
            assert!(version(wanted) <= version(&ours), "{} wants Rust {wanted}, rust-version is {ours}", name(package));
        }
    }
    assert!(
        read("Dockerfile").contains(&format!("\nARG RUST_VERSION={ours}\n")),
        "the image is built with Rust {ours}"
    );
    assert!(read("docs/install.md").contains(&format!("Rust {ours} or newer")), "docs/install.md says {ours}");
    let ci = yaml(&read(".github/workflows/ci.yml"));
    assert!(ci["jobs"]["oldest-rust"]["steps"].to_string().contains("make oldest-rust"), "CI compiles with it");
    assert!(read("scripts/oldest-rust").contains("^rust-version ="), "and takes it from the manifest");
}

/// Commands of cargo that resolve dependencies, without `--locked`.
fn unlocked(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let commands = lines.flat_map(|line| line.split("&&").map(str::trim));
    let resolving = ["build", "test", "run", "clippy", "doc", "check", "install", "bench", "deb"];
    commands
        .filter(|command| {
            let words: Vec<_> = command.split_whitespace().collect();
            let at = words.iter().position(|word| word.trim_start_matches('@') == "cargo" || word.ends_with("cargo}"));
            at.and_then(|at| words.get(at + 1)).is_some_and(|subcommand| resolving.contains(subcommand))
        })
        .filter(|command| !command.contains("--locked") && !command.contains("--version"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn whatever_builds_takes_the_locked_versions() {
    let mut paths = files("scripts");
    paths.extend(files(".github/workflows"));
    paths.extend(["Makefile", "Dockerfile", ".ci/run"].map(PathBuf::from));
    for path in paths {
        assert_eq!(unlocked(&read(&path)), Vec::<String>::new(), "{}", path.display());
    }
    assert_eq!(unlocked("a && cargo build \\\n  --release"), ["cargo build    --release"]);
    assert_eq!(unlocked("\tcargo run --release --locked -- demo"), Vec::<String>::new());
}

#[test]
fn the_threat_model_points_at_what_is_there() {
    let text = read("SECURITY.md");
    let links: Vec<_> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 10, "{links:?}");
    for link in links.iter().filter(|link| !link.starts_with("http")) {
        assert!(repository().join(link.split('#').next().expect("a path")).exists(), "SECURITY.md: {link}");
    }
}
