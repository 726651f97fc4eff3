//! Streams of events.

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::*;

/// Who reads a stream.
struct Watcher(BufReader<TcpStream>);

impl Watcher {
    async fn open(addr: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line that is not of the head or of chunks; none at the end.
    async fn data(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            let read = timeout(Duration::from_secs(20), self.0.read_line(&mut line)).await.expect("in time");
            if read.ok()? == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn events_come_at_once_and_with_every_change_until_the_end() {
    let served = serving(None);
    let mut reader = Watcher::open(served.server.addr()).await;
    assert_eq!(reader.data().await.unwrap()["run"], Value::Null);
    for phase in [Phase::Starting, Phase::Running, Phase::Finished] {
        served.board.show(status("r1", phase));
        assert_eq!(reader.data().await.unwrap()["run"]["phase"], json!(phase));
    }
    drop(served.server);
    assert_eq!(reader.data().await, None, "the stream ends with the server");
}

#[tokio::test]
async fn streams_are_bounded_and_their_places_come_back() {
    let served = serving(None);
    let mut readers = Vec::new();
    for _ in 0..events::MOST {
        let mut reader = Watcher::open(served.server.addr()).await;
        reader.data().await.unwrap();
        readers.push(reader);
    }
    let one_more = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(served.code(one_more).await, (503, "too_many_streams".to_owned()));
    assert_eq!(served.get("/api/v1/status").await.0, 200, "others are answered");
    served.board.show(status("r1", Phase::Running));
    for reader in &mut readers {
        assert_eq!(reader.data().await.unwrap()["run"]["id"], "r1");
    }
    readers.clear();
    let again = async {
        loop {
            let mut reader = Watcher::open(served.server.addr()).await;
            if let Some(data) = reader.data().await {
                return data;
            }
        }
    };
    assert_eq!(timeout(Duration::from_secs(20), again).await.unwrap()["run"]["id"], "r1");
}
