//! The byte stream under HTTP/2: our transport with its kernel stamps, as hyper wants it.

use std::{
    cell::Cell,
    io::{self, Read as _, Write as _},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::{clock::Instant, protocol::http::Scratch, protocol::transport::Transport};

/// Reads in a row before other tasks get their turn.
const READS: u32 = 16;

/// When a connection last did something.
#[derive(Debug)]
pub(super) struct Marks {
    /// The kernel took bytes.
    pub(super) written: Cell<Option<Instant>>,
    /// The bytes last read had arrived.
    pub(super) arrived: Cell<Instant>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { written: Cell::new(None), arrived: Cell::new(Instant::now()) }
    }
}

/// A transport with its marks.
#[derive(Debug)]
pub(super) struct Stream {
    transport: Transport,
    marks: Rc<Marks>,
    /// hyper hands out memory that only unsafe code could read into; a copy of what really came costs less than filling
    /// it with zeros first.
    scratch: Scratch,
    unflushed: bool,
    reads: u32,
}

impl Stream {
    pub(super) fn new(transport: Transport, marks: Rc<Marks>, scratch: Scratch) -> Self {
        Self { transport, marks, scratch, unflushed: false, reads: 0 }
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.reads += 1;
        if this.reads > READS {
            this.reads = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let mut scratch = this.scratch.0.borrow_mut();
            let room = buffer.remaining().min(scratch.len());
            match this.transport.read(&mut scratch[..room]) {
                Ok(count) => {
                    if count > 0 {
                        buffer.put_slice(&scratch[..count]);
                        this.marks.arrived.set(this.transport.arrived_at());
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    this.reads = 0;
                    ready!(this.transport.poll_unblocked(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            match this.transport.write(buffer) {
                Ok(count) => {
                    this.unflushed = true;
                    this.marks.written.set(Some(Instant::now()));
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.transport.poll_writable(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unflushed {
            return Poll::Ready(Ok(()));
        }
        loop {
            match this.transport.flush() {
                Ok(()) => {
                    this.unflushed = false;
                    if this.transport.is_encrypted() {
                        this.marks.written.set(Some(Instant::now()));
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.transport.poll_writable(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Dropping the socket closes it.
        Poll::Ready(Ok(()))
    }
}
