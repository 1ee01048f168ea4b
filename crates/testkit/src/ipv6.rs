//! Packets of IPv6 sent from inside a namespace, and what becomes of them.

use std::io::Read;
use std::io::Write as _;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::probe::{REPEAT_AFTER, Reach, Server, TICK, inside, ping_identifier, reach_of};

fn at(address: Ipv6Addr, port: u16) -> SocketAddr {
    SocketAddrV6::new(address, port, 0, 0).into()
}

/// Calls a TCP port from a namespace. A [`Server`] of [`serve_tcp`] there says whom it sees.
pub fn tcp(from: &Path, to: Ipv6Addr, port: u16, timeout: Duration) -> Reach {
    inside(from, || {
        let call = || -> std::io::Result<Ipv6Addr> {
            let mut stream = TcpStream::connect_timeout(&at(to, port), timeout)?;
            stream.set_read_timeout(Some(timeout))?;
            let mut seen = [0u8; 16];
            stream.read_exact(&mut seen)?;
            Ok(Ipv6Addr::from(seen))
        };
        call().map_or_else(|e| reach_of(&e), Reach::AnsweredIpv6)
    })
}

/// Sends ICMPv6 echo requests from a namespace and waits for a reply. The source seen is not known: `::`.
pub fn ping(from: &Path, to: Ipv6Addr, timeout: Duration) -> Reach {
    inside(from, || {
        let attempt = || -> std::io::Result<bool> {
            let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
            let [high, low] = ping_identifier();
            // The kernel fills in the checksum.
            let request = [128, 0, 0, 0, high, low, 0, 1];
            socket.set_read_timeout(Some(Duration::from_millis(20)))?;
            let deadline = Instant::now() + timeout;
            let mut repeat_at = Instant::now();
            while Instant::now() < deadline {
                if Instant::now() >= repeat_at {
                    socket.send_to(&request, &SockAddr::from(at(to, 0)))?;
                    repeat_at = Instant::now() + REPEAT_AFTER;
                }
                let mut answer = [0u8; 256];
                let length = (&socket).read(&mut answer).unwrap_or_default();
                if length >= 8 && answer[0] == 129 && answer[4..8] == request[4..8] {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        match attempt() {
            Ok(true) => Reach::AnsweredIpv6(Ipv6Addr::UNSPECIFIED),
            Ok(false) => Reach::Silence,
            Err(e) => reach_of(&e),
        }
    })
}

/// Listens on a TCP port over IPv6 alone, and says to each caller what address it came from.
///
/// # Panics
/// If the port is taken.
pub fn serve_tcp(namespace: &Path, port: u16) -> Server {
    let listener = inside(namespace, || {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
        socket.set_only_v6(true).expect("a socket for IPv6");
        socket.bind(&SockAddr::from(at(Ipv6Addr::UNSPECIFIED, port))).expect("a free TCP port");
        socket.listen(16).expect("a listening socket");
        TcpListener::from(socket)
    });
    answer_tcp(listener)
}

/// Says to each caller of a listener what address it came from.
///
/// # Panics
/// If the listener cannot be used.
pub fn answer_tcp(listener: TcpListener) -> Server {
    Server::start(move |stop, _| {
        listener.set_nonblocking(true).expect("a listener that does not block");
        while !stop.load(Ordering::Relaxed) {
            match listener.accept() {
                // A caller that has gone again is its own business.
                Ok((mut stream, SocketAddr::V6(caller))) => drop(stream.write_all(&caller.ip().octets())),
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    })
}

/// Sends a message of ICMPv6 with a hop limit of 255, as messages of neighbour discovery have it.
///
/// # Panics
/// If the namespace gives no raw socket.
pub fn send_icmpv6(from: &Path, source: Ipv6Addr, to: Ipv6Addr, message: &[u8]) {
    inside(from, || {
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).expect("a raw socket");
        socket.set_unicast_hops_v6(255).expect("a hop limit");
        socket.set_multicast_hops_v6(255).expect("a hop limit");
        socket.bind_device(Some(b"eth0")).expect("the machine's link");
        socket.bind(&SockAddr::from(at(source, 0))).expect("a source");
        // What has no way at all does not arrive, either.
        let _ = socket.send_to(message, &SockAddr::from(at(to, 0)));
    });
}

/// The types of ICMPv6 messages from this source that come within the time; `work` sends them.
///
/// # Panics
/// If the namespace gives no raw socket.
pub fn icmpv6_heard(at: &Path, from: Ipv6Addr, time: Duration, work: impl FnOnce()) -> Vec<u8> {
    let socket = inside(at, || Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).expect("a raw socket"));
    work();
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(TICK)).expect("a socket with a timeout");
    let deadline = Instant::now() + time;
    let mut heard = Vec::new();
    while Instant::now() < deadline {
        let mut message = [0u8; 256];
        if let Ok((_, sender)) = socket.recv_from(&mut message)
            && sender.ip() == from
        {
            heard.push(message[0]);
        }
    }
    heard
}
