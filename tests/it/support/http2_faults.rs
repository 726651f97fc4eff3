//! Servers that break HTTP/2, frame by frame on bare TCP, without TLS: a thread for each connection.

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

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http2Fault {
    /// RST_STREAM with this code in place of an answer.
    ResetsTheStream(u32),
    /// RST_STREAM after some of the body.
    ResetsInTheBody,
    /// GOAWAY with this code in place of an answer; nothing was processed.
    SaysGoaway(u32),
    /// Answers the first request of a connection, and says GOAWAY without an error to the second.
    SaysGoawayAtTheSecond,
    /// Answers after a hundred pings.
    Pings,
    /// A body without an end.
    EndlessBody,
    /// Ends the connection within the body.
    EndsInTheBody,
    /// Does not speak HTTP/2.
    SpeaksHttp1,
    /// A frame longer than is allowed.
    LargeFrame,
    /// Never answers, though it answers pings and settings.
    NeverAnswers,
}

/// A server with a fault; stopped on drop.
#[derive(Debug)]
pub(crate) struct FaultyHttp2 {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FaultyHttp2 {
    pub(crate) fn start(fault: Http2Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (accepted, requests, stop): (Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicBool>) = Default::default();
        let thread = {
            let (accepted, requests, stop) = (accepted.clone(), requests.clone(), stop.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    accepted.fetch_add(1, Ordering::Relaxed);
                    let (requests, stop) = (requests.clone(), stop.clone());
                    // A client that breaks off first is no concern of the fault.
                    std::thread::spawn(move || drop(serve(&stream, fault, &requests, &stop)));
                }
            })
        };
        Self { address, accepted, requests, stop, thread: Some(thread) }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for FaultyHttp2 {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Wakes the blocking accept.
            drop(TcpStream::connect(self.address));
            thread.join().expect("the server does not panic");
        }
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200`, by its number in the static table (RFC 7541, A).
const STATUS_200: u8 = 0x88;

/// A frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn serve(mut stream: &TcpStream, fault: Http2Fault, requests: &AtomicU64, stop: &AtomicBool) -> std::io::Result<()> {
    // Shorter than any test, so that no thread outlives them all.
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_nodelay(true)?;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface)?;
    if fault == Http2Fault::SpeaksHttp1 {
        requests.fetch_add(1, Ordering::Relaxed);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        // Closing with unread bytes would send RST in place of FIN.
        let mut rest = [0; 1024];
        while stream.read(&mut rest)? > 0 {}
        return Ok(());
    }
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    let mut answered = 0;
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return Ok(());
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[]))?,
            PING if flags & ACK == 0 => stream.write_all(&frame(PING, ACK, 0, &payload))?,
            HEADERS => {
                requests.fetch_add(1, Ordering::Relaxed);
                answer(stream, fault, id, answered, stop)?;
                answered += 1;
            }
            _ => {}
        }
    }
}

fn answer(mut stream: &TcpStream, fault: Http2Fault, id: u32, answered: u32, stop: &AtomicBool) -> std::io::Result<()> {
    let ok = [frame(HEADERS, END_HEADERS, id, &[STATUS_200]), frame(DATA, END_STREAM, id, b"hello")].concat();
    let begun = [frame(HEADERS, END_HEADERS, id, &[STATUS_200]), frame(DATA, 0, id, b"hel")].concat();
    let reset = |code: u32| frame(RST_STREAM, 0, id, &code.to_be_bytes());
    let goaway = |last: u32, code: u32| frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat());
    match fault {
        Http2Fault::ResetsTheStream(code) => stream.write_all(&reset(code)),
        Http2Fault::ResetsInTheBody => stream.write_all(&[begun, reset(2)].concat()),
        Http2Fault::SaysGoaway(code) => stream.write_all(&goaway(0, code)),
        Http2Fault::SaysGoawayAtTheSecond if answered == 1 => stream.write_all(&goaway(id - 2, 0)),
        Http2Fault::SaysGoawayAtTheSecond => stream.write_all(&ok),
        Http2Fault::Pings => {
            let pings: Vec<_> = (0..100_u64).flat_map(|number| frame(PING, 0, 0, &number.to_be_bytes())).collect();
            stream.write_all(&[pings, ok].concat())
        }
        Http2Fault::EndlessBody => {
            stream.write_all(&begun)?;
            // As much as the client lets in, and more.
            let block = frame(DATA, 0, id, &[b'x'; 1000]);
            while !stop.load(Ordering::Relaxed) {
                stream.write_all(&block)?;
            }
            Ok(())
        }
        Http2Fault::EndsInTheBody => {
            stream.write_all(&begun)?;
            stream.shutdown(std::net::Shutdown::Write)
        }
        Http2Fault::LargeFrame => stream.write_all(&frame(HEADERS, END_HEADERS, id, &vec![0; 1 << 20])),
        Http2Fault::SpeaksHttp1 | Http2Fault::NeverAnswers => Ok(()),
    }
}
