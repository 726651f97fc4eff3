//! nginx from Debian: an HTTP server that is not ours, which writes down every request it answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::support::{certificate, poll, process::Process, scratch::Scratch, target::tool};

/// A running nginx; killed on drop.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Process,
    port: u16,
    directory: Scratch,
    http2: bool,
}

/// A line of the access log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    pub(crate) status: u16,
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Number of the TCP connection.
    pub(crate) connection: u64,
    /// Bytes of the request's body.
    pub(crate) body: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub(crate) protocol: String,
}

impl Nginx {
    /// A server with the directives of `server` inside its `server { … }`; static files come from `www`.
    pub(crate) fn start(server: &str, www: &[(&str, &[u8])]) -> Self {
        Self::start_in(Scratch::new(), "", server, www)
    }

    /// The same over TLS with files of `directory`: the certificate's and whatever `server` names.
    pub(crate) fn start_encrypted_in(directory: Scratch, server: &str) -> Self {
        let server = format!("ssl_certificate certificate.pem; ssl_certificate_key key.pem; {server}");
        Self::start_in(directory, "ssl", &server, &[])
    }

    /// The same over TLS, for `localhost`; its certificate is signed by nobody but itself.
    pub(crate) fn start_encrypted(server: &str) -> Self {
        let directory = Scratch::new();
        certificate::make(&directory);
        Self::start_encrypted_in(directory, server)
    }

    /// The same with HTTP/2 for those who choose it.
    pub(crate) fn start_http2(server: &str) -> Self {
        let directory = Scratch::new();
        certificate::make(&directory);
        let server = format!("ssl_certificate certificate.pem; ssl_certificate_key key.pem; {server}");
        Self::start_in(directory, "ssl http2", &server, &[("page.txt", "a line of text\n".repeat(5000).as_bytes())])
    }

    /// HTTP/2 without TLS, for those who know.
    pub(crate) fn start_http2_plain(server: &str) -> Self {
        Self::start_in(Scratch::new(), "http2", server, &[])
    }

    fn start_in(directory: Scratch, listen: &str, server: &str, www: &[(&str, &[u8])]) -> Self {
        std::fs::create_dir(directory.path("www")).expect("a temporary directory");
        for (name, content) in www {
            std::fs::write(directory.path("www").join(name), content).expect("a temporary directory");
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .join(" ");
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr;
             events {{ worker_connections 1024; }}
             http {{
                 {temporary}
                 log_format requests '$status $request_method $uri $connection $content_length $server_protocol';
                 access_log access.log requests;
                 log_format connections '$remote_addr $server_addr $ssl_protocol $ssl_server_name $ssl_session_reused \
                    $ssl_client_verify';
                 access_log connections.log connections;
                 server {{ listen {port} {listen}; listen [::1]:{port} {listen}; root www; {server} }}
             }}"
        );
        directory.write("nginx.conf", &configuration);
        let mut command = Command::new(tool("nginx"));
        command.arg("-p").arg(directory.directory()).args(["-c", "nginx.conf"]);
        let mut process = Process::start(command);
        let listens = poll(Duration::from_secs(20), || {
            assert!(!process.has_ended(), "nginx ended at once\n{}", process.describe());
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        assert!(listens.is_some(), "nginx does not listen\n{}", process.describe());
        Self { process, port, directory, http2: listen.contains("http2") }
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it speaks HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.http2
    }

    /// A file that proves who it is.
    pub(crate) fn certificate(&self) -> std::path::PathBuf {
        self.directory.path("certificate.pem")
    }

    /// Ends it; how each request's connection came to it.
    pub(crate) fn stop_for_connections(self) -> Vec<Seen> {
        let directory = self.directory.directory().to_owned();
        self.process.signal(Signal::SIGTERM);
        self.process.wait(Duration::from_secs(10));
        let log = std::fs::read_to_string(directory.join("connections.log")).expect("nginx writes its log");
        log.lines().map(seen).collect()
    }

    /// Ends it; every request it answered, in the order of their ends.
    pub(crate) fn stop(self) -> Vec<Access> {
        self.process.signal(Signal::SIGTERM);
        self.process.wait(Duration::from_secs(10));
        let log = std::fs::read_to_string(self.directory.path("access.log")).expect("nginx writes its log");
        log.lines().map(access).collect()
    }
}

/// The connection of a request, as nginx saw it; `-` where there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// Where it came from.
    pub(crate) client: String,
    /// Where it went to.
    pub(crate) server: String,
    /// Version of TLS.
    pub(crate) protocol: String,
    /// The name that was asked for (SNI).
    pub(crate) name: String,
    /// `r` for a session resumed, `.` for a new one.
    pub(crate) reused: String,
    /// `SUCCESS`, `NONE`, or why the client's certificate is not good.
    pub(crate) verified: String,
}

fn seen(line: &str) -> Seen {
    let fields: Vec<_> = line.splitn(6, ' ').map(str::to_owned).collect();
    let [client, server, protocol, name, reused, verified] = <[String; 6]>::try_from(fields).expect("six fields");
    Seen { client, server, protocol, name, reused, verified }
}

fn access(line: &str) -> Access {
    let fields: Vec<_> = line.split(' ').collect();
    let [status, method, path, connection, body, protocol] = fields.as_slice() else { panic!("{line:?}") };
    Access {
        status: status.parse().expect("a status"),
        method: (*method).to_owned(),
        path: (*path).to_owned(),
        connection: connection.parse().expect("a number"),
        body: body.parse().unwrap_or(0),
        protocol: (*protocol).to_owned(),
    }
}

/// Requests by status.
pub(crate) fn by_status(log: &[Access]) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    for access in log {
        *counts.entry(access.status).or_insert(0) += 1;
    }
    counts
}

/// Distinct connections.
pub(crate) fn connections(log: &[Access]) -> u64 {
    log.iter().map(|access| access.connection).collect::<BTreeSet<_>>().len() as u64
}
