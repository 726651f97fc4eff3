//! Servers that are not ours; `tests/servers/README.md` has their modes and counters.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{namespaces::Namespace, poll, process::Process, repository};

/// Which library serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// PyPI `websockets`.
    PyPiWebsockets,
    /// npm `ws`.
    NpmWs,
}

/// Both of them.
pub(crate) const LIBRARIES: [Library; 2] = [Library::PyPiWebsockets, Library::NpmWs];

/// A running server; killed on drop.
#[derive(Debug)]
pub(crate) struct Target {
    process: Process,
    port: u16,
}

/// What a server counted by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) opened: u64,
    pub(crate) rejected: u64,
    pub(crate) closed: u64,
    pub(crate) max_open: u64,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) binary_in: u64,
    pub(crate) pings_in: u64,
    pub(crate) pongs_in: u64,
    pub(crate) pings_out: u64,
    /// Connections by the code of the close frame received, `none` without one.
    pub(crate) close_codes: BTreeMap<String, u64>,
}

impl Target {
    /// A server that echoes.
    pub(crate) fn echo(library: Library) -> Self {
        Self::start(library, &["--mode", "echo"])
    }

    /// A server with options of `tests/servers/README.md`.
    pub(crate) fn start(library: Library, options: &[&str]) -> Self {
        let mut command = command(library);
        command.args(options);
        Self::serve(&format!("{library:?}"), command)
    }

    /// PyPI `websockets` at every address of a namespace.
    pub(crate) fn within(namespace: &Namespace, options: &[&str]) -> Self {
        let server = command(Library::PyPiWebsockets);
        let [program, arguments @ ..] = namespace.prefix();
        let mut command = Command::new(program);
        command.args(arguments).arg(server.get_program()).args(server.get_args());
        command.args(["--host", "0.0.0.0"]).args(options);
        Self::serve("the target in its namespace", command)
    }

    fn serve(name: &str, command: Command) -> Self {
        let mut process = Process::start(command);
        let port = poll(Duration::from_secs(20), || {
            assert!(!process.has_ended(), "{name} ended at once\n{}", process.describe());
            let line = process.stdout().lines().next().map(str::to_owned)?;
            Some(serde_json::from_str::<Value>(&line).ok()?["port"].as_u64()? as u16)
        });
        let port = port.unwrap_or_else(|| panic!("{name} has not said its port\n{}", process.describe()));
        Self { process, port }
    }

    /// `tests/servers/values_target.py`.
    pub(crate) fn values() -> Self {
        Self::script("values_target.py")
    }

    /// `tests/servers/cookbook_target.py`.
    pub(crate) fn cookbook() -> Self {
        Self::script("cookbook_target.py")
    }

    fn script(name: &str) -> Self {
        require(&python());
        let mut command = Command::new(python());
        command.arg(repository().join("tests/servers").join(name));
        Self::serve(name, command)
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops or resumes all its threads: the kernel goes on accepting and acknowledging for it.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port)
    }

    /// Its address over TLS, by the name of its certificate.
    pub(crate) fn encrypted_url(&self) -> String {
        format!("wss://localhost:{}/ws", self.port)
    }

    /// Ends it and reads what it printed.
    pub(crate) fn stop_with_counters(self) -> Value {
        self.process.signal(Signal::SIGTERM);
        let ended = self.process.wait(Duration::from_secs(10));
        let line = ended.stdout.lines().nth(1).unwrap_or_else(|| panic!("no counters\n{}", ended.describe()));
        serde_json::from_str(line).expect("counters are JSON")
    }

    /// Ends it and reads its counters.
    pub(crate) fn stop(self) -> Counters {
        let counters = self.stop_with_counters();
        let number = |key: &str| counters[key].as_u64().unwrap_or_else(|| panic!("no {key} in {counters}"));
        Counters {
            opened: number("opened"),
            rejected: number("rejected"),
            closed: number("closed"),
            max_open: number("max_open"),
            messages_in: number("messages_in"),
            messages_out: number("messages_out"),
            binary_in: number("binary_in"),
            pings_in: number("pings_in"),
            pongs_in: number("pongs_in"),
            pings_out: number("pings_out"),
            close_codes: serde_json::from_value(counters["close_codes"].clone()).expect("codes are counted"),
        }
    }
}

/// `observed_echo.py`; killed on drop.
#[derive(Debug)]
pub(crate) struct ObservedTarget {
    process: Process,
    port: u16,
    metrics_port: u16,
}

impl ObservedTarget {
    /// On free ports, with options of `tests/servers/README.md`.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = Command::new(python());
        require(&python());
        command.arg(repository().join("tests/servers/observed_echo.py")).args(options);
        let mut process = Process::start(command);
        let first = first_line(&mut process);
        let port = |key: &str| first[key].as_u64().expect("a port") as u16;
        Self { port: port("port"), metrics_port: port("metrics_port"), process }
    }

    /// Ends it, and starts another one on the same ports.
    pub(crate) fn restart(self) -> Self {
        let (port, metrics_port) = (self.port.to_string(), self.metrics_port.to_string());
        self.stop();
        Self::start(&["--port", &port, "--metrics-port", &metrics_port])
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port)
    }

    pub(crate) fn metrics(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    /// Ends it; connections that it opened.
    pub(crate) fn stop(self) -> u64 {
        self.process.signal(Signal::SIGTERM);
        let ended = self.process.wait(Duration::from_secs(10));
        let line = ended.stdout.lines().nth(1).unwrap_or_else(|| panic!("no counters\n{}", ended.describe()));
        serde_json::from_str::<Value>(line).expect("JSON")["opened"].as_u64().expect("a count")
    }
}

/// `prom_client.mjs`; killed on drop.
#[derive(Debug)]
pub(crate) struct PromClient {
    _process: Process,
    port: u16,
}

impl PromClient {
    pub(crate) fn start() -> Self {
        let servers = repository().join("tests/servers");
        require(&servers.join("node_modules/prom-client/package.json"));
        let mut command = Command::new("node");
        command.arg(servers.join("prom_client.mjs"));
        let mut process = Process::start(command);
        let port = first_line(&mut process)["port"].as_u64().expect("a port") as u16;
        Self { _process: process, port }
    }

    pub(crate) fn metrics(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.port)
    }
}

/// What a server says once it listens.
fn first_line(process: &mut Process) -> Value {
    let found = poll(Duration::from_secs(20), || {
        assert!(!process.has_ended(), "it ended at once\n{}", process.describe());
        let line = process.stdout().split_once('\n').map(|(line, _)| line.to_owned())?;
        Some(serde_json::from_str::<Value>(&line).expect("JSON"))
    });
    found.unwrap_or_else(|| panic!("it has not said its port\n{}", process.describe()))
}

fn command(library: Library) -> Command {
    let servers = repository().join("tests/servers");
    let (mut command, script, needed) = match library {
        Library::PyPiWebsockets => (Command::new(python()), "websockets_echo.py", python()),
        Library::NpmWs => (Command::new("node"), "ws_echo.mjs", servers.join("node_modules/ws/package.json")),
    };
    require(&needed);
    command.arg(servers.join(script));
    command
}

/// The Python interpreter with the packages of `tests/servers/requirements.txt`.
pub(crate) fn python() -> std::path::PathBuf {
    repository().join(".venv/bin/python")
}

/// The library of `faketime`, for programs with threads.
pub(crate) fn fake_time() -> std::path::PathBuf {
    tool("libfaketimeMT.so.1")
}

/// `promtool` or `prometheus`, as `make deps` has put them there.
pub(crate) fn tool(name: &str) -> std::path::PathBuf {
    let path = repository().join(".tools/bin").join(name);
    require(&path);
    path
}

/// Fails unless the npm package is installed there.
pub(crate) fn node_package(directory: &Path, name: &str) {
    require(&directory.join("node_modules").join(name).join("package.json"));
}

/// Fails with the remedy when a tool of `make deps` is missing.
fn require(path: &Path) {
    assert!(path.exists(), "{} is missing: run `make deps`, or `make test` for everything", path.display());
}
