//! What full TLS 1.3 handshakes cost with rustls alone: one thread on epoll that connects, shakes
//! hands and closes, so many at a time. The certificate is verified as rampd does it.
//!
//! ```text
//! rustls_handshakes ADDR CA_FILE COUNT PARALLEL   prints handshakes and CPU seconds as JSON
//! ```

#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a bench program: it ends where it fails")]

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
};

use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    resource::{UsageWho, getrusage},
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

struct Peer {
    stream: TcpStream,
    tls: ClientConnection,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address: SocketAddr = arguments[0].parse().expect("ADDR");
    let number = |place: usize| arguments[place].parse::<u64>().expect("a number");
    let (count, parallel) = (number(2), number(3));
    let config = config(&arguments[1]);
    let name = ServerName::from(address.ip());
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let mut peers: HashMap<RawFd, Peer> = HashMap::new();
    let mut events = vec![EpollEvent::empty(); 1024];
    let (mut begun, mut done) = (0, 0);
    let before = cpu_seconds();
    while done < count {
        while begun < count && begun - done < parallel {
            let mut peer = connect(address, &config, &name);
            begun += 1;
            // The server has another core: it may have answered already.
            if advance(&mut peer) {
                done += 1;
                continue;
            }
            let fd = peer.stream.as_raw_fd();
            epoll.add(&peer.stream, EpollEvent::new(EpollFlags::EPOLLIN, fd as u64)).expect("epoll");
            peers.insert(fd, peer);
        }
        if peers.is_empty() {
            continue;
        }
        let ready = epoll.wait(&mut events, EpollTimeout::from(10_000u16)).expect("epoll");
        assert!(ready > 0, "the server has not answered for 10 s");
        for event in &events[..ready] {
            let fd = event.data() as RawFd;
            if peers.get_mut(&fd).is_some_and(advance) {
                peers.remove(&fd);
                done += 1;
            }
        }
    }
    println!("{{\"handshakes\":{done},\"cpu_seconds\":{:.4}}}", cpu_seconds() - before);
}

fn config(ca_file: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file).expect("CA_FILE") {
        roots.add(certificate.expect("PEM")).expect("a trust anchor");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions of the provider");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Over loopback the kernel connects at once.
fn connect(address: SocketAddr, config: &Arc<ClientConfig>, name: &ServerName<'static>) -> Peer {
    let stream = TcpStream::connect(address).expect("the server");
    stream.set_nodelay(true).expect("nodelay");
    stream.set_nonblocking(true).expect("non-blocking");
    let tls = ClientConnection::new(Arc::clone(config), name.clone()).expect("a client");
    Peer { stream, tls }
}

/// Goes on as far as the server has; true when the handshake is done and its last flight and close_notify are out.
fn advance(peer: &mut Peer) -> bool {
    let Peer { stream, tls } = peer;
    loop {
        while tls.wants_write() {
            tls.write_tls(stream).expect("a handshake fits into the socket's buffer");
        }
        if !tls.is_handshaking() {
            assert_eq!(tls.protocol_version(), Some(ProtocolVersion::TLSv1_3));
            assert_eq!(tls.handshake_kind(), Some(HandshakeKind::Full));
            tls.send_close_notify();
            tls.write_tls(stream).expect("an alert fits into the socket's buffer");
            return true;
        }
        match tls.read_tls(stream) {
            Ok(0) => panic!("the server ended the connection"),
            Ok(_) => drop(tls.process_new_packets().expect("a proper handshake")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}
