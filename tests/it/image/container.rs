//! A container of the image, run by runc under what Kubernetes calls restricted: the image's user, a root that cannot be
//! written, no capability, no new privileges.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value, json};

use crate::{
    built::{Image, succeeds},
    network::Network,
    support::{
        http, poll,
        process::{Ended, Process},
        scratch::Scratch,
    },
};

const LIMIT: Duration = Duration::from_secs(120);

/// A running container; killed and removed on drop.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    network: &'a Network,
    process: Process,
    kept: Kept,
}

/// What runc keeps of a container.
#[derive(Debug)]
struct Kept {
    id: String,
    bundle: Scratch,
}

impl<'a> Container<'a> {
    /// Starts the image's entry point with `arguments`; `mounts` are files of ours and where they are in the container.
    pub(crate) fn start(image: &Image, network: &'a Network, arguments: &[&str], mounts: &[(&Path, &str)]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // It names a control group of the whole machine.
        let id = format!("rampd-test-{}-{number}", std::process::id());
        let kept = Kept { id, bundle: Scratch::new() };
        kept.bundle.write("config.json", &config(image, network, arguments, mounts).to_string());
        let mut command = kept.runc();
        command.arg("run").arg("--bundle").arg(kept.bundle.directory());
        command.arg("--pid-file").arg(kept.bundle.path("pid")).arg(&kept.id);
        Self { network, process: Process::start(command), kept }
    }

    /// Its first process, once there is one.
    pub(crate) fn pid(&mut self) -> u32 {
        let found = poll(LIMIT, || {
            assert!(!self.process.has_ended(), "it ended early\n{}", self.process.describe());
            std::fs::read_to_string(self.kept.bundle.path("pid")).ok()?.parse().ok()
        });
        found.unwrap_or_else(|| panic!("runc has started nothing\n{}", self.process.describe()))
    }

    /// A line of the kernel's `status` of its first process.
    pub(crate) fn status(&mut self, key: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {key} in\n{status}")).trim().to_owned()
    }

    /// GET of a page on its port, once somebody answers 200, from a process that shares its network and nothing else.
    pub(crate) fn page(&mut self, address: SocketAddr, path: &str) -> String {
        let found = poll(LIMIT, || {
            assert!(!self.process.has_ended(), "it ended early\n{}", self.process.describe());
            let answer = self.network.inside(|| http::get(address, path, &[])).ok()?;
            (answer.status == 200).then_some(answer.body)
        });
        found.unwrap_or_else(|| panic!("nobody answers at {address}\n{}", self.process.describe()))
    }

    /// Runs one more command in it, as health checks do.
    pub(crate) fn exec(&self, command: &[String]) -> Ended {
        let mut exec = self.kept.runc();
        exec.arg("exec").arg(&self.kept.id).args(command);
        Process::start(exec).wait(LIMIT)
    }

    /// Sends a signal, as a runtime that stops it does.
    pub(crate) fn signal(&self, name: &str) {
        succeeds(self.kept.runc().args(["kill", &self.kept.id, name]));
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> Ended {
        self.process.wait(LIMIT)
    }
}

impl Kept {
    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.bundle.path("state"));
        command
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // `--force`: it is no error that it has ended and runc has forgotten it.
        succeeds(self.runc().args(["delete", "--force", &self.id]));
    }
}

/// The runtime's configuration: the image's wishes, and the rules of the restricted Pod Security Standard.
fn config(image: &Image, network: &Network, arguments: &[&str], mounts: &[(&Path, &str)]) -> Value {
    let user = image.config("User").as_str().expect("a user");
    let (uid, gid) = user.split_once(':').expect("user and group");
    let number = |id: &str| -> u32 { id.parse().unwrap_or_else(|_| panic!("{id} is no number: {user}")) };
    let mut command = image.words("/Entrypoint");
    command.extend(arguments.iter().map(|&argument| argument.to_owned()));
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("every process has one");
    let mut all_mounts = vec![json!({ "destination": "/proc", "type": "proc", "source": "proc" })];
    all_mounts.extend(mounts.iter().map(
        |(ours, theirs)| json!({ "destination": theirs, "type": "bind", "source": ours, "options": ["bind", "ro"] }),
    ));
    let mut namespaces = ["pid", "ipc", "uts", "mount"].map(|kind| json!({ "type": kind })).to_vec();
    namespaces.push(json!({ "type": "network", "path": network.path() }));
    json!({
        "ociVersion": "1.0.0",
        "process": {
            "user": { "uid": number(uid), "gid": number(gid) },
            "args": command,
            "env": image.words("/Env"),
            "cwd": "/",
            "capabilities": {},
            "noNewPrivileges": true,
            // As containerd 2 starts pods: few files until the process asks for more.
            "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 1024.min(most), "hard": most }],
        },
        "root": { "path": image.rootfs(), "readonly": true },
        "hostname": "rampd-test",
        "mounts": all_mounts,
        "linux": { "namespaces": namespaces },
    })
}
