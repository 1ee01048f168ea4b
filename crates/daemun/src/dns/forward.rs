//! Questions that only the world outside can answer.
//!
//! They go to the resolvers of the host, from the daemon's own network namespace, so that guests find what the host
//! finds. Nothing is cached: the host's resolver does that. Every question has a socket of its own, and so a port that
//! nobody can guess, beside a random id; an answer counts only if it comes from whom it was asked of, with that id and
//! that question.
//!
//! A host without resolvers, or without a way to them, is noticed at once. Where they are silent, guests would wait
//! for them again and again; after a few questions in a row without any answer, the next few seconds' are refused
//! right away.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::{Request, is_refusal, is_truncated};

/// How long one resolver is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long all of them together are: less than the five seconds after which guests ask again.
const ALL_PATIENCE: Duration = Duration::from_secs(4);
/// How many resolvers are asked, as in glibc.
const MAX_SERVERS: usize = 3;
/// How often each is asked.
const ROUNDS: usize = 2;
/// The largest answer taken in a datagram.
const DATAGRAM_BYTES: usize = 4096;
/// How many silent questions in a row make the resolvers count as out of reach, and for how long.
const SILENCE: (u32, Duration) = (3, Duration::from_secs(5));

/// The way to the host's resolvers.
pub struct Forwarder {
    servers: Servers,
    silence: Mutex<Silence>,
}

enum Servers {
    /// Those that a file in the format of resolv.conf(5) names; read again when it changes.
    File { path: PathBuf, known: Mutex<Known> },
    /// These.
    #[cfg(test)]
    Fixed(Vec<SocketAddr>),
}

#[derive(Default)]
struct Known {
    /// When the file was changed, and how long it was then.
    version: Option<(SystemTime, u64)>,
    servers: Vec<SocketAddr>,
}

#[derive(Default)]
struct Silence {
    in_a_row: u32,
    refuse_until: Option<Instant>,
}

impl Forwarder {
    /// To the resolvers that this file names.
    pub fn from_file(path: PathBuf) -> Self {
        Self { servers: Servers::File { path, known: Mutex::default() }, silence: Mutex::default() }
    }

    /// To these.
    #[cfg(test)]
    pub fn to(servers: Vec<SocketAddr>) -> Self {
        Self { servers: Servers::Fixed(servers), silence: Mutex::default() }
    }

    /// The answer of the first resolver that has one, checked and ready for the guest; `None` if none has.
    pub async fn ask(&self, request: &Request) -> Option<Vec<u8>> {
        let servers = self.servers();
        if servers.is_empty() || self.is_out_of_reach(Instant::now()) {
            return None;
        }
        let outcome = timeout(ALL_PATIENCE, ask_all(&servers, request)).await;
        let was_silent = match &outcome {
            Err(_) => true,
            Ok(Outcome::Nothing { was_silent }) => *was_silent,
            Ok(Outcome::Answer(_)) => false,
        };
        self.note(was_silent, Instant::now());
        match outcome {
            Ok(Outcome::Answer(bytes)) => Some(request.relayed(bytes)),
            _ => None,
        }
    }

    fn servers(&self) -> Vec<SocketAddr> {
        match &self.servers {
            #[cfg(test)]
            Servers::Fixed(servers) => servers.clone(),
            Servers::File { path, known } => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let version = std::fs::metadata(path).and_then(|file| Ok((file.modified()?, file.len()))).ok();
                if version.is_none() || known.version != version {
                    let text = std::fs::read_to_string(path).unwrap_or_default();
                    *known = Known { version, servers: name_servers(&text) };
                }
                known.servers.clone()
            }
        }
    }

    fn is_out_of_reach(&self, now: Instant) -> bool {
        let silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        silence.refuse_until.is_some_and(|until| now < until)
    }

    fn note(&self, was_silent: bool, now: Instant) {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        silence.in_a_row = if was_silent { silence.in_a_row.saturating_add(1) } else { 0 };
        silence.refuse_until = (silence.in_a_row >= SILENCE.0).then(|| now + SILENCE.1);
    }
}

enum Outcome {
    Answer(Vec<u8>),
    /// Nobody answered; whether that took long.
    Nothing {
        was_silent: bool,
    },
}

async fn ask_all(servers: &[SocketAddr], request: &Request) -> Outcome {
    let (mut refusal, mut was_silent) = (None, false);
    for _ in 0..ROUNDS {
        let mut worth_repeating = false;
        for server in servers {
            match timeout(PATIENCE, ask_one(*server, request)).await {
                // What one resolver refuses another may know.
                Ok(Ok(answer)) if is_refusal(&answer) => refusal = Some(answer),
                Ok(Ok(answer)) => return Outcome::Answer(answer),
                Ok(Err(error)) => tracing::debug!(%server, %error, "a resolver cannot be asked"),
                Err(_) => (was_silent, worth_repeating) = (true, true),
            }
        }
        if !worth_repeating {
            break;
        }
    }
    refusal.map_or(Outcome::Nothing { was_silent }, Outcome::Answer)
}

/// Asks one resolver: in a datagram, and over a stream if the answer does not fit into one.
async fn ask_one(server: SocketAddr, request: &Request) -> io::Result<Vec<u8>> {
    let id = rand::random();
    let unspecified: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((unspecified, 0)).await?;
    // Connected, so that the kernel drops what others send, and tells if nobody listens there.
    socket.connect(server).await?;
    let question = request.forwarded(id).ok_or_else(|| io::Error::other("the question cannot be written"))?;
    socket.send(&question).await?;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if request.is_answered_by(id, &buffer[..length]) {
            buffer.truncate(length);
            break;
        }
    }
    if !is_truncated(&buffer) {
        return Ok(buffer);
    }
    drop(socket);
    // A cut answer is better than none: the guest then knows that there is one.
    Ok(ask_stream(server, request).await.unwrap_or(buffer))
}

async fn ask_stream(server: SocketAddr, request: &Request) -> io::Result<Vec<u8>> {
    let id = rand::random();
    let question = request.forwarded(id).ok_or_else(|| io::Error::other("the question cannot be written"))?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    if request.is_answered_by(id, &answer) {
        Ok(answer)
    } else {
        Err(io::Error::other("not an answer to the question"))
    }
}

/// The resolvers that the text of a resolv.conf(5) names. An address with a scope is passed over.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
        Some(SocketAddr::new(address.parse().ok()?, 53))
    };
    text.lines().filter_map(address).take(MAX_SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_is_read_as_glibc_does() {
        let text = "# nameserver 192.0.2.9\nnameserver 127.0.0.53\n nameserver\t2001:db8::1 # home\n\
                    nameserver fe80::1%eth0\nnameserver\nnameserver x\nsearch example.com\noptions edns0\n\
                    nameserver 192.0.2.1\nnameserver 192.0.2.2\n";
        let servers: Vec<_> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["127.0.0.53:53", "[2001:db8::1]:53", "192.0.2.1:53"]);
        assert!(name_servers("").is_empty());
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        let forwarder = Forwarder::from_file(path.clone());
        assert!(forwarder.servers().is_empty(), "there is no such file yet");
        std::fs::write(&path, "nameserver 192.0.2.1\n").unwrap();
        assert_eq!(forwarder.servers().len(), 1);
        // Put in place as programs do that write this file: at once, under another name first.
        let next = directory.path().join("next");
        std::fs::write(&next, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_eq!(forwarder.servers().len(), 2);
        std::fs::remove_file(&path).unwrap();
        assert!(forwarder.servers().is_empty());
    }

    #[test]
    fn silence_is_noticed_and_forgiven() {
        let forwarder = Forwarder::to(Vec::new());
        let now = Instant::now();
        for was_silent in [true, true, false, true, true] {
            forwarder.note(was_silent, now);
            assert!(!forwarder.is_out_of_reach(now));
        }
        forwarder.note(true, now);
        assert!(forwarder.is_out_of_reach(now));
        assert!(!forwarder.is_out_of_reach(now + SILENCE.1));
        forwarder.note(false, now);
        assert!(!forwarder.is_out_of_reach(now));
    }
}
