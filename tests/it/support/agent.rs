//! The agent's binary, started with a directory of its own.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{
    exposition::Page,
    http::{self, Response},
    poll,
    process::{Ended, Process},
};

/// Longest run of any test.
const LONGEST: Duration = Duration::from_secs(60);

/// The binary of this build.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rampd"))
}

/// A command line of `rampd` that is being put together.
#[derive(Debug)]
pub(crate) struct AgentCommand {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    file_limit: Option<u64>,
    /// A command that runs ours: `taskset`, `nice`.
    wrapper: Vec<String>,
}

/// Any command: `rampd(["check", …])`.
pub(crate) fn rampd<const N: usize>(arguments: [&str; N]) -> AgentCommand {
    AgentCommand {
        arguments: arguments.map(str::to_owned).into(),
        environment: Vec::new(),
        file_limit: None,
        wrapper: Vec::new(),
    }
}

/// `rampd run` on a free port, without waiting for scrapers at the end.
pub(crate) fn run(profile: &Path) -> AgentCommand {
    run_lingering(profile).args(["--linger", "0"])
}

/// `rampd run` on a free port that waits for scrapers at the end as it does by default. The machine
/// runs many tests at once, so that an invalid run is not what these are about.
pub(crate) fn run_lingering(profile: &Path) -> AgentCommand {
    rampd(["run"]).arg(profile).args(["--listen", "127.0.0.1:0", "--on-invalid", "warn"])
}

/// `rampd run` on a free port that ends with 96 when it was the limit itself.
pub(crate) fn run_judging_itself(profile: &Path) -> AgentCommand {
    rampd(["run"]).arg(profile).args(["--listen", "127.0.0.1:0", "--linger", "0"])
}

impl AgentCommand {
    pub(crate) fn arg(mut self, argument: impl AsRef<Path>) -> Self {
        self.arguments.push(argument.as_ref().to_str().expect("UTF-8").to_owned());
        self
    }

    pub(crate) fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }

    /// Puts `new` where `old` is an argument.
    pub(crate) fn replacing(mut self, old: &str, new: &str) -> Self {
        let found = self.arguments.iter_mut().find(|argument| *argument == old);
        new.clone_into(found.expect("it is there"));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Soft and hard limit of open files.
    pub(crate) fn file_limit(mut self, files: u64) -> Self {
        self.file_limit = Some(files);
        self
    }

    /// Lets another command start it.
    pub(crate) fn under<'w>(mut self, wrapper: impl IntoIterator<Item = &'w str>) -> Self {
        self.wrapper = wrapper.into_iter().map(str::to_owned).collect();
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Agent {
        let mut command = match (self.file_limit, self.wrapper.split_first()) {
            (None, None) => Command::new(binary()),
            (None, Some((program, options))) => {
                let mut wrapper = Command::new(program);
                wrapper.args(options).arg(binary());
                wrapper
            }
            (Some(files), _) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"]).arg(binary());
                shell
            }
        };
        // The caller's RUST_LOG or RAMPD_* must not change what a test sees.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("RAMPD_") || name == "RUST_LOG") {
                command.env_remove(name);
            }
        }
        command.args(self.arguments).envs(self.environment);
        Agent { process: Process::start(command) }
    }

    /// Starts it and waits for its end.
    pub(crate) fn finish(self) -> Ended {
        self.start().wait()
    }
}

/// A running agent; killed on drop.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Process,
}

impl Agent {
    /// Where it listens, by the first address in its log.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let found = poll(Duration::from_secs(20), || {
            let found = address_in(&self.process.stderr());
            assert!(found.is_some() || !self.process.has_ended(), "it ended early\n{}", self.process.describe());
            found
        });
        found.unwrap_or_else(|| panic!("it has not said where it listens\n{}", self.process.describe()))
    }

    /// GET on its listener.
    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Response> {
        http::get(self.address(), path, headers)
    }

    /// `/metrics` now.
    pub(crate) fn scrape(&mut self) -> Page {
        let response = self.get("/metrics", &[]);
        let response = response.unwrap_or_else(|error| panic!("/metrics: {error}\n{}", self.process.describe()));
        assert_eq!(response.status, 200, "{}", response.body);
        Page::parse(&response.body)
    }

    /// Scrapes until `wanted` holds, for at most 30 s.
    pub(crate) fn scrape_until(&mut self, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
        let found = poll(Duration::from_secs(30), || {
            // Where the machine is busy, a run is prepared for longer than it takes to ask.
            if self.get("/metrics", &[]).is_ok_and(|response| response.status == 503) {
                return None;
            }
            let page = self.scrape();
            wanted(&page).then_some(page)
        });
        found.unwrap_or_else(|| panic!("never saw: {what}\n{}", self.process.describe()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until its log has `text`, for at most 30 s.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let found = poll(Duration::from_secs(30), || {
            let found = self.process.stderr().contains(text);
            assert!(found || !self.process.has_ended(), "it ended without {text:?}\n{}", self.process.describe());
            found.then_some(())
        });
        assert!(found.is_some(), "it has not said {text:?}\n{}", self.process.describe());
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Waits for its end, as long as any test may take.
    pub(crate) fn wait(self) -> Ended {
        self.wait_at_most(LONGEST)
    }

    pub(crate) fn wait_at_most(self, limit: Duration) -> Ended {
        self.process.wait(limit)
    }
}

fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("http://").or_else(|| log.split_once("ws://"))?;
    let end = rest.find(|character: char| !character.is_ascii_digit() && !".:[]".contains(character))?;
    rest[..end].parse().ok()
}

#[test]
fn the_address_is_found_once_its_line_is_complete() {
    assert_eq!(address_in("INFO listening on http://127.0.0.1:6464"), None);
    let line = "INFO listening address=http://127.0.0.1:6464/metrics\n";
    assert_eq!(address_in(line), Some("127.0.0.1:6464".parse().expect("an address")));
    assert_eq!(address_in("target_url=ws://[::1]:80\n"), Some("[::1]:80".parse().expect("an address")));
}
