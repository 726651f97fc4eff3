//! A name server on loopback that says what a test wants, and counts what it is asked.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What it says of a name. Other names do not exist.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// Its addresses, good for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// SERVFAIL.
    Failure,
    /// Nothing at all.
    Nothing,
}

type Zone = Arc<Mutex<BTreeMap<String, Says>>>;
/// Queries by name and type.
type Asked = Arc<Mutex<BTreeMap<(String, u16), u64>>>;

/// Stopped on drop.
#[derive(Debug)]
pub(crate) struct NameServer {
    address: SocketAddr,
    zone: Zone,
    asked: Asked,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const A: u16 = 1;
const AAAA: u16 = 28;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

impl NameServer {
    pub(crate) fn start() -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same at an address of one's choice.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
        let address = socket.local_addr().expect("bound");
        let (zone, asked, stop) = (Zone::default(), Asked::default(), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (zone, asked, stop) = (zone.clone(), asked.clone(), stop.clone());
            std::thread::spawn(move || serve(&socket, &zone, &asked, &stop))
        };
        Self { address, zone, asked, stop, thread: Some(thread) }
    }

    /// Says `addresses` of `name` from now on, good for `seconds`.
    pub(crate) fn name(&self, name: &str, addresses: &[&str], seconds: u32) {
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        self.says(name, Says::Addresses(addresses, seconds));
    }

    pub(crate) fn says(&self, name: &str, says: Says) {
        self.zone.lock().expect("the server does not panic").insert(name.to_owned(), says);
    }

    /// Its address, as `dns: { servers: … }` wants it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Questions for IPv4 addresses of `name` so far.
    pub(crate) fn asked_v4(&self, name: &str) -> u64 {
        self.asked.lock().expect("the server does not panic").get(&(name.to_owned(), A)).copied().unwrap_or(0)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

fn serve(socket: &UdpSocket, zone: &Zone, asked: &Asked, stop: &AtomicBool) {
    let mut packet = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, client)) = socket.recv_from(&mut packet) else { continue };
        let Some((name, kind, question_end)) = question(&packet[..length]) else { continue };
        *asked.lock().expect("nobody panics").entry((name.clone(), kind)).or_insert(0) += 1;
        let says = zone.lock().expect("nobody panics").get(&name).cloned();
        let (code, records) = match says {
            Some(Says::Nothing) => continue,
            Some(Says::Failure) => (SERVFAIL, Vec::new()),
            Some(Says::Addresses(addresses, seconds)) => (0, records(&addresses, kind, seconds)),
            None => (NXDOMAIN, Vec::new()),
        };
        let mut answer = packet[..2].to_vec();
        // A response that recursion was available for; one question, its answers, nothing else (RFC 1035, 4.1.1).
        answer.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        answer.extend(&packet[12..question_end]);
        answer.extend(records.concat());
        socket.send_to(&answer, client).expect("loopback");
    }
}

/// Name in lower case, type, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    (packet.len() >= at + 4).then(|| (labels.join("."), kind, at + 4))
}

fn records(addresses: &[IpAddr], kind: u16, seconds: u32) -> Vec<Vec<u8>> {
    let record = |bytes: &[u8]| {
        // The name is the question's (a pointer to byte 12), the class IN.
        let mut record = vec![0xc0, 12];
        record.extend(kind.to_be_bytes());
        record.extend([0, 1]);
        record.extend(seconds.to_be_bytes());
        record.extend((bytes.len() as u16).to_be_bytes());
        record.extend(bytes);
        record
    };
    let of_kind = addresses.iter().filter_map(|address| match (address, kind) {
        (IpAddr::V4(address), A) => Some(record(&address.octets())),
        (IpAddr::V6(address), AAAA) => Some(record(&address.octets())),
        _ => None,
    });
    of_kind.collect()
}
