//! The physical limit of the seed's ramp: the same connections, upgrades, bursts and goodbyes at the
//! same times on bare epoll, one thread, no timing, nothing counted but the replies. What the ramp
//! costs here it costs every client on this machine.
//!
//! ```text
//! raw_ramp ADDR PATH   prints sessions, replies and CPU seconds as JSON
//! ```

#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a bench program: it ends where it fails")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsRawFd, RawFd},
    time::{Duration, Instant},
};

use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
};
use socket2::{Domain, Socket, Type};

/// config/quantum-ws.yaml with `--speed 10`: seconds and the target at their end.
const STAGES: [(f64, f64); 3] = [(3.0, 100.0), (6.0, 2000.0), (6.0, 0.0)];
const BURST: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Connecting,
    Upgrading,
    Open,
}

/// When each of the 2,000 clients starts and stops; the last one started stops first.
fn schedule() -> (Vec<Duration>, Vec<Duration>) {
    let (mut starts, mut stops) = (Vec::new(), Vec::new());
    let (mut begin, mut from) = (0.0, 0.0);
    for (length, target) in STAGES {
        for step in 1..=(target - from).abs() as u32 {
            let at = Duration::from_secs_f64(begin + length * f64::from(step) / (target - from).abs());
            if target > from { starts.push(at) } else { stops.push(at) }
        }
        begin += length;
        from = target;
    }
    (starts, stops)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, path) = (arguments[0].parse::<SocketAddr>().expect("ADDR"), &arguments[1]);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit of files can be raised");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mask = [1, 2, 3, 4];
    let mut burst = Vec::new();
    for index in 0..BURST {
        let text = format!(r#"{{"op":"test","payload":{index}}}"#);
        burst.extend([0x81, 0x80 | text.len() as u8]);
        burst.extend(mask);
        burst.extend(text.bytes().enumerate().map(|(place, byte)| byte ^ mask[place % 4]));
    }
    let goodbye = [0x88, 0x82, 1, 2, 3, 4, 3 ^ 1, 0xe8 ^ 2];
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let mut streams: HashMap<RawFd, (TcpStream, State)> = HashMap::new();
    let mut order = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut events = vec![EpollEvent::empty(); 1024];
    let (mut received, mut sessions) = (0, 0);
    let (starts, stops) = schedule();
    let (mut starts, mut stops) = (starts.into_iter().peekable(), stops.into_iter().peekable());
    let begun = Instant::now();
    while !streams.is_empty() || starts.peek().is_some() || stops.peek().is_some() {
        let now = begun.elapsed();
        while starts.next_if(|at| *at <= now).is_some() {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_nonblocking(true).expect("non-blocking");
            socket.set_tcp_nodelay(true).expect("nodelay");
            drop(socket.connect(&address.into()));
            let stream = TcpStream::from(socket);
            let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
            epoll.add(&stream, EpollEvent::new(interest, stream.as_raw_fd() as u64)).expect("epoll");
            order.push(stream.as_raw_fd());
            streams.insert(stream.as_raw_fd(), (stream, State::Connecting));
        }
        while stops.next_if(|at| *at <= now).is_some() {
            let last = order.pop().expect("as many stops as starts");
            streams.get_mut(&last).expect("open").0.write_all(&goodbye).expect("written");
        }
        let next = [starts.peek(), stops.peek()].into_iter().flatten().min();
        let wait = next.map_or(1000, |at| at.saturating_sub(begun.elapsed()).as_millis() as u16 + 1);
        let count = epoll.wait(&mut events, EpollTimeout::from(wait)).expect("epoll");
        for event in &events[..count] {
            let fd = event.data() as RawFd;
            let Some((stream, state)) = streams.get_mut(&fd) else { continue };
            if *state == State::Connecting && event.events().contains(EpollFlags::EPOLLOUT) {
                stream.write_all(request.as_bytes()).expect("the request");
                *state = State::Upgrading;
            }
            if !event.events().contains(EpollFlags::EPOLLIN) {
                continue;
            }
            match stream.read(&mut buffer) {
                Ok(0) => {
                    streams.remove(&fd);
                }
                Ok(_) if *state == State::Upgrading => {
                    assert!(buffer.starts_with(b"HTTP/1.1 101"), "an upgrade");
                    sessions += 1;
                    *state = State::Open;
                    stream.write_all(&burst).expect("written");
                }
                // Every server's text frame begins with this byte, and no payload has it.
                Ok(count) => received += buffer[..count].iter().filter(|byte| **byte == 0x81).count(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            // An edge announces the last bytes and the end together.
            if event.events().contains(EpollFlags::EPOLLRDHUP) {
                streams.remove(&fd);
            }
        }
    }
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    println!(r#"{{"sessions":{sessions},"replies":{received},"cpu_seconds":{cpu},"max_rss_kb":{}}}"#, usage.max_rss());
}
