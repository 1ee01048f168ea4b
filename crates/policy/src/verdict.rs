//! The fate of the first packet of a new connection, with every reason on its way; and that of the answer to it.
//!
//! This is the other output of the one engine: what is said here is what the [`crate::plan()`] makes the kernel do.
//! Answers, and all later packets of a connection that was let through, pass without a look at the rules of groups, until
//! the connection ends with its rule ([`crate::UntrackedFlows`]); routes and network ACLs apply to each of them.

mod reason;
mod walk;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{NetworkInterfaceId, Protocol};

pub use reason::{Component, Reason, Stage};
pub(crate) use walk::{ICMP_REQUESTS, ICMPV6_REQUESTS, Link, MOST_GATEWAYS, Next};

use crate::topology::Topology;

/// Who sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The machine behind an interface.
    Interface(NetworkInterfaceId),
    /// Anyone outside the cloud: the operator, or a host of the internet.
    Outside,
}

/// The first packet of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Who sends it.
    pub from: Endpoint,
    /// The source address in it.
    pub source: IpAddr,
    /// The destination address in it.
    pub to: IpAddr,
    /// What it carries.
    pub traffic: Traffic,
}

/// What a packet carries, as far as rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// TCP to this port.
    Tcp(u16),
    /// UDP to this port.
    Udp(u16),
    /// ICMP.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// ICMPv6.
    Icmpv6 {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Another protocol by its number.
    Other(u8),
}

impl Traffic {
    /// ICMP echo request: ping.
    pub const PING: Self = Self::Icmp { kind: 8, code: 0 };

    /// ICMPv6 echo request: ping over IPv6.
    pub const IPV6_PING: Self = Self::Icmpv6 { kind: 128, code: 0 };

    /// The IP protocol number.
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Tcp(_) => 6,
            Self::Udp(_) => 17,
            Self::Icmp { .. } => 1,
            Self::Icmpv6 { .. } => 58,
            Self::Other(number) => number,
        }
    }

    /// Whether a rule for this protocol means such traffic.
    pub fn is_of(self, protocol: Protocol) -> bool {
        match (protocol, self) {
            (Protocol::All, _) => true,
            (Protocol::Tcp(ports), Self::Tcp(port)) | (Protocol::Udp(ports), Self::Udp(port)) => ports.contains(port),
            (Protocol::Icmp { kind: None, .. }, Self::Icmp { .. }) => true,
            (Protocol::Icmpv6 { kind: None, .. }, Self::Icmpv6 { .. }) => true,
            (Protocol::Icmp { kind: Some(wanted), code }, Self::Icmp { kind, code: given })
            | (Protocol::Icmpv6 { kind: Some(wanted), code }, Self::Icmpv6 { kind, code: given }) => {
                wanted == kind && code.is_none_or(|code| code == given)
            }
            (Protocol::Other(number), _) => number == self.protocol(),
            _ => false,
        }
    }

    /// The same as packets of a family carry it: ICMP is of IPv4 and ICMPv6 of IPv6, and elsewhere just numbers.
    pub(crate) fn within(self, address: IpAddr) -> Self {
        match self {
            Self::Icmp { .. } if address.is_ipv6() => Self::Other(self.protocol()),
            Self::Icmpv6 { .. } if address.is_ipv4() => Self::Other(self.protocol()),
            _ => self,
        }
    }

    /// What the answer to it carries, where it came from this port. ICMP has answers to requests alone.
    pub fn answer(self, source_port: u16) -> Option<Self> {
        match self {
            Self::Tcp(_) => Some(Self::Tcp(source_port)),
            Self::Udp(_) => Some(Self::Udp(source_port)),
            Self::Icmp { kind: 8, .. } => Some(Self::Icmp { kind: 0, code: 0 }),
            Self::Icmp { kind: kind @ (13 | 15 | 17), .. } => Some(Self::Icmp { kind: kind + 1, code: 0 }),
            Self::Icmpv6 { kind: 128, .. } => Some(Self::Icmpv6 { kind: 129, code: 0 }),
            Self::Icmp { .. } | Self::Icmpv6 { .. } => None,
            Self::Other(number) => Some(Self::Other(number)),
        }
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It arrives.
    Accept,
    /// It is dropped; the sender hears nothing.
    Drop,
}

/// Where a packet arrived, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Where.
    pub at: ArrivedAt,
    /// The source address it has there.
    pub source: IpAddr,
    /// The destination address it has there. At an interface that has another one, its machine is to send it on.
    pub to: IpAddr,
}

/// Where packets arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivedAt {
    /// At the machine behind an interface.
    Interface(NetworkInterfaceId),
    /// At a service of the VPC's router.
    Service,
    /// Outside the cloud.
    Outside,
}

/// What becomes of a packet, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What becomes of it.
    pub outcome: Outcome,
    /// Where it arrives, if it does.
    pub arrival: Option<Arrival>,
    /// Every stage it came through; if it was dropped, the last one dropped it.
    pub path: Vec<Stage>,
}

/// The fate of the first packet of a connection.
pub fn verdict(topology: &Topology, packet: &Packet) -> Verdict {
    walk::first(topology, packet).0
}

/// The fate of a connection's first packet and, if that arrives at an interface that has its destination, of the answer.
/// `source_port` is the port that the packet came from; a NAT gateway is taken to keep it.
pub fn verdict_both_ways(topology: &Topology, packet: &Packet, source_port: u16) -> (Verdict, Option<Verdict>) {
    let (first, memory) = walk::first(topology, packet);
    let answer = first
        .arrival
        .zip(packet.traffic.answer(source_port))
        .and_then(|(arrival, traffic)| walk::answer(topology, arrival, traffic, memory));
    (first, answer)
}
