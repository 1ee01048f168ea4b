//! Ranges of addresses and of traffic, and where they lie on the lines that sets are made of.
//!
//! All traffic lies on one line of numbers, so that whatever a rule means is a few ranges of it: the ports of TCP, those of
//! UDP, the types and codes of ICMP, those of ICMPv6, and the numbers of all protocols.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use types::{Cidr, Ipv4Cidr, Ipv6Cidr, PortRange, Protocol};

use super::Answered;
use super::spans::{Numbers, Spans};
use crate::verdict::Traffic;

/// A set of traffic.
pub(super) type Line = Numbers<u32>;

const BLOCK: u32 = 1 << 16;
const TCP: u32 = 0;
const UDP: u32 = BLOCK;
const ICMP: u32 = 2 * BLOCK;
const ICMPV6: u32 = 3 * BLOCK;
const OTHER: u32 = 4 * BLOCK;
/// The last one on the line.
const LAST: u32 = OTHER + 255;
/// The ports that clients call from (the ephemeral ones of network ACLs, VPC guide).
const CLIENT_PORTS: (u32, u32) = (1024, 65535);

/// Addresses of one family from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// A range; `None` if it is upside down or of two families.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    /// The first one.
    pub fn first(self) -> IpAddr {
        self.first
    }

    /// The last one.
    pub fn last(self) -> IpAddr {
        self.last
    }

    /// Whether it holds an address.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// The same addresses as the fewest blocks, in order.
    pub fn blocks(self) -> Vec<Cidr> {
        let (mut first, last) = (number_of(self.first), number_of(self.last));
        let bits: u32 = if self.first.is_ipv4() { 32 } else { 128 };
        let mut blocks = Vec::new();
        loop {
            // The largest block that begins here and ends in time.
            let most = first.trailing_zeros().min(bits);
            let ends = |free: &u32| ones(*free).checked_add(first).is_some_and(|end| end <= last);
            let free = (0..=most).rev().find(ends).unwrap_or(0);
            blocks.extend(block_of(address_of(first, self.first.is_ipv4()), bits - free));
            match (first + ones(free)).checked_add(1).filter(|next| *next <= last) {
                Some(next) => first = next,
                None => return blocks,
            }
        }
    }

    pub(super) fn numbers(self) -> (u128, u128) {
        (number_of(self.first), number_of(self.last))
    }

    pub(super) fn of_numbers((first, last): (u128, u128), is_ipv4: bool) -> Self {
        Self { first: address_of(first, is_ipv4), last: address_of(last, is_ipv4) }
    }

    /// All of a family.
    pub(super) fn all(is_ipv4: bool) -> (u128, u128) {
        (0, if is_ipv4 { u128::from(u32::MAX) } else { u128::MAX })
    }
}

impl From<Cidr> for AddressRange {
    fn from(block: Cidr) -> Self {
        match block {
            Cidr::Ipv4(block) => Self { first: block.first().into(), last: block.last().into() },
            Cidr::Ipv6(block) => Self { first: block.first().into(), last: block.last().into() },
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.blocks().as_slice() {
            [block] => write!(f, "{block}"),
            _ => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// The number whose last bits are ones.
fn ones(bits: u32) -> u128 {
    u128::MAX.checked_shr(128 - bits).unwrap_or(0)
}

fn block_of(address: IpAddr, length: u32) -> Option<Cidr> {
    let length = u8::try_from(length).ok()?;
    match address {
        IpAddr::V4(address) => Ipv4Cidr::new(address, length).map(Cidr::from),
        IpAddr::V6(address) => Ipv6Cidr::new(address, length).map(Cidr::from),
    }
}

pub(super) fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

pub(super) fn address_of(number: u128, is_ipv4: bool) -> IpAddr {
    if is_ipv4 {
        Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into()
    } else {
        Ipv6Addr::from(number).into()
    }
}

/// Traffic of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficRange {
    /// TCP to these ports.
    Tcp(PortRange),
    /// UDP to these ports.
    Udp(PortRange),
    /// ICMP of these types, and in each of these codes.
    Icmp {
        /// The first and the last type.
        kinds: (u8, u8),
        /// The first and the last code.
        codes: (u8, u8),
    },
    /// ICMPv6 of these types, and in each of these codes.
    Icmpv6 {
        /// The first and the last type.
        kinds: (u8, u8),
        /// The first and the last code.
        codes: (u8, u8),
    },
    /// What is none of these, by the first and the last number of its protocol.
    Other(u8, u8),
}

impl TrafficRange {
    /// What a rule for a protocol means.
    pub fn of(protocol: Protocol) -> Vec<Self> {
        line_of(protocol).iter().flat_map(|span| ranges_in(span.first, span.last)).collect()
    }

    /// Whether it holds some traffic.
    pub fn contains(self, traffic: Traffic) -> bool {
        self.line().get(place_of(traffic)).is_some()
    }

    /// The first and the last of it.
    pub fn ends(self) -> [Traffic; 2] {
        match self {
            Self::Tcp(ports) => [ports.from, ports.to].map(Traffic::Tcp),
            Self::Udp(ports) => [ports.from, ports.to].map(Traffic::Udp),
            Self::Icmp { kinds, codes } => {
                [(kinds.0, codes.0), (kinds.1, codes.1)].map(|(kind, code)| Traffic::Icmp { kind, code })
            }
            Self::Icmpv6 { kinds, codes } => {
                [(kinds.0, codes.0), (kinds.1, codes.1)].map(|(kind, code)| Traffic::Icmpv6 { kind, code })
            }
            Self::Other(first, last) => [first, last].map(Traffic::Other),
        }
    }

    pub(super) fn line(self) -> Line {
        let types = |block, kinds: (u8, u8), codes: (u8, u8)| {
            let range = |kind: u8| (block + pair(kind, codes.0), block + pair(kind, codes.1));
            Line::of_ranges((kinds.0..=kinds.1).map(range).filter(|(first, last)| first <= last).collect())
        };
        match self {
            Self::Tcp(ports) => ports_at(TCP, ports),
            Self::Udp(ports) => ports_at(UDP, ports),
            Self::Icmp { kinds, codes } => types(ICMP, kinds, codes),
            Self::Icmpv6 { kinds, codes } => types(ICMPV6, kinds, codes),
            Self::Other(first, last) if first <= last => {
                Line::one(OTHER + u32::from(first), OTHER + u32::from(last), ())
            }
            Self::Other(..) => Line::default(),
        }
    }
}

impl fmt::Display for TrafficRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |f: &mut fmt::Formatter<'_>, (first, last): (u16, u16)| match first == last {
            true => write!(f, "{first}"),
            false => write!(f, "{first}-{last}"),
        };
        let (name, kinds, codes) = match *self {
            Self::Tcp(ports) => ("tcp", (ports.from, ports.to), None),
            Self::Udp(ports) => ("udp", (ports.from, ports.to), None),
            Self::Icmp { kinds, codes } => ("icmp", (kinds.0.into(), kinds.1.into()), Some(codes)),
            Self::Icmpv6 { kinds, codes } => ("icmpv6", (kinds.0.into(), kinds.1.into()), Some(codes)),
            Self::Other(first, last) => ("protocol", (first.into(), last.into()), None),
        };
        write!(f, "{name} ")?;
        range(f, kinds)?;
        match codes.filter(|codes| *codes != (0, u8::MAX)) {
            Some((first, last)) => {
                write!(f, "/")?;
                range(f, (first.into(), last.into()))
            }
            None => Ok(()),
        }
    }
}

/// Where a type and a code lie in the block of their protocol.
fn pair(kind: u8, code: u8) -> u32 {
    u32::from(kind) << 8 | u32::from(code)
}

fn ports_at(block: u32, ports: PortRange) -> Line {
    Line::one(block + u32::from(ports.from), block + u32::from(ports.to), ())
}

/// Where some traffic lies.
pub(super) fn place_of(traffic: Traffic) -> u32 {
    match traffic {
        Traffic::Tcp(port) => TCP + u32::from(port),
        Traffic::Udp(port) => UDP + u32::from(port),
        Traffic::Icmp { kind, code } => ICMP + pair(kind, code),
        Traffic::Icmpv6 { kind, code } => ICMPV6 + pair(kind, code),
        Traffic::Other(number) => OTHER + u32::from(number),
    }
}

/// What packets of a family carry.
pub(super) fn line_of_family(is_ipv4: bool) -> Line {
    let icmp = if is_ipv4 { ICMP } else { ICMPV6 };
    Line::of_ranges(vec![(TCP, UDP + BLOCK - 1), (icmp, icmp + BLOCK - 1), (OTHER, LAST)])
}

/// What a rule for a protocol means.
pub(super) fn line_of(protocol: Protocol) -> Line {
    let types = |block: u32, kind: Option<u8>, code: Option<u8>| match (kind, code) {
        (None, _) => Line::one(block, block + BLOCK - 1, ()),
        (Some(kind), None) => Line::one(block + pair(kind, 0), block + pair(kind, u8::MAX), ()),
        (Some(kind), Some(code)) => Line::one(block + pair(kind, code), block + pair(kind, code), ()),
    };
    match protocol {
        Protocol::All => Line::one(0, LAST, ()),
        Protocol::Tcp(ports) => ports_at(TCP, ports),
        Protocol::Udp(ports) => ports_at(UDP, ports),
        Protocol::Icmp { kind, code } => types(ICMP, kind, code),
        Protocol::Icmpv6 { kind, code } => types(ICMPV6, kind, code),
        Protocol::Other(number) => line_of_number(number),
    }
}

/// All that goes under a protocol's number.
pub(super) fn line_of_number(number: u8) -> Line {
    let place = OTHER + u32::from(number);
    let block = [(6, TCP), (17, UDP), (1, ICMP), (58, ICMPV6)].into_iter().find(|(of, _)| *of == number);
    let block = block.map(|(_, block)| (block, block + BLOCK - 1));
    Line::of_ranges(block.into_iter().chain([(place, place)]).collect())
}

/// TCP and UDP to some ports.
pub(super) fn line_of_port(port: u16, with_udp: bool) -> Line {
    let at = |block: u32| (block + u32::from(port), block + u32::from(port));
    Line::of_ranges([TCP, UDP].into_iter().take(if with_udp { 2 } else { 1 }).map(at).collect())
}

/// All of these types of ICMP and ICMPv6.
pub(super) fn line_of_types(icmp: &[u8], icmpv6: &[(u8, u8)]) -> Line {
    let icmp = icmp.iter().map(|kind| (ICMP + pair(*kind, 0), ICMP + pair(*kind, u8::MAX)));
    let icmpv6 = icmpv6.iter().map(|(first, last)| (ICMPV6 + pair(*first, 0), ICMPV6 + pair(*last, u8::MAX)));
    Line::of_ranges(icmp.chain(icmpv6).collect())
}

/// TCP, and what is neither TCP nor ICMP of a family.
pub(super) fn tcp() -> Line {
    Line::one(TCP, TCP + BLOCK - 1, ())
}

/// UDP and other protocols.
pub(super) fn udp_and_others() -> Line {
    Line::of_ranges(vec![(UDP, UDP + BLOCK - 1), (OTHER, LAST)])
}

/// What all answers to clients carry.
pub(super) fn answers() -> Line {
    let ports = |block: u32| (block + CLIENT_PORTS.0, block + CLIENT_PORTS.1);
    let reply = |kind: u8| (ICMP + pair(kind, 0), ICMP + pair(kind, 0));
    let pong = ICMPV6 + pair(129, 0);
    Line::of_ranges(
        [ports(TCP), ports(UDP), (pong, pong), (OTHER, LAST)].into_iter().chain([0, 14, 16, 18].map(reply)).collect(),
    )
}

/// For all traffic that has answers: what is asked, and the range that its answers are in.
fn questions() -> impl Iterator<Item = ((u32, u32), (u32, u32))> {
    let ports = |block: u32| ((block, block + BLOCK - 1), (block + CLIENT_PORTS.0, block + CLIENT_PORTS.1));
    let types = |block: u32, kind: u8, reply: u8| {
        let reply = block + pair(reply, 0);
        ((block + pair(kind, 0), block + pair(kind, u8::MAX)), (reply, reply))
    };
    let requests = [(8, 0), (13, 14), (15, 16), (17, 18)].map(|(kind, reply)| types(ICMP, kind, reply));
    let others = (OTHER..=LAST).map(|place| ((place, place), (place, place)));
    [ports(TCP), ports(UDP)].into_iter().chain(requests).chain([types(ICMPV6, 128, 129)]).chain(others)
}

/// Which of some traffic is answered, if of all that answers carry this passes.
pub(super) fn answered(traffic: &Line, answers: &Line) -> Spans<u32, Answered> {
    let mut chart = Spans::default();
    for ((first, last), (from, to)) in questions() {
        let mut passing = answers.within(from, to);
        let said = match passing.next() {
            Some(span) if span.first <= from && span.last >= to => Answered::Always,
            Some(_) => Answered::Sometimes,
            None => continue,
        };
        chart.push(first, last, said);
    }
    traffic.combine(&chart, |traffic, said| traffic.map(|()| said.copied().unwrap_or(Answered::Never)))
}

/// A part of the line, protocol by protocol.
pub(super) fn ranges_in(first: u32, last: u32) -> Vec<TrafficRange> {
    let mut ranges = Vec::new();
    for block in [TCP, UDP, ICMP, ICMPV6, OTHER] {
        let (from, to) = (first.max(block), last.min(block + BLOCK - 1));
        if from > to {
            continue;
        }
        let (from, to) = (low(from), low(to));
        match block {
            TCP => ranges.extend(PortRange::new(from, to).map(TrafficRange::Tcp)),
            UDP => ranges.extend(PortRange::new(from, to).map(TrafficRange::Udp)),
            ICMP => ranges.extend(types_in(from, to).map(|(kinds, codes)| TrafficRange::Icmp { kinds, codes })),
            ICMPV6 => ranges.extend(types_in(from, to).map(|(kinds, codes)| TrafficRange::Icmpv6 { kinds, codes })),
            _ => ranges.push(TrafficRange::Other(from.to_be_bytes()[1], to.to_be_bytes()[1])),
        }
    }
    ranges
}

/// Where in its block a place is.
fn low(place: u32) -> u16 {
    u16::try_from(place % BLOCK).unwrap_or(u16::MAX)
}

/// A range of types and codes as products of both: what is left of the first type, whole types, the last one's begin.
fn types_in(first: u16, last: u16) -> impl Iterator<Item = ((u8, u8), (u8, u8))> {
    let ([from, first_code], [to, last_code]) = (first.to_be_bytes(), last.to_be_bytes());
    let mut products = Vec::new();
    if from == to {
        products.push(((from, to), (first_code, last_code)));
        return products.into_iter();
    }
    let (mut whole_from, mut whole_to) = (u16::from(from), u16::from(to));
    if first_code > 0 {
        products.push(((from, from), (first_code, u8::MAX)));
        whole_from += 1;
    }
    let ends_early = last_code < u8::MAX;
    if ends_early {
        whole_to -= 1;
    }
    if whole_from <= whole_to {
        let byte = |number: u16| number.to_be_bytes()[1];
        products.push(((byte(whole_from), byte(whole_to)), (0, u8::MAX)));
    }
    if ends_early {
        products.push(((to, to), (0, last_code)));
    }
    products.into_iter()
}
