//! Packets of our own making, and what arrives of them: many at once, told apart by a number each carries.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use policy::Traffic;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::probe::{checksum, inside};

/// `ETH_P_IP` of `linux/if_ether.h`, in network order: a socket for it sees what comes in, not what goes out.
const ETH_P_IP: i32 = 0x0800u16.to_be() as i32;
const TCP_SYN: u8 = 0x02;
const TCP_RST: u8 = 0x04;

/// A packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The number that tells it from all others.
    pub number: u32,
    /// The source address in it.
    pub source: Ipv4Addr,
    /// The destination address in it.
    pub to: Ipv4Addr,
    /// What it carries: a TCP packet asks for a connection.
    pub traffic: Traffic,
    /// The TCP or UDP port it comes from.
    pub source_port: u16,
}

/// What a packet that came in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One that was sent.
    First,
    /// The answer to one: a reset, or an echo.
    Answer,
}

/// A packet that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// The number of what was sent.
    pub number: u32,
    /// The source address it came with.
    pub source: Ipv4Addr,
    /// The destination address it came with.
    pub to: Ipv4Addr,
}

/// Sends from a namespace and sees what comes into it.
#[derive(Debug)]
pub struct Wire {
    out: Socket,
    into: Socket,
}

impl Wire {
    /// A wire of the namespace.
    ///
    /// # Panics
    /// If the namespace gives no raw sockets.
    pub fn tap(namespace: &Path) -> Self {
        inside(namespace, || {
            let out = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).expect("a raw socket");
            out.set_header_included_v4(true).expect("headers of our own");
            let into = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(ETH_P_IP))).expect("a tap");
            into.set_nonblocking(true).expect("a tap that does not wait");
            into.set_recv_buffer_size(4 << 20).expect("room for what comes in");
            Self { out, into }
        })
    }

    /// Sends a packet; one that the namespace has no way for is lost, as one of a machine would be.
    pub fn send(&self, sent: &Sent) {
        let _ = self.out.send_to(&bytes(sent), &SockAddr::from(SocketAddrV4::new(sent.to, 0)));
    }

    /// What came in since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        let mut all = Vec::new();
        let mut packet = [0u8; 2048];
        while let Ok(length) = (&self.into).read(&mut packet) {
            all.extend(read(&packet[..length]));
        }
        all
    }
}

/// Sums up what was seen: how often each.
pub fn count(seen: impl IntoIterator<Item = Seen>) -> BTreeMap<Seen, usize> {
    let mut counts = BTreeMap::new();
    for seen in seen {
        *counts.entry(seen).or_default() += 1;
    }
    counts
}

/// The packet, from its IP header on.
fn bytes(sent: &Sent) -> Vec<u8> {
    let number = sent.number.to_be_bytes();
    let body = match sent.traffic {
        Traffic::Tcp(port) => {
            let mut segment = Vec::with_capacity(20);
            segment.extend(sent.source_port.to_be_bytes());
            segment.extend(port.to_be_bytes());
            segment.extend(number);
            segment.extend([0, 0, 0, 0, 5 << 4, TCP_SYN, 0x20, 0, 0, 0, 0, 0]);
            let sum = transport_checksum(sent, 6, &segment);
            segment[16..18].copy_from_slice(&sum.to_be_bytes());
            segment
        }
        Traffic::Udp(port) => {
            let mut datagram = Vec::with_capacity(12);
            datagram.extend(sent.source_port.to_be_bytes());
            datagram.extend(port.to_be_bytes());
            // A checksum of zero means that there is none.
            datagram.extend([0, 12, 0, 0]);
            datagram.extend(number);
            datagram
        }
        Traffic::Icmp { kind, code } | Traffic::Icmpv6 { kind, code } => {
            let mut message = vec![kind, code, 0, 0];
            message.extend(sent.source_port.to_be_bytes());
            message.extend([0, 1]);
            message.extend(number);
            // What a timestamp or mask request carries behind its number.
            message.extend([0; 8]);
            let sum = checksum(&message).to_be_bytes();
            message[2..4].copy_from_slice(&sum);
            message
        }
        Traffic::Other(_) => number.to_vec(),
    };
    let length = u16::try_from(20 + body.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, sent.traffic.protocol(), 0, 0]);
    packet.extend(sent.source.octets());
    packet.extend(sent.to.octets());
    packet.extend(body);
    packet
}

/// The checksum over a segment and the addresses it goes between (RFC 9293, section 3.1).
fn transport_checksum(sent: &Sent, protocol: u8, segment: &[u8]) -> u16 {
    let mut whole = Vec::with_capacity(12 + segment.len());
    whole.extend(sent.source.octets());
    whole.extend(sent.to.octets());
    whole.extend([0, protocol]);
    whole.extend(u16::try_from(segment.len()).unwrap_or(u16::MAX).to_be_bytes());
    whole.extend(segment);
    checksum(&whole)
}

/// What came in, if it is one of ours.
fn read(packet: &[u8]) -> Option<Seen> {
    let header = usize::from(packet.first()? & 15) * 4;
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
    let body = packet.get(header..)?;
    let number = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let (kind, number) = match packet[9] {
        6 if body.get(13)? & TCP_RST != 0 => (Kind::Answer, number(8)?.wrapping_sub(1)),
        6 => (Kind::First, number(4)?),
        17 => (Kind::First, number(8)?),
        1 if matches!(body[0], 0 | 14) => (Kind::Answer, number(8)?),
        1 => (Kind::First, number(8)?),
        _ => (Kind::First, number(0)?),
    };
    Some(Seen { kind, number, source: address(12)?, to: address(16)? })
}
