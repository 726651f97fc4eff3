//! The image, built by buildah from this Dockerfile around a static binary of this code, and unpacked as a runtime does.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::support::{process::Process, repository, scratch::Scratch};

/// Longest time of one command; buildah's take a second each.
const LIMIT: Duration = Duration::from_secs(120);
/// What the label must say.
pub(crate) const REVISION: &str = "0123456789ab";

/// An image as a registry would get it.
#[derive(Debug)]
pub(crate) struct Image {
    /// What a runtime obeys: `User`, `Entrypoint` and so on.
    config: Value,
    directory: Scratch,
}

impl Image {
    /// `--target prebuilt` around the static binary that `make image-test` has just compiled.
    pub(crate) fn build() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "containers are started here: run `make image-test`, which takes root"
        );
        let directory = Scratch::new();
        let (context, pushed, rootfs) = (directory.path("context"), directory.path("pushed"), directory.path("rootfs"));
        for made in [&context, &rootfs] {
            std::fs::create_dir(made).expect("write into the temporary directory");
        }
        let binary = static_binary();
        std::fs::copy(&binary, context.join("rampd"))
            .unwrap_or_else(|error| panic!("{}: {error}; run `make image-test`", binary.display()));
        let mut build = buildah(&directory);
        build.args([
            "bud",
            "--isolation",
            "chroot",
            "--format",
            "docker",
            "--target",
            "prebuilt",
            "--tag",
            "rampd:test",
        ]);
        build.args(["--build-arg", &format!("REVISION={REVISION}"), "--file"]);
        succeeds(build.arg(repository().join("Dockerfile")).arg(&context));
        succeeds(buildah(&directory).args(["push", "rampd:test", &format!("dir:{}", pushed.display())]));
        let manifest = json(&pushed.join("manifest.json"));
        for layer in manifest["layers"].as_array().expect("a list of layers") {
            succeeds(Command::new("tar").arg("-xzf").arg(blob(&pushed, layer)).arg("-C").arg(&rootfs));
        }
        let config = json(&blob(&pushed, &manifest["config"]))["config"].take();
        Self { config, directory }
    }

    /// A value of the configuration.
    pub(crate) fn config(&self, key: &str) -> &Value {
        &self.config[key]
    }

    /// Strings of a list in the configuration.
    pub(crate) fn words(&self, pointer: &str) -> Vec<String> {
        let list = self.config.pointer(pointer).and_then(Value::as_array);
        let list = list.unwrap_or_else(|| panic!("no list at {pointer} in {:#}", self.config));
        list.iter().map(|word| word.as_str().expect("a string").to_owned()).collect()
    }

    /// A file beside it, there as long as it is; to be mounted.
    pub(crate) fn place(&self, name: &str, content: &str) -> PathBuf {
        self.directory.write(name, content)
    }

    /// Its layers, one over the other.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.directory.path("rootfs")
    }
}

/// A storage of its own: nothing of it stays, and tests do not wait for each other.
fn buildah(directory: &Scratch) -> Command {
    let mut command = Command::new("buildah");
    command.args(["--storage-driver", "vfs", "--root"]).arg(directory.path("storage"));
    command.arg("--runroot").arg(directory.path("storage-run"));
    command
}

/// Runs a command to its end, which is to be a good one.
pub(crate) fn succeeds(command: &mut Command) -> String {
    let mut owned = Command::new(command.get_program());
    owned.args(command.get_args());
    let shown = format!("{command:?}");
    let ended = Process::start(owned).wait(LIMIT);
    assert!(
        ended.status.success(),
        "{shown}: {}; `make deps` installs what is needed\n{}",
        ended.status,
        ended.describe()
    );
    ended.stdout
}

fn static_binary() -> PathBuf {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    repository().join("target").join(target).join("debug/rampd")
}

fn blob(pushed: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:"));
    pushed.join(digest.unwrap_or_else(|| panic!("no digest in {descriptor:#}")))
}

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
