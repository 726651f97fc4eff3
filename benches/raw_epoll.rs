//! The physical limit for the benches: a WebSocket echo server and a ping-pong client on bare
//! epoll, one thread each, two system calls per round trip, no timing, no errors handled but by
//! ending. What a load generator can reach at most on this machine is what this client reaches.
//!
//! ```text
//! raw_epoll server ADDR
//! raw_epoll client ADDR SOCKETS SECONDS BURST   prints round trips and CPU seconds as JSON
//! ```

#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a bench program: it ends where it fails")]

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, RawFd},
    time::{Duration, Instant},
};

use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const PAYLOAD: usize = 20;
const BUFFER: usize = 64 * 1024;
/// First byte of a close frame. In the benches it comes alone.
const CLOSE: u8 = 0x88;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit of files can be raised");
    let address: SocketAddr = arguments[1].parse().expect("ADDR");
    let number = |place: usize| arguments[place].parse::<u64>().expect("a number");
    match arguments[0].as_str() {
        "server" => serve(address),
        "client" => ping_pong(address, number(2), Duration::from_secs(number(3)), number(4) as usize),
        other => panic!("unknown mode {other}"),
    }
}

fn watch(epoll: &Epoll, stream: &TcpStream) {
    stream.set_nodelay(true).expect("nodelay");
    stream.set_nonblocking(true).expect("non-blocking");
    let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP;
    epoll.add(stream, EpollEvent::new(interest, stream.as_raw_fd() as u64)).expect("epoll");
}

struct Peer {
    stream: TcpStream,
    upgraded: bool,
    /// What a read left incomplete.
    rest: Vec<u8>,
}

fn serve(address: SocketAddr) {
    let listener = TcpListener::bind(address).expect("a free address");
    listener.set_nonblocking(true).expect("non-blocking");
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let accepting = listener.as_raw_fd() as u64;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, accepting)).expect("epoll");
    let mut peers: HashMap<RawFd, Peer> = HashMap::new();
    let mut events = vec![EpollEvent::empty(); 1024];
    let mut buffer = vec![0; BUFFER];
    let mut out = Vec::with_capacity(BUFFER);
    println!("listening {}", listener.local_addr().expect("bound"));
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE).expect("epoll");
        for event in &events[..count] {
            if event.data() == accepting {
                while let Ok((stream, _)) = listener.accept() {
                    watch(&epoll, &stream);
                    peers.insert(stream.as_raw_fd(), Peer { stream, upgraded: false, rest: Vec::new() });
                }
                continue;
            }
            let fd = event.data() as RawFd;
            let Some(peer) = peers.get_mut(&fd) else { continue };
            if !answer(peer, &mut buffer, &mut out) {
                peers.remove(&fd);
            }
        }
    }
}

/// Reads once and answers what is whole; false at the end of the connection.
fn answer(peer: &mut Peer, buffer: &mut [u8], out: &mut Vec<u8>) -> bool {
    let count = match peer.stream.read(buffer) {
        Ok(0) => return false,
        Ok(count) => count,
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    };
    out.clear();
    let whole;
    let mut input: &[u8] = &buffer[..count];
    if !peer.rest.is_empty() {
        peer.rest.extend_from_slice(input);
        whole = std::mem::take(&mut peer.rest);
        input = &whole;
    }
    if !peer.upgraded {
        let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
            peer.rest = input.to_vec();
            return true;
        };
        let request = String::from_utf8_lossy(&input[..end]);
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
        });
        let accept = derive_accept_key(key.expect("a key").as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        out.extend_from_slice(response.as_bytes());
        peer.upgraded = true;
        input = &input[end + 4..];
    }
    while let Some(used) = echo_frame(input, out) {
        input = &input[used..];
    }
    if !input.is_empty() {
        peer.rest = input.to_vec();
    }
    // Blocking here would be wrong in a server; 64 KiB always fit for the loads of the benches.
    let written = out.is_empty() || peer.stream.write_all(out).is_ok();
    // A close frame is the last thing echoed; the server ends TCP first, as RFC 6455 asks.
    written && !out.starts_with(&[CLOSE])
}

/// Appends the answer to the first frame of `input`; returns its length, none if it is incomplete.
fn echo_frame(input: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let (first, second) = (*input.first()?, *input.get(1)?);
    let (length, header) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes([*input.get(2)?, *input.get(3)?])), 4),
        127 => panic!("frames of the benches are below 64 KiB"),
        short => (usize::from(short), 2),
    };
    let mask = input.get(header..header + 4)?;
    let payload = input.get(header + 4..header + 4 + length)?;
    // Text and binary are echoed, and so is a close frame; pings do not occur.
    out.push(first);
    if length < 126 {
        out.push(length as u8);
    } else {
        out.push(126);
        out.extend_from_slice(&(length as u16).to_be_bytes());
    }
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    Some(header + 4 + length)
}

#[expect(clippy::disallowed_methods, reason = "a program of its own")]
fn ping_pong(address: SocketAddr, sockets: u64, time: Duration, burst: usize) {
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let mut message = vec![0x81, 0x80 | PAYLOAD as u8, 1, 2, 3, 4];
    message.extend((0..PAYLOAD).map(|place| b'x' ^ [1, 2, 3, 4][place % 4]));
    let message = message.repeat(burst);
    let reply = burst * (PAYLOAD + 2);
    let mut buffer = vec![0; BUFFER];
    let mut streams: HashMap<RawFd, (TcpStream, usize)> = HashMap::new();
    for _ in 0..sockets {
        let mut stream = TcpStream::connect(address).expect("the server");
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the request");
        let mut read = 0;
        while !buffer[..read].ends_with(b"\r\n\r\n") {
            read += stream.read(&mut buffer[read..]).expect("the response");
        }
        watch(&epoll, &stream);
        streams.insert(stream.as_raw_fd(), (stream, 0));
    }
    let cpu = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    };
    let (start, cpu_before) = (Instant::now(), cpu());
    for (stream, _) in streams.values_mut() {
        stream.write_all(&message).expect("written");
    }
    let mut events = vec![EpollEvent::empty(); 1024];
    let mut messages: u64 = 0;
    while start.elapsed() < time {
        let count = epoll.wait(&mut events, EpollTimeout::from(100u8)).expect("epoll");
        for event in &events[..count] {
            let (stream, got) = streams.get_mut(&(event.data() as RawFd)).expect("known");
            *got += stream.read(&mut buffer).expect("readable");
            if *got >= reply {
                *got -= reply;
                messages += burst as u64;
                stream.write_all(&message).expect("written");
            }
        }
    }
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu() - cpu_before);
    println!("{{\"messages\":{messages},\"seconds\":{elapsed:.3},\"cpu_seconds\":{cpu:.3}}}");
}
