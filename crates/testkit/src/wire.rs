//! Packets of our own making, and what arrives of them: many at once, told apart by a number each carries.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use policy::Traffic;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::probe::{checksum, inside};

/// `ETH_P_IP` and `ETH_P_IPV6` of `linux/if_ether.h`, in network order: a socket for one of them sees what comes in, not
/// what goes out.
const ETH_P_IP: i32 = 0x0800u16.to_be() as i32;
const ETH_P_IPV6: i32 = 0x86ddu16.to_be() as i32;
/// A protocol without sense of its own, by which sockets take packets with their headers (`IPPROTO_RAW`).
const RAW: i32 = 255;
const HOPS: u8 = 64;
const TCP_SYN: u8 = 0x02;
const TCP_RST: u8 = 0x04;

/// A packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The number that tells it from all others.
    pub number: u32,
    /// The source address in it.
    pub source: IpAddr,
    /// The destination address in it, of the same family.
    pub to: IpAddr,
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
    pub source: IpAddr,
    /// The destination address it came with.
    pub to: IpAddr,
}

/// Sends from a namespace and sees what comes into it.
#[derive(Debug)]
pub struct Wire {
    out: [Socket; 2],
    into: [Socket; 2],
}

impl Wire {
    /// A wire of the namespace.
    ///
    /// # Panics
    /// If the namespace gives no raw sockets.
    pub fn tap(namespace: &Path) -> Self {
        inside(namespace, || {
            let raw = |domain| Socket::new(domain, Type::RAW, Some(Protocol::from(RAW))).expect("a raw socket");
            let out = [raw(Domain::IPV4), raw(Domain::IPV6)];
            out[0].set_header_included_v4(true).expect("headers of our own");
            out[1].set_header_included_v6(true).expect("headers of our own");
            let into = [ETH_P_IP, ETH_P_IPV6].map(|family| {
                let into = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(family))).expect("a tap");
                into.set_nonblocking(true).expect("a tap that does not wait");
                into.set_recv_buffer_size(4 << 20).expect("room for what comes in");
                into
            });
            Self { out, into }
        })
    }

    /// Sends a packet; one that the namespace has no way for is lost, as one of a machine would be.
    pub fn send(&self, sent: &Sent) {
        let out = &self.out[usize::from(sent.to.is_ipv6())];
        let _ = out.send_to(&bytes(sent), &SockAddr::from(SocketAddr::new(sent.to, 0)));
    }

    /// What came in since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        let mut all = Vec::new();
        let mut packet = [0u8; 2048];
        for mut into in &self.into {
            while let Ok(length) = into.read(&mut packet) {
                all.extend(read(&packet[..length]));
            }
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
    let body = body(sent);
    let length = |header: usize| u16::try_from(header + body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let protocol = sent.traffic.protocol();
    let mut packet = Vec::with_capacity(40 + body.len());
    match sent.to {
        IpAddr::V4(_) => {
            packet.extend([0x45, 0]);
            packet.extend(length(20));
            packet.extend([0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
        }
        IpAddr::V6(_) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length(0));
            packet.extend([protocol, HOPS]);
        }
    }
    packet.extend(addresses(sent));
    packet.extend(body);
    packet
}

/// Its two addresses.
fn addresses(sent: &Sent) -> Vec<u8> {
    let octets = |address| match address {
        IpAddr::V4(address) => Vec::from(address.octets()),
        IpAddr::V6(address) => Vec::from(address.octets()),
    };
    [octets(sent.source), octets(sent.to)].concat()
}

/// What is behind its IP header.
fn body(sent: &Sent) -> Vec<u8> {
    let number = sent.number.to_be_bytes();
    match sent.traffic {
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
            datagram.extend([0, 12, 0, 0]);
            datagram.extend(number);
            let sum = transport_checksum(sent, 17, &datagram);
            datagram[6..8].copy_from_slice(&sum.to_be_bytes());
            datagram
        }
        Traffic::Icmp { kind, code } | Traffic::Icmpv6 { kind, code } => {
            let mut message = vec![kind, code, 0, 0];
            message.extend(sent.source_port.to_be_bytes());
            message.extend([0, 1]);
            message.extend(number);
            // What a timestamp or mask request carries behind its number.
            message.extend([0; 8]);
            // Only that of ICMPv6 is also over the addresses (RFC 4443, section 2.3).
            let sum = if sent.to.is_ipv6() { transport_checksum(sent, 58, &message) } else { checksum(&message) };
            message[2..4].copy_from_slice(&sum.to_be_bytes());
            message
        }
        Traffic::Other(_) => number.to_vec(),
    }
}

/// The checksum over a segment and the addresses it goes between (RFC 9293, section 3.1; RFC 8200, section 8.1).
fn transport_checksum(sent: &Sent, protocol: u8, segment: &[u8]) -> u16 {
    let mut whole = addresses(sent);
    whole.extend([0, protocol]);
    whole.extend(u16::try_from(segment.len()).unwrap_or(u16::MAX).to_be_bytes());
    whole.extend(segment);
    checksum(&whole)
}

/// What came in, if it is one of ours.
fn read(packet: &[u8]) -> Option<Seen> {
    let is_ipv6 = packet.first()? >> 4 == 6;
    let (header, protocol) =
        if is_ipv6 { (40, *packet.get(6)?) } else { (usize::from(packet[0] & 15) * 4, *packet.get(9)?) };
    let body = packet.get(header..)?;
    let number = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let (kind, number) = match protocol {
        6 if body.get(13)? & TCP_RST != 0 => (Kind::Answer, number(8)?.wrapping_sub(1)),
        6 => (Kind::First, number(4)?),
        17 => (Kind::First, number(8)?),
        1 if matches!(body.first()?, 0 | 14) => (Kind::Answer, number(8)?),
        58 if *body.first()? == 129 => (Kind::Answer, number(8)?),
        1 | 58 => (Kind::First, number(8)?),
        _ => (Kind::First, number(0)?),
    };
    let (source, to) = if is_ipv6 {
        let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
        (IpAddr::V6(address(8)?), IpAddr::V6(address(24)?))
    } else {
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
        (IpAddr::V4(address(12)?), IpAddr::V4(address(16)?))
    };
    Some(Seen { kind, number, source, to })
}
