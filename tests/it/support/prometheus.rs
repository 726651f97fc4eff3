//! A real Prometheus server that scrapes one agent.

use std::{net::TcpListener, path::Path, process::Command, time::Duration};

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

/// A server that scrapes one agent.
#[derive(Debug)]
pub(crate) struct Prometheus {
    process: Process,
    port: u16,
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

impl Prometheus {
    /// Scrapes `agent_port` every `interval`, whether or not anybody is there, and has the rules that
    /// `directory` has; with further options.
    pub(crate) fn start(directory: &Path, agent_port: u16, interval: &str, options: &[&str]) -> Self {
        let config = directory.join("prometheus.yml");
        let jobs = format!(
            "global: {{ scrape_interval: {interval}, scrape_timeout: {interval} }}\nrule_files: ['*.rules.yaml']\n\
             scrape_configs:\n  - job_name: rampd\n    static_configs: [{{ targets: ['127.0.0.1:{agent_port}'] }}]\n"
        );
        std::fs::write(&config, jobs).expect("write into the temporary directory");
        let port = free_port();
        let mut command = Command::new(tool("prometheus"));
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(options);
        let server = Self { process: Process::start(command), port };
        // A new target waits up to 5 s for its first scrape; nobody is there yet, so that one fails.
        let tried = poll(Duration::from_secs(30), || {
            let answer = http::get(([127, 0, 0, 1], port).into(), "/api/v1/targets", &[]).ok()?;
            answer.body.contains("\"health\":\"down\"").then_some(())
        });
        assert!(tried.is_some(), "Prometheus does not scrape\n{}", server.process.describe());
        server
    }

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
