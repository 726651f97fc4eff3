//! A real Prometheus server.

use std::{net::TcpListener, path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::support::{http, poll, process::Process, target::tool};

/// A server that scrapes one agent.
pub(crate) struct Prometheus {
    process: Process,
    port: u16,
}

impl Prometheus {
    /// Scrapes `agent_port` every `interval`, whether or not anybody is there.
    pub(crate) fn start(directory: &Path, agent_port: u16, interval: &str) -> Self {
        let config = directory.join("prometheus.yml");
        let jobs = format!(
            "global: {{ scrape_interval: {interval}, scrape_timeout: {interval} }}\n\
             scrape_configs:\n  - job_name: rampd\n    static_configs: [{{ targets: ['127.0.0.1:{agent_port}'] }}]\n"
        );
        std::fs::write(&config, jobs).expect("write into the temporary directory");
        let port = free_port();
        let mut command = Command::new(tool("prometheus"));
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
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

    /// The sum over all series of the last stored value.
    pub(crate) fn last_value(&self, family: &str) -> Option<f64> {
        let query = format!("/api/v1/query?query=sum(last_over_time({family}%5B1h%5D))");
        let answer = http::get(([127, 0, 0, 1], self.port).into(), &query, &[]).expect("Prometheus answers");
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
