//! Real Prometheus servers that scrape agents.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::support::{http, poll, process::Process, target::tool};

/// Messages until the last moment, so that the final state differs from every earlier one.
pub(crate) const BUSY: &str = r#"
scenarios:
  busy:
    executor: constant-vus
    vus: 4
    duration: 4s
    gracefulStop: 0s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - repeat:
                times: 100000
                steps:
                  - send: { text: hello, reply: fifo }
                  - sleep: 20ms
"#;

/// Says that whoever runs the tests has no Go and knows that nothing is tried on Prometheus 3.
const WITHOUT_3: &str = "RAMPD_TESTS_WITHOUT_PROMETHEUS_3";

/// Which Prometheus, of those that `make deps` brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Debian's 2.42: keeps `le` as it is written, takes native histograms by a flag.
    Two,
    /// The newest, built from its Go module: `le` as a float, strict about `Content-Type`, native histograms by its
    /// configuration.
    Three,
}

impl Version {
    fn server(self) -> PathBuf {
        tool(match self {
            Self::Two => "prometheus",
            Self::Three => "prometheus3",
        })
    }

    /// Its promtool.
    pub(crate) fn promtool(self) -> PathBuf {
        tool(match self {
            Self::Two => "promtool",
            Self::Three => "promtool3",
        })
    }
}

/// Tries `body` with each version at the same time; fails if it fails with one.
pub(crate) fn on_each_version(body: impl Fn(Version) + Sync) {
    let versions =
        if std::env::var_os(WITHOUT_3).is_some() { &[Version::Two][..] } else { &[Version::Two, Version::Three] };
    std::thread::scope(|scope| {
        let body = &body;
        let running: Vec<_> = versions.iter().map(|version| (version, scope.spawn(move || body(*version)))).collect();
        let failed: Vec<_> =
            running.into_iter().filter_map(|(version, thread)| thread.join().is_err().then_some(version)).collect();
        assert!(failed.is_empty(), "failed with Prometheus {failed:?}, see above");
    });
}

/// How a server is set up; its rules are the files `*.rules.yaml` of its directory.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    version: Version,
    directory: &'a Path,
    interval: &'a str,
    native_histograms: bool,
    alertmanager: Option<u16>,
}

/// A running server; killed on drop.
#[derive(Debug)]
pub(crate) struct Prometheus {
    process: Process,
    port: u16,
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

impl<'a> Setup<'a> {
    /// Scrapes every `interval`.
    pub(crate) fn new(version: Version, directory: &'a Path, interval: &'a str) -> Self {
        Self { version, directory, interval, native_histograms: false, alertmanager: None }
    }

    /// Takes native histograms beside the classic ones.
    pub(crate) fn with_native_histograms(mut self) -> Self {
        self.native_histograms = true;
        self
    }

    /// Sends its alerts to this port.
    pub(crate) fn with_alertmanager(mut self, port: u16) -> Self {
        self.alertmanager = Some(port);
        self
    }

    fn configuration(&self, agents: &[u16]) -> String {
        let Self { interval, .. } = self;
        let native = if self.native_histograms && self.version == Version::Three {
            ", scrape_native_histograms: true"
        } else {
            ""
        };
        let alerting = self.alertmanager.map_or_else(String::new, |port| {
            format!("alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['127.0.0.1:{port}'] }}] }}] }}\n")
        });
        let targets: Vec<_> = agents.iter().map(|port| format!("'127.0.0.1:{port}'")).collect();
        format!(
            "global: {{ scrape_interval: {interval}, scrape_timeout: {interval}{native} }}\n\
             rule_files: ['*.rules.yaml']\n{alerting}\
             scrape_configs:\n  - job_name: rampd\n    static_configs: [{{ targets: [{}] }}]\n",
            targets.join(", ")
        )
    }

    /// Starts it and waits until it tries to scrape the `agents`, of which none is there yet.
    pub(crate) fn start(self, agents: &[u16]) -> Prometheus {
        let config = self.directory.join("prometheus.yml");
        std::fs::write(&config, self.configuration(agents)).expect("write into the temporary directory");
        let port = free_port();
        let mut command = Command::new(self.version.server());
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", self.directory.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        if self.native_histograms && self.version == Version::Two {
            command.arg("--enable-feature=native-histograms");
        }
        let server = Prometheus { process: Process::start(command), port };
        // A new target waits up to 5 s for its first scrape; nobody is there yet, so that one fails.
        let tried = poll(Duration::from_secs(30), || {
            let answer = http::get(([127, 0, 0, 1], port).into(), "/api/v1/targets", &[]).ok()?;
            (answer.body.matches("\"health\":\"down\"").count() == agents.len()).then_some(())
        });
        assert!(tried.is_some(), "Prometheus does not scrape\n{}", server.process.describe());
        // An alert that fires before Alertmanager is known is sent again a minute later.
        let known = poll(Duration::from_secs(30), || {
            let answer = http::get(([127, 0, 0, 1], port).into(), "/api/v1/alertmanagers", &[]).ok()?;
            (self.alertmanager.is_none() || answer.body.contains("/api/v2/alerts")).then_some(())
        });
        assert!(known.is_some(), "Prometheus does not know Alertmanager\n{}", server.process.describe());
        server
    }
}

impl Prometheus {
    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The answer to an instant query: labels and value of each series.
    pub(crate) fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let result = self.ask(query);
        let number = |series: &Value| series["value"][1].as_str().and_then(|value| value.parse().ok());
        result.iter().map(|series| (series["metric"].clone(), number(series).expect("a number"))).collect()
    }

    /// Seconds since 1970 of the last sample of `series`. Queries `@` it see what was there before the agent went away.
    pub(crate) fn last_scrape(&self, series: &str) -> Option<f64> {
        let result = self.ask(&format!("{series}[1h]"));
        let times = result.iter().filter_map(|series| series["values"].as_array()?.last()?[0].as_f64());
        times.reduce(f64::max)
    }

    fn ask(&self, query: &str) -> Vec<Value> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let path = format!("/api/v1/query?query={encoded}");
        let answer = http::get(([127, 0, 0, 1], self.port).into(), &path, &[]).expect("Prometheus answers");
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(answer["status"], "success", "{query}: {answer:#}");
        answer["data"]["result"].as_array().expect("a list of series").clone()
    }

    /// The sum over all series of the last stored value.
    pub(crate) fn last_value(&self, family: &str) -> Option<f64> {
        Some(self.query(&format!("sum(last_over_time({family}[1h]))")).first()?.1)
    }

    /// Its output so far, for messages.
    pub(crate) fn describe(&self) -> String {
        self.process.describe()
    }
}
