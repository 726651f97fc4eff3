//! HTTP servers that break the protocol, on bare TCP: a thread for each connection.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpFault {
    /// Nobody listens.
    Refused,
    /// Reads the request and never answers.
    NeverAnswers,
    /// RST in place of an answer.
    ResetInsteadOfAnswer,
    /// End of stream in place of an answer.
    EndInsteadOfAnswer,
    /// Bytes that are no HTTP.
    Garbage,
    /// Fewer bytes than `Content-Length` says, then the end of the stream.
    ShortBody,
    /// A chunk whose length is no number.
    BadChunk,
    /// Chunks without an end.
    EndlessBody,
    /// Headers without an end.
    EndlessHead,
    /// `100 Continue` without an end.
    InformationalFlood,
    /// Answers the first request of a connection, and closes at the second one in place of an answer.
    EndsAtTheSecond,
    /// Answers with what it has, and ends the stream to say where that ends.
    CloseDelimited,
    /// Two interim responses before the answer, all in one segment.
    InterimFirst,
    /// Every byte of a chunked answer in a write of its own.
    ByteByByte,
    /// The end of the stream within a chunk.
    ChunkedEof,
    /// Says `Connection: close` and leaves the closing to the client.
    SaysClose,
    /// A second answer behind the first, to a request that nobody sent.
    AnswersTwice,
    /// Headers with the length of a body that the status has not, and none.
    LengthWithoutBody(u16),
    /// Two lengths.
    TwoLengths,
    /// More headers than anybody has.
    ManyHeaders,
    /// Refuses after the head, before it reads the body.
    AnswersBeforeTheBody,
}

/// A server with a fault; stopped on drop.
#[derive(Debug)]
pub(crate) struct FaultyHttp {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FaultyHttp {
    pub(crate) fn start(fault: HttpFault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut server =
            Self { address, accepted: Arc::default(), requests: Arc::default(), stop: Arc::default(), thread: None };
        if fault != HttpFault::Refused {
            let (accepted, requests) = (Arc::clone(&server.accepted), Arc::clone(&server.requests));
            let stop = Arc::clone(&server.stop);
            server.thread = Some(std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    accepted.fetch_add(1, Ordering::Relaxed);
                    let (requests, stop) = (Arc::clone(&requests), Arc::clone(&stop));
                    // A client that breaks off first is no concern of the fault.
                    std::thread::spawn(move || drop(serve(&stream, fault, &requests, &stop)));
                }
            }));
        }
        server
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Requests read so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for FaultyHttp {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Wakes the blocking accept.
            drop(TcpStream::connect(self.address));
            thread.join().expect("the server does not panic");
        }
    }
}

fn serve(stream: &TcpStream, fault: HttpFault, requests: &AtomicU64, stop: &AtomicBool) -> std::io::Result<()> {
    // Shorter than any test, so that no thread outlives them all.
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    for number in 1.. {
        if !read_head(&mut reader)? {
            return Ok(());
        }
        requests.fetch_add(1, Ordering::Relaxed);
        match fault {
            HttpFault::Refused | HttpFault::EndInsteadOfAnswer => return Ok(()),
            HttpFault::NeverAnswers => {}
            HttpFault::ResetInsteadOfAnswer => {
                return socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            HttpFault::Garbage => return writer.write_all(b"\x16\x03\x01\x00\xffSSH-2.0-garbage\r\n\r\n\x00\xff"),
            HttpFault::ShortBody => return writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
            HttpFault::BadChunk => {
                return writer.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n");
            }
            HttpFault::EndlessBody => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                return endless(writer, b"5\r\nhello\r\n", stop);
            }
            HttpFault::EndlessHead => {
                writer.write_all(b"HTTP/1.1 200 OK\r\n")?;
                return endless(writer, b"X-Header: and one more\r\n", stop);
            }
            HttpFault::InformationalFlood => return endless(writer, b"HTTP/1.1 100 Continue\r\n\r\n", stop),
            HttpFault::EndsAtTheSecond if number == 2 => return Ok(()),
            HttpFault::EndsAtTheSecond => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")?;
            }
            HttpFault::CloseDelimited => return writer.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello"),
            HttpFault::InterimFirst => writer.write_all(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            )?,
            HttpFault::ByteByByte => {
                let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n";
                for byte in answer {
                    writer.write_all(&[*byte])?;
                }
            }
            HttpFault::ChunkedEof => {
                return writer.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
            }
            HttpFault::SaysClose => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")?;
            }
            HttpFault::AnswersTwice => {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
                writer.write_all(answer)?;
            }
            HttpFault::LengthWithoutBody(status) => {
                writer.write_all(format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n").as_bytes())?;
            }
            HttpFault::TwoLengths => {
                return writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!");
            }
            HttpFault::ManyHeaders => {
                writer.write_all(b"HTTP/1.1 200 OK\r\n")?;
                writer.write_all(&b"A: b\r\n".repeat(1000))?;
                return writer.write_all(b"\r\n");
            }
            HttpFault::AnswersBeforeTheBody => {
                writer.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
                // Until the client has read that and closes: a reset would throw away what it has not read.
                return std::io::copy(&mut reader, &mut std::io::sink()).map(drop);
            }
        }
    }
    Ok(())
}

fn endless(mut writer: &TcpStream, part: &[u8], stop: &AtomicBool) -> std::io::Result<()> {
    let block = part.repeat(1000);
    while !stop.load(Ordering::Relaxed) {
        writer.write_all(&block)?;
    }
    Ok(())
}

/// Reads a request's head; false at the end of the stream. Closing with unread bytes would send RST in place of FIN.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<bool> {
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line == "\r\n" {
            return Ok(true);
        }
    }
}
