//! The server of the HTTP benches: answers every request with the same two bytes, on bare epoll in
//! one thread, one read and one write for each. Faster than a real one, so that the generator is
//! the limit and not the server.
//!
//! ```text
//! raw_http ADDR
//! ```

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench program: it ends where it fails")]

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::{AsRawFd, RawFd},
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const HEAD_END: &[u8] = b"\r\n\r\n";

fn main() {
    let address = std::env::args().nth(1).expect("ADDR");
    let listener = TcpListener::bind(address).expect("a free address");
    listener.set_nonblocking(true).expect("non-blocking");
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let accepting = listener.as_raw_fd() as u64;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, accepting)).expect("epoll");
    let mut streams: HashMap<RawFd, TcpStream> = HashMap::new();
    let mut events = vec![EpollEvent::empty(); 1024];
    let mut buffer = vec![0; 16 * 1024];
    println!("listening {}", listener.local_addr().expect("bound"));
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE).expect("epoll");
        for event in &events[..count] {
            if event.data() == accepting {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nodelay(true).expect("nodelay");
                    stream.set_nonblocking(true).expect("non-blocking");
                    let watched = EpollEvent::new(EpollFlags::EPOLLIN, stream.as_raw_fd() as u64);
                    epoll.add(&stream, watched).expect("epoll");
                    streams.insert(stream.as_raw_fd(), stream);
                }
                continue;
            }
            let fd = event.data() as RawFd;
            let Some(stream) = streams.get_mut(&fd) else { continue };
            if !answer(stream, &mut buffer) {
                streams.remove(&fd);
            }
        }
    }
}

/// Reads once and answers the request; false at the end of the connection, and for what no peer of
/// the benches sends: a body, requests that are pipelined, or a request in pieces.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(count) => buffer[..count].ends_with(HEAD_END) && stream.write_all(RESPONSE).is_ok(),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
