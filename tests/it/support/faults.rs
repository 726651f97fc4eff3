//! Servers that break the protocol below or during the upgrade, on bare TCP.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use socket2::{Domain, Socket, Type};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// Accepts and never answers the upgrade.
    NeverAnswers,
    /// RST as soon as it has accepted.
    ResetOnAccept,
    /// End of stream in place of an answer.
    EndInsteadOfAnswer,
    /// Bytes that are no HTTP.
    Garbage,
    /// A 101 whose `Sec-WebSocket-Accept` belongs to another key.
    WrongAccept,
    /// A correct upgrade, then the end of the stream without a close frame.
    EndWithoutCloseFrame,
    /// A correct upgrade, a message as soon as something has come, then the end of the stream without a close frame.
    EndAfterReply,
    /// A correct upgrade, then nothing more: no message, no answer to a Close.
    NeverCloses,
    /// A correct upgrade with these bytes in the same segment, then nothing more.
    Sends(&'static [u8]),
}

/// A server with a fault; stopped on drop.
#[derive(Debug)]
pub(crate) struct FaultyServer {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FaultyServer {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let accepted = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut server = Self { address, accepted, stop, thread: None };
        if fault != Fault::Refused {
            let (accepted, stop) = (Arc::clone(&server.accepted), Arc::clone(&server.stop));
            server.thread = Some(std::thread::spawn(move || serve(&listener, fault, &accepted, &stop)));
        }
        server
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Wakes the blocking accept.
            drop(TcpStream::connect(self.address));
            thread.join().expect("the server does not panic");
        }
    }
}

fn serve(listener: &TcpListener, fault: Fault, accepted: &AtomicU64, stop: &AtomicBool) {
    let mut held = Vec::new();
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut stream) = stream else { continue };
        accepted.fetch_add(1, Ordering::Relaxed);
        // A client that breaks off first is no concern of the fault.
        drop(answer(&mut stream, fault));
        if matches!(fault, Fault::NeverAnswers | Fault::NeverCloses | Fault::Sends(_)) {
            held.push(stream);
        }
    }
}

fn answer(stream: &mut TcpStream, fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::Refused | Fault::NeverAnswers => return Ok(()),
        Fault::ResetOnAccept => return socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO)),
        _ => {}
    }
    let request = request(stream)?;
    let key = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned()));
    let accept = match fault {
        Fault::Garbage => return stream.write_all(b"\x16\x03\x01\x00\xffSSH-2.0-garbage\r\n\r\n\x00\xff"),
        Fault::WrongAccept => derive_accept_key(b"another key"),
        Fault::EndWithoutCloseFrame | Fault::EndAfterReply | Fault::NeverCloses | Fault::Sends(_) => {
            derive_accept_key(key.unwrap_or_default().as_bytes())
        }
        Fault::EndInsteadOfAnswer | Fault::Refused | Fault::NeverAnswers | Fault::ResetOnAccept => return Ok(()),
    };
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let mut response = format!("{upgrade}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes();
    if let Fault::Sends(bytes) = fault {
        response.extend_from_slice(bytes);
    }
    stream.write_all(&response)?;
    if fault == Fault::EndAfterReply {
        // All of it: closing with unread bytes would send RST.
        let read = stream.read(&mut [0; 256])?;
        // In one segment with the end.
        socket2::SockRef::from(&*stream).set_tcp_cork(true)?;
        stream.write_all(b"\x81\x05hello")?;
        assert!(read > 0, "the client ended first");
    }
    Ok(())
}

/// The request's head; closing with unread bytes would send RST in place of FIN.
fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A port whose connection attempts hang: nobody accepts, and the backlog of one is taken.
#[derive(Debug)]
pub(crate) struct BlackHole {
    _listener: Socket,
    _backlog: Vec<Socket>,
    address: SocketAddr,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same at an address of one's choice.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let domain = Domain::for_address(address);
        let listener = Socket::new(domain, Type::STREAM, None).expect("a socket");
        listener.bind(&address.into()).expect("a free port");
        listener.listen(0).expect("bound");
        let address = listener.local_addr().expect("bound").as_socket().expect("an address");
        // Linux admits backlog + 1 connections; further handshakes get no answer.
        let backlog = (0..2)
            .map(|_| {
                let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
                // The second one hangs, as it should.
                drop(socket.connect_timeout(&address.into(), Duration::from_millis(200)));
                socket
            })
            .collect();
        Self { _listener: listener, _backlog: backlog, address }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

#[test]
fn nobody_gets_through_to_a_black_hole() {
    let hole = BlackHole::new();
    let attempt = TcpStream::connect_timeout(&hole.address, Duration::from_millis(300));
    assert_eq!(attempt.expect_err("must hang").kind(), std::io::ErrorKind::TimedOut);
}
