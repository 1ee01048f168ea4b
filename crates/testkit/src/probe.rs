//! Packets sent from inside a namespace, and what becomes of them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::netns::run_in;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It was answered; the server saw this source address.
    Answered(Ipv4Addr),
    /// The same over IPv6.
    AnsweredIpv6(Ipv6Addr),
    /// A machine said that nobody listens.
    Refused,
    /// Nothing came back.
    Silence,
    /// The kernel or a router said that there is no way.
    Unreachable,
}

impl Reach {
    /// Whether the packet came to the machine: also when nobody listens there.
    pub fn arrived(self) -> bool {
        matches!(self, Self::Answered(_) | Self::AnsweredIpv6(_) | Self::Refused)
    }
}

/// Runs `work` in the namespace.
///
/// # Panics
/// If the namespace cannot be entered.
pub(crate) fn inside<T: Send>(namespace: &Path, work: impl FnOnce() -> T + Send) -> T {
    run_in(namespace, || Ok(work())).unwrap_or_else(|e| panic!("{}: {e}", namespace.display()))
}

pub(crate) fn reach_of(error: &std::io::Error) -> Reach {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Reach::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Reach::Silence,
        _ => Reach::Unreachable,
    }
}

/// A TCP connection to a [`Server`], to be used again later.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    /// Sends a line and waits for it to come back; false if it does not within the time.
    pub fn echoes(&mut self, timeout: Duration) -> bool {
        let text = b"are you there?\n";
        let mut answer = [0u8; 15];
        self.0.set_read_timeout(Some(timeout)).is_ok()
            && self.0.write_all(text).is_ok()
            && self.0.read_exact(&mut answer).is_ok()
            && &answer == text
    }
}

/// Calls a TCP port from a namespace. A [`Server`] there says whom it sees.
pub fn tcp_connect(from: &Path, to: SocketAddrV4, timeout: Duration) -> Result<(Connection, Ipv4Addr), Reach> {
    inside(from, || {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::V4(to), timeout).map_err(|e| reach_of(&e))?;
        stream.set_read_timeout(Some(timeout)).map_err(|e| reach_of(&e))?;
        let mut seen = [0u8; 4];
        stream.read_exact(&mut seen).map_err(|e| reach_of(&e))?;
        Ok((Connection(stream), Ipv4Addr::from(seen)))
    })
}

/// How long it takes to call a TCP port `count` times, one after the other, where a machine answers but nobody listens:
/// the price of a new connection.
///
/// # Panics
/// If a call meets anything but a refusal.
pub fn time_refusals(from: &Path, to: SocketAddrV4, count: u32) -> Duration {
    inside(from, || {
        let start = Instant::now();
        for _ in 0..count {
            let error = TcpStream::connect_timeout(&SocketAddr::V4(to), Duration::from_secs(5)).map(drop);
            assert_eq!(error.map_err(|e| reach_of(&e)), Err(Reach::Refused));
        }
        start.elapsed()
    })
}

/// How long a question without an answer waits before it is repeated: any packet may be lost on a link just made.
pub(crate) const REPEAT_AFTER: Duration = Duration::from_millis(250);

/// Sends a datagram from a namespace, again and again, and waits for the answer of a [`Server`].
pub fn udp_ask(from: &Path, to: SocketAddrV4, timeout: Duration) -> Reach {
    inside(from, || {
        let ask = || -> std::io::Result<Ipv4Addr> {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.connect(to)?;
            socket.set_read_timeout(Some(REPEAT_AFTER.min(timeout)))?;
            let deadline = Instant::now() + timeout;
            loop {
                socket.send(b"hello")?;
                let mut seen = [0u8; 4];
                match socket.recv(&mut seen) {
                    Err(e) if reach_of(&e) == Reach::Silence && Instant::now() < deadline => {}
                    result => return result.map(|_| Ipv4Addr::from(seen)),
                }
            }
        };
        ask().map_or_else(|e| reach_of(&e), Reach::Answered)
    })
}

/// Sends ICMP echo requests from a namespace and waits for a reply. The source seen is not known: 0.0.0.0.
pub fn ping(from: &Path, to: Ipv4Addr, timeout: Duration) -> Reach {
    inside(from, || {
        let attempt = || -> std::io::Result<bool> {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
            // Connection tracking takes pings with one identifier for one connection: each needs its own.
            let [high, low] = ping_identifier();
            let mut request = vec![8, 0, 0, 0, high, low, 0, 1];
            let sum = checksum(&request).to_be_bytes();
            request[2..4].copy_from_slice(&sum);
            socket.set_read_timeout(Some(Duration::from_millis(20)))?;
            let deadline = Instant::now() + timeout;
            let mut repeat_at = Instant::now();
            loop {
                let now = Instant::now();
                if now >= deadline {
                    return Ok(false);
                }
                if now >= repeat_at {
                    socket.send_to(&request, &SockAddr::from(SocketAddrV4::new(to, 0)))?;
                    repeat_at = now + REPEAT_AFTER;
                }
                let mut answer = [0u8; 256];
                let length = match (&socket).read(&mut answer) {
                    Err(e) if reach_of(&e) == Reach::Silence => continue,
                    result => result?,
                };
                // Behind an IP header of 20 bytes: type 0, and what was sent.
                if length >= 28 && answer[20] == 0 && answer[24..28] == request[4..8] {
                    return Ok(true);
                }
            }
        };
        match attempt() {
            Ok(true) => Reach::Answered(Ipv4Addr::UNSPECIFIED),
            Ok(false) => Reach::Silence,
            Err(e) => reach_of(&e),
        }
    })
}

/// A number no other ping of this process has.
pub(crate) fn ping_identifier() -> [u8; 2] {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes()
}

/// The internet checksum (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Sends one UDP datagram with a source address of the caller's choice, as an ill-behaved machine would.
///
/// # Panics
/// If the namespace gives no raw socket or has no route to send it by.
pub fn send_spoofed_udp(from: &Path, source: Ipv4Addr, to: SocketAddrV4, text: &str) {
    inside(from, || {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).expect("a raw socket");
        socket.set_header_included_v4(true).expect("headers of our own");
        let length = u16::try_from(28 + text.len()).expect("a short text");
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend(source.octets());
        packet.extend(to.ip().octets());
        packet.extend(40_000u16.to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend((length - 20).to_be_bytes());
        // A UDP checksum of zero means that there is none.
        packet.extend([0, 0]);
        packet.extend(text.as_bytes());
        socket.send_to(&packet, &SockAddr::from(to)).expect("sending a packet of our own making");
    });
}

/// Serves a port inside a namespace until dropped. Over TCP it first says the caller's address, then echoes; over UDP
/// it answers every datagram with the sender's address.
#[derive(Debug)]
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    received: Datagrams,
}

/// The datagrams a server received: sender and text.
#[derive(Debug, Clone, Default)]
pub struct Datagrams(Arc<Mutex<Vec<(Ipv4Addr, String)>>>);

impl Datagrams {
    /// Those so far.
    pub fn all(&self) -> Vec<(Ipv4Addr, String)> {
        self.0.lock().map(|all| all.clone()).unwrap_or_default()
    }

    /// Calls `send` again and again until a datagram with this text has come; any may be lost on a link just made.
    ///
    /// # Panics
    /// If none comes for ten seconds.
    pub fn insist_on(&self, text: &str, send: impl Fn(&str)) {
        let arrived = (0..40).any(|_| {
            send(text);
            self.wait_for(text, REPEAT_AFTER)
        });
        assert!(arrived, "{text:?} never came; there are {:?}", self.all());
    }

    /// Waits for one with this text; false if none comes within the time.
    pub fn wait_for(&self, text: &str, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if self.all().iter().any(|(_, received)| received == text) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }
}

/// How often a server looks whether it shall stop.
pub(crate) const TICK: Duration = Duration::from_millis(20);

impl Server {
    /// Listens on a TCP port.
    ///
    /// # Panics
    /// If the port is taken.
    pub fn tcp(namespace: &Path, port: u16) -> Self {
        let listener = inside(namespace, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a free TCP port"));
        Self::start(move |stop, _| {
            listener.set_nonblocking(true).expect("a listener that does not block");
            while !stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, SocketAddr::V4(caller))) => {
                        let stop = Arc::clone(stop);
                        std::thread::spawn(move || serve(stream, *caller.ip(), &stop));
                    }
                    _ => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        })
    }

    /// Listens on a UDP port.
    ///
    /// # Panics
    /// If the port is taken.
    pub fn udp(namespace: &Path, port: u16) -> Self {
        let socket = inside(namespace, || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a free UDP port"));
        Self::start(move |stop, received| {
            socket.set_read_timeout(Some(TICK)).expect("a socket with a timeout");
            let mut datagram = [0u8; 2048];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((length, SocketAddr::V4(sender))) = socket.recv_from(&mut datagram) {
                    let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
                    if let Ok(mut all) = received.0.lock() {
                        all.push((*sender.ip(), text));
                    }
                    // A spoofed sender may not be reachable; that is the test's business.
                    let _ = socket.send_to(&sender.ip().octets(), sender);
                }
            }
        })
    }

    pub(crate) fn start(work: impl FnOnce(&Arc<AtomicBool>, &Datagrams) + Send + 'static) -> Self {
        let (stop, received) = (Arc::new(AtomicBool::new(false)), Datagrams::default());
        let (stop_there, received_there) = (Arc::clone(&stop), received.clone());
        let thread = std::thread::spawn(move || work(&stop_there, &received_there));
        Self { stop, thread: Some(thread), received }
    }

    /// What came by UDP.
    pub fn received(&self) -> &Datagrams {
        &self.received
    }
}

/// One TCP caller: its address, then its own words.
fn serve(mut stream: TcpStream, caller: Ipv4Addr, stop: &AtomicBool) {
    let ready = stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(TICK)));
    if ready.is_err() || stream.write_all(&caller.octets()).is_err() {
        return;
    }
    let mut buffer = [0u8; 4096];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) if stream.write_all(&buffer[..length]).is_err() => break,
            Ok(_) => {}
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
