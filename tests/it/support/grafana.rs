//! A small fake of Grafana's annotations API: adds and changes marks as its documentation says, or fails. There is no
//! Grafana among the test tools.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// After so long.
    Slowly(Duration),
    /// Reads requests and never answers.
    Never,
    /// Nobody listens.
    Refuses,
    /// With this status.
    Status(u16),
    /// With this status to every first of two requests.
    EveryOther(u16),
    /// With 200 and a page for people.
    Page,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Value,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<Asked>,
    /// What has been added, as changed since.
    annotations: BTreeMap<u64, Value>,
}

/// See the module; stopped on drop.
#[derive(Debug)]
pub(crate) struct Grafana {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Grafana {
    pub(crate) fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (state, stop): (Arc<Mutex<State>>, Arc<AtomicBool>) = Default::default();
        let thread = (mood != Mood::Refuses).then(|| {
            let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut connections = Vec::new();
                while let Ok((stream, _)) = listener.accept() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
                    connections.push(std::thread::spawn(move || serve(&stream, mood, &state, &stop)));
                }
                connections.into_iter().for_each(|connection| connection.join().expect("no connection panics"));
            })
        });
        Self { address, state, stop, thread }
    }

    /// Its address, below a path as behind a proxy.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/grafana/", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no connection panics")
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// What it shows, in the order in which it was added.
    pub(crate) fn annotations(&self) -> Vec<Value> {
        self.state().annotations.values().cloned().collect()
    }
}

impl Drop for Grafana {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // Wakes the accept.
            drop(TcpStream::connect(self.address));
            drop(thread.join());
        }
    }
}

fn serve(stream: &TcpStream, mood: Mood, state: &Mutex<State>, stop: &AtomicBool) {
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
    let mut reader = BufReader::new(stream);
    while let Some(asked) = request(&mut reader, stop) {
        let number = {
            let mut state = state.lock().expect("no connection panics");
            state.asked.push(asked.clone());
            state.asked.len()
        };
        let failure = match mood {
            Mood::Never => continue,
            Mood::Slowly(pause) => {
                std::thread::sleep(pause);
                None
            }
            Mood::Status(status) => Some(status),
            Mood::EveryOther(status) => (number % 2 == 1).then_some(status),
            Mood::Well | Mood::Page | Mood::Refuses => None,
        };
        let (status, answer) = match failure {
            Some(status) => (status, json!({ "message": "no" }).to_string()),
            None if mood == Mood::Page => (200, "<html>Welcome</html>".to_owned()),
            None => answer(&asked, &mut state.lock().expect("no connection panics").annotations),
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", answer.len());
        // The agent may have gone.
        if (&mut &*stream).write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}

/// As Grafana: 200 with a number for a new mark, and for changes of one that is there.
fn answer(asked: &Asked, annotations: &mut BTreeMap<u64, Value>) -> (u16, String) {
    let path = asked.path.strip_prefix("/grafana/api/annotations");
    let number = path.and_then(|rest| rest.strip_prefix('/')?.parse::<u64>().ok());
    match (asked.method.as_str(), path, number.and_then(|number| annotations.get_mut(&number))) {
        ("POST", Some(""), _) => {
            let number = annotations.len() as u64 + 17;
            annotations.insert(number, asked.body.clone());
            (200, json!({ "message": "Annotation added", "id": number }).to_string())
        }
        ("PATCH", _, Some(annotation)) => {
            for (key, value) in asked.body.as_object().expect("an object") {
                annotation[key] = value.clone();
            }
            (200, json!({ "message": "Annotation patched" }).to_string())
        }
        _ => (404, json!({ "message": "Not found" }).to_string()),
    }
}

/// The next request; none at the end of the stream, or of the server.
fn request(reader: &mut BufReader<&TcpStream>, stop: &AtomicBool) -> Option<Asked> {
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.is_empty()) {
        lines.push(line(reader, stop)?);
    }
    let header = |name: &str| {
        let fields = lines.iter().filter_map(|line| line.split_once(':'));
        let mut found = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("head and body come together");
    let mut words = lines[0].split(' ').map(str::to_owned);
    Some(Asked {
        method: words.next()?,
        path: words.next()?,
        authorization: header("authorization"),
        content_type: header("content-type"),
        body: serde_json::from_slice(&body).expect("JSON"),
    })
}

fn line(reader: &mut BufReader<&TcpStream>, stop: &AtomicBool) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        match reader.read_until(b'\n', &mut bytes) {
            Ok(_) if bytes.ends_with(b"\n") => return Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
            Ok(_) => return None,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                if stop.load(Ordering::SeqCst) {
                    return None;
                }
            }
            Err(_) => return None,
        }
    }
}
