use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        Role, WebSocket,
        frame::{
            CloseFrame, Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

use super::*;

/// A message that owns what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
}

fn owned(incoming: Incoming<'_>) -> Owned {
    match incoming {
        Incoming::Text(text) => Owned::Text(text.to_vec()),
        Incoming::Binary(bytes) => Owned::Binary(bytes.to_vec()),
        Incoming::Ping(bytes) => Owned::Ping(bytes.to_vec()),
        Incoming::Pong(bytes) => Owned::Pong(bytes.to_vec()),
        Incoming::Close(code) => Owned::Close(code),
    }
}

/// Everything that came of `bytes`, read in pieces of the given lengths, and how it ended.
fn received(bytes: &[u8], pieces: &[usize], limit: usize) -> (Vec<Owned>, Result<(), Disconnect>) {
    let mut inbox = Inbox::new(Rc::default(), limit);
    let (mut messages, mut rest) = (Vec::new(), bytes);
    for length in pieces.iter().copied().chain([usize::MAX]) {
        let (piece, later) = rest.split_at(length.min(rest.len()));
        rest = later;
        if let Err(reason) = inbox.feed(piece, &mut |incoming| messages.push(owned(incoming))) {
            return (messages, Err(reason));
        }
    }
    (messages, Ok(()))
}

/// What tungstenite's client makes of the same bytes.
fn by_tungstenite(bytes: &[u8]) -> Vec<Owned> {
    /// Reads what there is and takes whatever is written.
    struct Stream(std::io::Cursor<Vec<u8>>);
    impl std::io::Read for Stream {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl std::io::Write for Stream {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            Ok(buffer.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut client = WebSocket::from_raw_socket(Stream(std::io::Cursor::new(bytes.to_vec())), Role::Client, None);
    std::iter::from_fn(|| client.read().ok())
        .filter_map(|message| match message {
            Message::Text(text) => Some(Owned::Text(text.as_bytes().to_vec())),
            Message::Binary(bytes) => Some(Owned::Binary(bytes.to_vec())),
            Message::Ping(bytes) => Some(Owned::Ping(bytes.to_vec())),
            Message::Pong(bytes) => Some(Owned::Pong(bytes.to_vec())),
            Message::Close(frame) => Some(Owned::Close(frame.map_or(1005, |frame| frame.code.into()))),
            Message::Frame(_) => None,
        })
        .collect()
}

fn frame(payload: Vec<u8>, opcode: OpCode, last: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::message(payload, opcode, last).format(&mut bytes).unwrap();
    bytes
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let text = "[a-zäß☃]{0,200}".prop_map(|text| frame(text.into_bytes(), OpCode::Data(Data::Text), true));
    let bytes =
        prop::collection::vec(any::<u8>(), 0..70_000).prop_map(|bytes| frame(bytes, OpCode::Data(Data::Binary), true));
    let short = || prop::collection::vec(any::<u8>(), 0..126);
    let formatted = |frame: Frame| {
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    };
    let ping = short().prop_map(move |bytes| formatted(Frame::ping(bytes)));
    let pong = short().prop_map(move |bytes| formatted(Frame::pong(bytes)));
    let fragmented = (prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 2..6), short()).prop_map(
        move |(parts, ping)| {
            let last = parts.len() - 1;
            let part = |(place, part): (usize, Vec<u8>)| {
                let opcode = if place == 0 { Data::Binary } else { Data::Continue };
                let mut bytes = frame(part, OpCode::Data(opcode), place == last);
                if place != last {
                    // A control frame may stand between the parts.
                    bytes.extend(formatted(Frame::ping(ping.clone())));
                }
                bytes
            };
            parts.into_iter().enumerate().flat_map(part).collect()
        },
    );
    prop_oneof![4 => text, 1 => bytes, 1 => ping, 1 => pong, 2 => fragmented]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn messages_come_out_as_from_tungstenite_however_the_bytes_are_cut(
        messages in prop::collection::vec(any_message(), 0..8),
        pieces in prop::collection::vec(prop_oneof![3 => 0usize..12, 1 => 0usize..20_000], 0..60),
        goodbye in prop::option::of(prop_oneof![Just(1000u16), Just(1011), 3000u16..5000]),
    ) {
        let mut bytes = messages.concat();
        if let Some(code) = goodbye {
            let close = CloseFrame { code: CloseCode::from(code), reason: "so long".into() };
            Frame::close(Some(close)).format(&mut bytes).unwrap();
        }
        let (mine, end) = received(&bytes, &pieces, 1 << 20);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(mine, by_tungstenite(&bytes));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), pieces in prop::collection::vec(0usize..8, 0..40)) {
        let (whole, ends) = received(&bytes, &[], 1 << 16);
        let (cut, ends_too) = received(&bytes, &pieces, 1 << 16);
        prop_assert_eq!((whole, ends), (cut, ends_too));
    }
}

#[test]
fn a_message_beyond_the_limit_is_refused_by_its_header() {
    let claim = [&[0x82, 127][..], &(i64::MAX as u64).to_be_bytes()].concat();
    assert_eq!(received(&claim, &[], 1024), (vec![], Err(Disconnect::TooBig)));
    let mut parts = frame(vec![0; 1000], OpCode::Data(Data::Binary), false);
    parts.extend(frame(vec![0; 24], OpCode::Data(Data::Continue), true));
    assert_eq!(received(&parts, &[], 1024).1, Ok(()));
    assert_eq!(received(&parts, &[], 1023).1, Err(Disconnect::TooBig), "all parts together");
}

#[test]
fn parts_that_do_not_follow_each_other_are_refused() {
    let alone = frame(vec![], OpCode::Data(Data::Continue), true);
    assert_eq!(received(&alone, &[], 1024).1, Err(Disconnect::Protocol));
    let mut interleaved = frame(vec![1], OpCode::Data(Data::Text), false);
    interleaved.extend(frame(vec![2], OpCode::Data(Data::Text), true));
    assert_eq!(received(&interleaved, &[], 1024).1, Err(Disconnect::Protocol));
}

#[test]
fn text_must_be_utf8_in_one_frame_and_over_several() {
    let cut = frame(vec![0xc3], OpCode::Data(Data::Text), true);
    assert_eq!(received(&cut, &[], 1024).1, Err(Disconnect::BadUtf8));
    let mut over_two = frame(vec![0xc3], OpCode::Data(Data::Text), false);
    over_two.extend(frame(vec![0xa4], OpCode::Data(Data::Continue), true));
    assert_eq!(received(&over_two, &[], 1024), (vec![Owned::Text("ä".into())], Ok(())));
}

#[test]
fn codes_that_must_not_be_sent_are_told_apart() {
    let close = |payload: &[u8]| received(&[&[0x88, payload.len() as u8], payload].concat(), &[], 1024);
    assert_eq!(close(&[]), (vec![Owned::Close(1005)], Ok(())));
    assert_eq!(close(&1011u16.to_be_bytes()), (vec![Owned::Close(1011)], Ok(())));
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        assert_eq!(close(&code.to_be_bytes()).1, Err(Disconnect::BadCloseCode), "{code}");
    }
    assert_eq!(close(&[3]).1, Err(Disconnect::BadCloseCode), "half a code");
    assert_eq!(close(&[3, 0xe8, 0xff]).1, Err(Disconnect::BadUtf8));
}

#[test]
fn nothing_is_taken_after_a_goodbye() {
    let mut bytes = vec![0x88, 0];
    bytes.extend(frame(b"late".to_vec(), OpCode::Data(Data::Text), true));
    assert_eq!(received(&bytes, &[3], 1024), (vec![Owned::Close(1005)], Ok(())));
}
