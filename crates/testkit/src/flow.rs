//! A flow between two namespaces, with both its ends in the hands of a test.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::probe::{REPEAT_AFTER, inside};

/// How long a flow may take to begin: a link just made may lose its first packets.
const BEGINNING: Duration = Duration::from_secs(8);

/// A TCP connection or a UDP flow.
#[derive(Debug)]
pub struct Flow {
    caller: End,
    called: End,
    /// What was said last: each word is another.
    word: u8,
}

/// One end of it.
#[derive(Debug)]
enum End {
    Tcp(TcpStream),
    /// With whom it speaks.
    Udp(UdpSocket, SocketAddr),
}

/// Every address of the same family.
fn any(of: SocketAddr) -> IpAddr {
    if of.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

impl Flow {
    /// Connects from one namespace to a port that another listens on.
    ///
    /// # Panics
    /// If nobody gets through.
    pub fn tcp(from: &Path, to: SocketAddr, at: &Path) -> Self {
        let listener = inside(at, || TcpListener::bind((any(to), to.port())).expect("a free TCP port"));
        let caller = inside(from, || TcpStream::connect_timeout(&to, BEGINNING).expect("a connection"));
        let (called, _) = listener.accept().expect("the connection's other end");
        [&caller, &called].into_iter().for_each(|end| end.set_nodelay(true).expect("no delay"));
        Self { caller: End::Tcp(caller), called: End::Tcp(called), word: 0 }
    }

    /// Sends datagrams from one namespace to a port of another, and back.
    ///
    /// # Panics
    /// If nothing gets through.
    pub fn udp(from: &Path, to: SocketAddr, at: &Path) -> Self {
        let bind = |namespace: &Path, port| {
            let socket = inside(namespace, || UdpSocket::bind((any(to), port)).expect("a free UDP port"));
            socket.set_read_timeout(Some(REPEAT_AFTER)).expect("a socket with a timeout");
            socket
        };
        let (caller, called) = (bind(from, 0), bind(at, to.port()));
        let deadline = Instant::now() + BEGINNING;
        let sender = loop {
            caller.send_to(&[0], to).expect("sending");
            match called.recv_from(&mut [0]) {
                Ok((_, sender)) => break sender,
                Err(error) => assert!(Instant::now() < deadline, "nothing came: {error}"),
            }
        };
        let mut flow = Self { caller: End::Udp(caller, to), called: End::Udp(called, sender), word: 0 };
        assert!(flow.answers(BEGINNING), "nothing came back");
        flow
    }

    /// Whether what the caller says arrives within the time.
    pub fn calls(&mut self, timeout: Duration) -> bool {
        self.word = self.word.wrapping_add(1);
        say(&mut self.caller, &mut self.called, self.word, timeout)
    }

    /// Whether what the one that was called says arrives within the time.
    pub fn answers(&mut self, timeout: Duration) -> bool {
        self.word = self.word.wrapping_add(1);
        say(&mut self.called, &mut self.caller, self.word, timeout)
    }

    /// Whether both arrive.
    pub fn lives(&mut self, timeout: Duration) -> bool {
        self.calls(timeout) && self.answers(timeout)
    }
}

/// Says a word at one end until it is heard at the other.
fn say(from: &mut End, to: &mut End, word: u8, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    let mut heard = [0];
    match (from, to) {
        (End::Tcp(from), End::Tcp(to)) => {
            // The kernel repeats it.
            from.write_all(&[word]).is_ok()
                && to.set_read_timeout(Some(timeout)).is_ok()
                && to.read_exact(&mut heard).is_ok()
                && heard == [word]
        }
        (End::Udp(from, whom), End::Udp(to, _)) => loop {
            // What comes back as an error is not heard.
            let _ = from.send_to(&[word], *whom);
            while to.recv(&mut heard).is_ok() {
                if heard == [word] {
                    return true;
                }
            }
            if Instant::now() >= deadline {
                return false;
            }
        },
        _ => false,
    }
}
