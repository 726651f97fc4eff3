//! An HTTP proxy that knows CONNECT alone. Whatever the name, it goes to loopback: names that nobody
//! else knows lead through it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Connects whoever asks, and who has this `Proxy-Authorization` if one is given.
    Connects(Option<&'static str>),
    /// These bytes, then the end.
    Bytes(&'static str),
    /// Never.
    Nothing,
}

/// Stopped on drop.
#[derive(Debug)]
pub(crate) struct ConnectProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ConnectProxy {
    pub(crate) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (asked, stop) = (asked.clone(), stop.clone());
            std::thread::spawn(move || accept(&listener, &answers, &asked, &stop))
        };
        Self { address, asked, stop, thread: Some(thread) }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked to connect to, `host:port` each.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the proxy does not panic").clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Wakes the blocking accept.
            drop(TcpStream::connect(self.address));
            thread.join().expect("the proxy does not panic");
        }
    }
}

fn accept(listener: &TcpListener, answers: &Answers, asked: &Arc<Mutex<Vec<String>>>, stop: &AtomicBool) {
    let mut threads = Vec::new();
    for client in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (client, answers, asked) = (client.expect("a connection"), answers.clone(), asked.clone());
        threads.push(std::thread::spawn(move || {
            // Broken connections are what some tests are about.
            let _ended = serve(client, &answers, &asked);
        }));
    }
    threads.into_iter().for_each(|thread| thread.join().expect("the proxy does not panic"));
}

fn serve(mut client: TcpStream, answers: &Answers, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some((target, _)) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(" HTTP/1.1\r\n")) else {
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
    };
    asked.lock().expect("nobody panics").push(target.to_owned());
    match answers {
        Answers::Nothing => client.read(&mut byte).map(drop),
        Answers::Bytes(bytes) => client.write_all(bytes.as_bytes()),
        Answers::Connects(Some(wanted)) if !head.contains(&format!("\r\nProxy-Authorization: {wanted}\r\n")) => {
            client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        }
        Answers::Connects(_) => {
            let port = target.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).expect("a port");
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\nX-Proxy: ours\r\n\r\n")?;
            let (from, to) = (client.try_clone()?, server.try_clone()?);
            let up = std::thread::spawn(move || splice(from, to));
            splice(server, client);
            up.join().expect("the proxy does not panic");
            Ok(())
        }
    }
}

/// Copies until the end, which it hands on.
fn splice(mut from: TcpStream, mut to: TcpStream) {
    let _ended = std::io::copy(&mut from, &mut to);
    let _gone = to.shutdown(Shutdown::Write);
}
