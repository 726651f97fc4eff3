//! The physical limit of connecting: 64 connections at a time on bare epoll, one thread; each is opened, upgraded, and
//! closed with a close frame from both sides, then the next one begins. The system calls are those that rampd
//! needs, and nothing is timed.
//!
//! ```text
//! raw_connect ADDR SECONDS   prints sessions and CPU seconds as JSON
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
    resource::{UsageWho, getrusage},
};
use socket2::{Domain, Socket, Type};

const AT_A_TIME: usize = 64;
const GOODBYE: [u8; 8] = [0x88, 0x82, 1, 2, 3, 4, 3 ^ 1, 0xe8 ^ 2];

#[derive(Clone, Copy, PartialEq)]
enum State {
    Connecting,
    Upgrading,
    Closing,
}

struct Client {
    address: SocketAddr,
    epoll: Epoll,
    streams: HashMap<RawFd, (TcpStream, State)>,
}

impl Client {
    fn open(&mut self) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        socket.set_tcp_nodelay(true).expect("nodelay");
        drop(socket.connect(&self.address.into()));
        let stream = TcpStream::from(socket);
        let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        self.epoll.add(&stream, EpollEvent::new(interest, stream.as_raw_fd() as u64)).expect("epoll");
        self.streams.insert(stream.as_raw_fd(), (stream, State::Connecting));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = arguments[0].parse::<SocketAddr>().expect("ADDR");
    let end = Instant::now() + Duration::from_secs(arguments[1].parse().expect("SECONDS"));
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let mut client = Client { address, epoll, streams: HashMap::new() };
    (0..AT_A_TIME).for_each(|_| client.open());
    let mut buffer = vec![0; 4096];
    let mut events = vec![EpollEvent::empty(); AT_A_TIME];
    let mut sessions = 0;
    while !client.streams.is_empty() {
        let count = client.epoll.wait(&mut events, EpollTimeout::from(1000u16)).expect("epoll");
        for event in &events[..count] {
            let fd = event.data() as RawFd;
            let Some((stream, state)) = client.streams.get_mut(&fd) else { continue };
            if *state == State::Connecting && event.events().contains(EpollFlags::EPOLLOUT) {
                stream.write_all(request.as_bytes()).expect("the request");
                *state = State::Upgrading;
            }
            let mut is_over = event.events().contains(EpollFlags::EPOLLRDHUP);
            if event.events().contains(EpollFlags::EPOLLIN) {
                match stream.read(&mut buffer) {
                    Ok(0) => is_over = true,
                    Ok(_) if *state == State::Upgrading => {
                        assert!(buffer.starts_with(b"HTTP/1.1 101"), "an upgrade");
                        stream.write_all(&GOODBYE).expect("written");
                        *state = State::Closing;
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => panic!("{error}"),
                }
            }
            // An edge announces the server's close frame and the end together.
            if is_over {
                assert!(*state == State::Closing, "the server ended a connection that had not said goodbye");
                client.streams.remove(&fd);
                sessions += 1;
                if Instant::now() < end {
                    client.open();
                }
            }
        }
    }
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    println!(r#"{{"sessions":{sessions},"cpu_seconds":{cpu}}}"#);
}
