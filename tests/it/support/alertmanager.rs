//! A real Alertmanager, and a receiver of its webhooks.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::Value;

use crate::support::{exposition::Page, http, poll, process::Process, prometheus::free_port, target::tool};

/// A running server; killed on drop.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    process: Process,
    port: u16,
}

impl Alertmanager {
    /// With the configuration `config`; its state is in `directory`.
    pub(crate) fn start(config: &Path, directory: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(tool("alertmanager"));
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", directory.join("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        let server = Self { process: Process::start(command), port };
        let ready = poll(Duration::from_secs(30), || {
            let answer = http::get(server.address(), "/-/ready", &[]).ok()?;
            (answer.status == 200).then_some(())
        });
        assert!(ready.is_some(), "Alertmanager is not ready\n{}", server.describe());
        server
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The alerts that have not resolved, whether or not anybody is told of them.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let answer = http::get(self.address(), "/api/v2/alerts", &[]).expect("Alertmanager answers");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
    }

    /// Groups that it may still tell of: one goes once all its alerts have resolved and that was dealt with.
    pub(crate) fn groups(&self) -> u64 {
        let answer = http::get(self.address(), "/metrics", &[]).expect("Alertmanager answers");
        Page::parse(&answer.body).sum("alertmanager_dispatcher_aggregation_groups", &[]) as u64
    }

    /// Its output so far, for messages.
    pub(crate) fn describe(&self) -> String {
        self.process.describe()
    }
}

/// Takes what Alertmanager sends; stopped on drop.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Value>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (messages, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (sink, stopped) = (Arc::clone(&messages), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Who breaks off tries again, as Alertmanager does.
                if let Ok(message) = take(stream) {
                    sink.lock().expect("no test panics within").push(message);
                }
            }
        });
        Self { address, messages, stop, thread: Some(thread) }
    }

    /// Where to send to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// All messages so far, in their order.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.messages.lock().expect("no test panics within").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the blocking accept.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The body of one POST in JSON.
fn take(stream: TcpStream) -> std::io::Result<Value> {
    let limit = Some(Duration::from_secs(5));
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let message = serde_json::from_slice(&body).map_err(std::io::Error::other)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(message)
}
