//! Knowing that a client has read a response to its end.
//!
//! A response that the kernel took is not a response that was read: when a pod ends, its network
//! goes away with whatever is still in the socket. So a connection serves one request, and after
//! the response its end is announced (FIN); a client that closes its side in turn has read it all.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A stream whose shutdown is done when the peer has closed too.
#[derive(Debug)]
pub(super) struct Confirmed {
    stream: TcpStream,
    ended: bool,
    by_peer: Rc<Cell<bool>>,
}

impl Confirmed {
    /// Also returns the flag that is set when the peer has closed in order.
    pub(super) fn new(stream: TcpStream) -> (Self, Rc<Cell<bool>>) {
        let by_peer = Rc::new(Cell::new(false));
        (Self { stream, ended: false, by_peer: Rc::clone(&by_peer) }, by_peer)
    }
}

impl AsyncRead for Confirmed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Confirmed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.ended = true;
        }
        // What else the client sends is of no interest; unread, it would turn our close into a reset.
        loop {
            let mut rest = [0; 1024];
            let mut rest = ReadBuf::new(&mut rest);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest))?;
            if rest.filled().is_empty() {
                self.by_peer.set(true);
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
