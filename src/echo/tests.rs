use futures_util::{SinkExt, StreamExt};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, error::ProtocolError, protocol::CloseFrame},
};

use super::{
    faults::{CloseAfter, Freeze},
    *,
};

/// Far longer than anything here takes, so that a test that would hang fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

fn echo(faults: Faults) -> Echo {
    Echo::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &Options { faults, ..Options::default() }).unwrap()
}

async fn open(echo: &Echo) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(echo.addr()).await.unwrap();
    let opened = client_async(format!("ws://{}/", echo.addr()), stream);
    tokio::time::timeout(PATIENCE, opened).await.unwrap().map(|(socket, _)| socket)
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Option<Result<Message, Error>> {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("nothing came")
}

async fn burst(socket: &mut WebSocketStream<TcpStream>, messages: usize) {
    for number in 0..messages {
        socket.feed(Message::text(format!("message {number}"))).await.unwrap();
    }
    socket.flush().await.unwrap();
}

async fn expect_replies(socket: &mut WebSocketStream<TcpStream>, messages: usize) {
    for number in 0..messages {
        assert_eq!(next(socket).await.unwrap().unwrap(), Message::text(format!("message {number}")));
    }
}

fn is_reset(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn echoes_in_order_and_counts() {
    let echo = echo(Faults::default());
    let mut socket = open(&echo).await.unwrap();
    burst(&mut socket, 100).await;
    expect_replies(&mut socket, 100).await;
    let large = Message::binary(vec![7; 1 << 20]);
    socket.send(large.clone()).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap().unwrap(), large);
    socket.send(Message::Ping("p".into())).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap().unwrap(), Message::Pong("p".into()));
    socket.close(None).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap().unwrap(), Message::Close(None));
    assert!(next(&mut socket).await.is_none());
    let counts = echo.stop();
    let expected =
        Counts { accepted: 1, opened: 1, messages_in: 101, messages_out: 101, closes: 1, ..Counts::default() };
    assert_eq!(counts, expected);
    let json = serde_json::to_value(counts).unwrap();
    assert_eq!(json["messages_in"], 101);
}

#[tokio::test]
async fn serves_from_several_threads() {
    let options = Options { threads: NonZeroUsize::new(3).unwrap(), ..Options::default() };
    let echo = Echo::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &options).unwrap();
    for _ in 0..20 {
        let mut socket = open(&echo).await.unwrap();
        burst(&mut socket, 2).await;
        expect_replies(&mut socket, 2).await;
    }
    let counts = echo.counts();
    assert_eq!((counts.accepted, counts.opened, counts.messages_in), (20, 20, 40));
}

#[tokio::test]
async fn a_client_that_just_goes_is_counted() {
    let echo = echo(Faults::default());
    drop(open(&echo).await.unwrap());
    let counts = echo.stop();
    assert_eq!((counts.opened, counts.closes, counts.aborted), (1, 0, 1));
}

#[tokio::test]
async fn stop_closes_open_connections_as_going_away() {
    let echo = echo(Faults::default());
    let mut socket = open(&echo).await.unwrap();
    burst(&mut socket, 1).await;
    expect_replies(&mut socket, 1).await;
    let stopped = tokio::task::spawn_blocking(move || echo.stop());
    let Message::Close(Some(CloseFrame { code, .. })) = next(&mut socket).await.unwrap().unwrap() else {
        panic!("no Close frame")
    };
    assert_eq!(u16::from(code), 1001);
    assert!(next(&mut socket).await.is_none());
    let counts = stopped.await.unwrap();
    assert_eq!((counts.closes, counts.aborted), (1, 0));
}

#[tokio::test]
async fn delay_moves_a_burst_and_leaves_it_a_burst() {
    let delay = Duration::from_millis(40);
    let echo = echo(Faults { delay, ..Faults::default() });
    let mut socket = open(&echo).await.unwrap();
    let start = Instant::now();
    burst(&mut socket, 100).await;
    expect_replies(&mut socket, 100).await;
    let took = Instant::now().since(start);
    assert!((delay..delay * 50).contains(&took), "{took:?}: one after the other it would be 4 s");
    assert_eq!(echo.counts().messages_in, 100);
}

#[tokio::test]
async fn refuses_with_a_status() {
    let echo = echo(Faults { refuse_status: Some(403), ..Faults::default() });
    let Error::Http(response) = open(&echo).await.unwrap_err() else { panic!("not an HTTP answer") };
    assert_eq!(response.status(), 403);
    let counts = echo.stop();
    assert_eq!((counts.accepted, counts.opened, counts.not_opened), (1, 0, 1));
    let impossible = Options { faults: Faults { refuse_status: Some(200), ..Faults::default() }, ..Options::default() };
    let refused = Echo::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &impossible).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn stalls_the_upgrade_until_the_client_goes() {
    let echo = echo(Faults { stall_upgrade: true, ..Faults::default() });
    let stream = TcpStream::connect(echo.addr()).await.unwrap();
    let opened = client_async(format!("ws://{}/", echo.addr()), stream);
    assert!(tokio::time::timeout(Duration::from_millis(100), opened).await.is_err(), "it answered");
    let counts = echo.stop();
    assert_eq!((counts.accepted, counts.opened, counts.not_opened), (1, 0, 1));
}

#[tokio::test]
async fn resets_on_accept() {
    let echo = echo(Faults { reset_on_accept: true, ..Faults::default() });
    let mut stream = TcpStream::connect(echo.addr()).await.unwrap();
    let error = tokio::time::timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn resets_after_some_messages() {
    let echo = echo(Faults { reset_after: Some(3), ..Faults::default() });
    let mut socket = open(&echo).await.unwrap();
    burst(&mut socket, 3).await;
    expect_replies(&mut socket, 3).await;
    assert!(is_reset(&next(&mut socket).await.unwrap().unwrap_err()));
    let counts = echo.stop();
    assert_eq!((counts.messages_in, counts.messages_out, counts.aborted), (3, 3, 1));
}

#[tokio::test]
async fn closes_after_some_messages() {
    let echo = echo(Faults { close_after: Some(CloseAfter { messages: 2, code: 1011 }), ..Faults::default() });
    let mut socket = open(&echo).await.unwrap();
    burst(&mut socket, 5).await;
    expect_replies(&mut socket, 2).await;
    let Message::Close(Some(CloseFrame { code, .. })) = next(&mut socket).await.unwrap().unwrap() else {
        panic!("no Close frame")
    };
    assert_eq!(u16::from(code), 1011);
    assert!(next(&mut socket).await.is_none());
    let counts = echo.stop();
    assert_eq!((counts.messages_in, counts.messages_out, counts.closes, counts.aborted), (5, 2, 1, 0));
}

#[tokio::test]
async fn freezes_for_a_while_and_then_answers_everything() {
    // From before the server's start is not possible; from its start is.
    let freeze = Freeze { from: Duration::ZERO, length: Duration::from_millis(200) };
    let start = Instant::now();
    let echo = echo(Faults { freeze: Some(freeze), ..Faults::default() });
    let mut socket = open(&echo).await.unwrap();
    assert!(Instant::now().since(start) >= freeze.length);
    burst(&mut socket, 10).await;
    expect_replies(&mut socket, 10).await;
}

#[tokio::test]
async fn is_silent_but_reads() {
    let echo = echo(Faults { silent: true, ..Faults::default() });
    let mut socket = open(&echo).await.unwrap();
    burst(&mut socket, 10).await;
    socket.close(None).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap().unwrap(), Message::Close(None));
    let counts = echo.stop();
    assert_eq!((counts.messages_in, counts.messages_out, counts.closes), (10, 0, 1));
}

#[tokio::test]
async fn never_answers_a_close() {
    let echo = echo(Faults { drop_close: true, ..Faults::default() });
    let mut socket = open(&echo).await.unwrap();
    burst(&mut socket, 1).await;
    expect_replies(&mut socket, 1).await;
    socket.close(None).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), socket.next()).await.is_err(), "it answered");
    assert_eq!(echo.counts().closes, 1);
    let stopped = tokio::task::spawn_blocking(move || echo.stop());
    let error = next(&mut socket).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)), "{error}");
    assert_eq!(stopped.await.unwrap().closes, 1);
}
