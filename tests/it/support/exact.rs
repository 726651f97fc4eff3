//! A WebSocket target that answers each message a known time after it has read it: sleeps most of
//! the time and spins the rest, so that its own timer adds microseconds, not milliseconds.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio_tungstenite::tungstenite::{self, Message};

/// Spun at the end of each delay; a sleeping thread wakes up to 150 µs late.
const SPUN: Duration = Duration::from_micros(300);

pub(crate) struct ExactTarget {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ExactTarget {
    pub(crate) fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = stopped.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                thread::spawn(move || answer(stream, delay));
            }
        });
        Self { address, stopped, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for ExactTarget {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; if it has ended there is nothing to wake.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the target keeps time by itself, not by the agent's clock")]
fn answer(stream: TcpStream, delay: Duration) {
    // A client that goes away ends the thread; the test looks at the agent's counts.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        let due = Instant::now() + delay;
        if let Message::Text(_) = message {
            thread::sleep(delay.saturating_sub(SPUN));
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            if socket.send(message).is_err() {
                return;
            }
        }
    }
}
