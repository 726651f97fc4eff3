//! A non-blocking byte stream over TCP or TLS, with `std`'s `Read` and `Write`: the codecs and
//! rustls call it, and `WouldBlock` goes up to where the task waits for readiness. Reads ask the
//! kernel when their bytes arrived, so that a late generator does not charge its delay to the server.

use std::{
    io::{self, IoSliceMut, Read, Write},
    os::fd::AsRawFd,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use nix::sys::{
    socket::{ControlMessageOwned, MsgFlags, TimestampingFlag, Timestamps, recvmsg, setsockopt, sockopt},
    time::TimeSpec,
};

use rustls::{ClientConnection, StreamOwned};
use tokio::{io::Interest, net::TcpStream};

use crate::{
    clock::{Instant, Reading, StampClock},
    metrics::{
        recorder::Recorder,
        series::{CounterSlot, TrendSlot},
    },
};

/// Where a socket's bytes are counted and its reads are timed.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The worker's recorder.
    pub recorder: Rc<Recorder>,
    /// Bytes that the kernel accepted.
    pub sent: CounterSlot,
    /// Bytes that the kernel delivered.
    pub received: CounterSlot,
    /// Time between the kernel's stamp and our read.
    pub read_lag: TrendSlot,
    /// Asks the kernel when bytes arrived; without it they arrive when they are read.
    pub stamps: Option<Rc<StampClock>>,
}

/// Room for the control messages of one read; a time stamp takes 64 bytes.
#[repr(align(8))]
struct ControlBuffer([u8; 128]);

/// The direction of the last operation that would have blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocked {
    Read,
    Write,
}

/// A TCP connection that counts its bytes and knows when those it read had arrived.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    probe: Probe,
    blocked: Blocked,
    /// The last read did not fill its buffer, so the kernel has no more: the next read need not ask.
    drained: bool,
    arrived_at: Instant,
    /// Bytes that the kernel has taken.
    written: u64,
    /// Nothing can be written any more.
    broken: bool,
    _permit: Rc<()>,
}

impl Socket {
    /// Wraps an established connection; `permit` is given back when it ends.
    #[must_use]
    pub fn new(stream: TcpStream, mut probe: Probe, permit: Rc<()>) -> Self {
        let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
        // A kernel or sandbox without time stamps is no reason not to measure.
        if probe.stamps.is_some() && setsockopt(&stream, sockopt::Timestamping, &flags).is_err() {
            probe.stamps = None;
        }
        Self {
            stream,
            probe,
            blocked: Blocked::Read,
            drained: false,
            arrived_at: Instant::now(),
            written: 0,
            broken: false,
            _permit: permit,
        }
    }

    /// One read, with the kernel's stamp if there is one.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<i128>)> {
        if self.probe.stamps.is_none() {
            return self.stream.try_read(buffer).map(|count| (count, None));
        }
        self.stream.try_io(Interest::READABLE, || {
            let mut control = ControlBuffer([0; 128]);
            let mut parts = [IoSliceMut::new(buffer)];
            let message = recvmsg::<()>(self.stream.as_raw_fd(), &mut parts, Some(&mut control.0), MsgFlags::empty())?;
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampsns(Timestamps { system, .. }) => Some(unix_nanos(system)),
                _ => None,
            });
            Ok((message.bytes, stamp))
        })
    }

    /// Notes when what has just been read had arrived.
    fn note_arrival(&mut self, stamp: Option<i128>) {
        let (Some(stamp), Some(clock)) = (stamp, &self.probe.stamps) else {
            self.arrived_at = Instant::now();
            return;
        };
        let now = Reading::now();
        self.arrived_at = match clock.instant(stamp, now) {
            Some(arrived) => {
                self.probe.recorder.observe(self.probe.read_lag, now.instant.nanos_since(arrived));
                arrived
            }
            None => now.instant,
        };
    }

    /// Ready when the operation that would have blocked last may be tried again.
    pub(super) fn poll_unblocked(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.blocked {
            Blocked::Read => self.stream.poll_read_ready(cx),
            Blocked::Write => self.stream.poll_write_ready(cx),
        }
    }

    fn would_block(&mut self, direction: Blocked) -> io::Error {
        self.blocked = direction;
        io::ErrorKind::WouldBlock.into()
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.drained) {
            return Err(self.would_block(Blocked::Read));
        }
        match self.receive(buffer) {
            Ok((count, stamp)) => {
                self.note_arrival(stamp);
                self.probe.recorder.add(self.probe.received, count as u64);
                if count > 0 && count < buffer.len() {
                    // Clears tokio's readiness without a system call; epoll is edge-triggered, so
                    // what arrives from now on is announced again. Not later: the task may give
                    // others their turn before it reads again, and an announcement made meanwhile
                    // would be lost. An end of stream stays ready regardless.
                    let cleared =
                        self.stream.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
                    debug_assert!(cleared.is_err());
                    self.drained = true;
                }
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(self.would_block(Blocked::Read)),
            Err(error) => Err(error),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.stream.try_write(buffer) {
            Ok(count) => {
                self.written += count as u64;
                self.probe.recorder.add(self.probe.sent, count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(self.would_block(Blocked::Write)),
            Err(error) => {
                self.broken = true;
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unix_nanos(time: TimeSpec) -> i128 {
    i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec())
}

/// TCP, or TLS over TCP.
#[derive(Debug)]
pub enum Transport {
    /// `ws://`, `http://`
    Plain(Socket),
    /// `wss://`, `https://`
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Transport {
    /// TLS over `socket`; the handshake happens with the first reads and writes.
    #[must_use]
    pub fn tls(connection: ClientConnection, socket: Socket) -> Self {
        Self::Tls(Box::new(StreamOwned::new(connection, socket)))
    }

    /// Whether TLS is between us and TCP.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The application protocol that the server chose in the TLS handshake.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.conn.alpn_protocol(),
        }
    }

    fn socket(&self) -> &Socket {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(tls) => tls.get_ref(),
        }
    }

    /// Makes the end of the socket a reset: what is unsent is dropped, and no local port stays in TIME_WAIT.
    pub fn reset_at_end(&self) {
        // It fails only on a socket that is none any more, which then needs no reset.
        let _over = socket2::SockRef::from(&self.socket().stream).set_linger(Some(Duration::ZERO));
    }

    /// Ready when the operation that would have blocked last may be tried again.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_unblocked(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_unblocked(cx)
    }

    /// Whether nothing has come since the last read that left nothing; asks the runtime, not the kernel.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.socket().stream.try_io(Interest::READABLE, || Ok(())).is_err()
    }

    /// Ready when a write may be tried.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().stream.poll_write_ready(cx)
    }

    /// When the bytes last read had arrived: by the kernel's stamp of their last segment, or when they were read.
    #[must_use]
    pub fn arrived_at(&self) -> Instant {
        self.socket().arrived_at
    }

    /// Bytes that the kernel has taken, of TLS its records.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.socket().written
    }

    /// Drives the TLS handshake; immediately ready for plain TCP.
    ///
    /// # Errors
    /// `WouldBlock` while it goes on; the TLS layer's or the socket's error.
    pub fn handshake(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(_) => Ok(()),
            Transport::Tls(tls) => {
                let StreamOwned { conn, sock, .. } = &mut **tls;
                while conn.is_handshaking() {
                    conn.complete_io(sock)?;
                }
                Ok(())
            }
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.read(buffer),
            Transport::Tls(tls) if tls.sock.broken => read_only(tls, buffer),
            Transport::Tls(tls) => tls.read(buffer),
        }
    }
}

/// Reads what a server has sent before it broke off. rustls' own `read` would write first, and fail.
fn read_only(tls: &mut StreamOwned<ClientConnection, Socket>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match tls.conn.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        if tls.conn.read_tls(&mut tls.sock)? == 0 {
            return Ok(0);
        }
        tls.conn.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    }
}

impl Write for Transport {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.write(buffer),
            Transport::Tls(tls) => tls.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(socket) => socket.flush(),
            Transport::Tls(tls) => {
                tls.flush()?;
                // rustls' flush gives up quietly when the socket blocks.
                if tls.conn.wants_write() {
                    return Err(tls.sock.would_block(Blocked::Write));
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::recorder::with_a_slot_of_each_kind;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt as _;

    fn probe() -> Probe {
        let (recorder, counter, _, read_lag) = with_a_slot_of_each_kind();
        Probe { recorder, sent: counter, received: counter, read_lag, stamps: Some(Rc::default()) }
    }

    async fn read(socket: &mut Socket, buffer: &mut [u8]) -> usize {
        loop {
            match socket.read(buffer) {
                Ok(count) => return count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll_fn(|cx| socket.poll_unblocked(cx)).await.unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn what_arrives_between_a_short_read_and_the_next_one_is_not_lost() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut socket, (mut peer, _)) = (Socket::new(client.unwrap(), probe(), Rc::new(())), server.unwrap());
        let mut buffer = [0; 64];
        peer.write_all(b"first").await.unwrap();
        assert_eq!(read(&mut socket, &mut buffer).await, 5);
        peer.write_all(b"second").await.unwrap();
        // The runtime looks at its sockets while this task waits for another one, and learns of the second write.
        let _other = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let second = tokio::time::timeout(std::time::Duration::from_secs(5), read(&mut socket, &mut buffer));
        assert_eq!(second.await, Ok(6));
    }
}
