//! Security groups as nftables: for each group and direction a chain with a fixed number of rules, and the group's own
//! rules as elements of interval sets that the chain looks up.
//!
//! A rule costs an element, not a rule: the price of a packet does not grow with the number of rules. A rule that names
//! another group refers to that group's set of members, so a new member is one element wherever it is referred to.

use std::collections::{BTreeMap, BTreeSet};

use types::{Cidr, Protocol, SecurityGroupId};

use super::Family;
use super::cover::{Cover, Range, icmp_boxes, merge};
use super::nft::{Action, ChainPlan, Element, Field, FieldType, Key, Match, Part, Rule, SetPlan, TablePlan};
use crate::topology::{Direction, Group, Peer};

const TCP: u16 = 6;
const UDP: u16 = 17;
/// Types and codes together, as `type * 256 + code`.
const ANY_ICMP: Range = (0, u16::MAX);
const ANY_PROTOCOL: Range = (0, 255);

/// The name of the chain of a group.
pub(super) fn chain_name(group: SecurityGroupId, direction: Direction) -> String {
    match direction {
        Direction::Ingress => format!("{group}.in"),
        Direction::Egress => format!("{group}.out"),
    }
}

/// The name of the set of a group's members, by their addresses of a family.
pub(super) fn members_name(group: SecurityGroupId, family: Family) -> String {
    format!("{group}.members{}", suffix(family))
}

/// What the names of sets end with.
pub(super) fn suffix(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "",
        Family::Ipv6 => "6",
    }
}

/// The addresses of the other side, as a family's sets have them.
fn peer_field(direction: Direction, family: Family) -> Field {
    match (direction, family) {
        (Direction::Ingress, Family::Ipv4) => Field::Source,
        (Direction::Egress, Family::Ipv4) => Field::Destination,
        (Direction::Ingress, Family::Ipv6) => Field::Ipv6Source,
        (Direction::Egress, Family::Ipv6) => Field::Ipv6Destination,
    }
}

/// What rules of one direction allow one kind of peer.
#[derive(Default)]
struct Allowed<T> {
    protocols: T,
    tcp: T,
    udp: T,
    icmp: T,
    icmpv6: T,
}

/// The numbers an ICMP rule stands for.
fn icmp_range(kind: Option<u8>, code: Option<u8>) -> Range {
    match (kind, code) {
        (None, _) => ANY_ICMP,
        (Some(kind), None) => (u16::from_be_bytes([kind, 0]), u16::from_be_bytes([kind, 255])),
        (Some(kind), Some(code)) => (u16::from_be_bytes([kind, code]), u16::from_be_bytes([kind, code])),
    }
}

impl<T> Allowed<T> {
    /// Puts a rule where it belongs.
    fn add(&mut self, protocol: Protocol, allow: impl Fn(&mut T, Range)) {
        match protocol {
            Protocol::All => allow(&mut self.protocols, ANY_PROTOCOL),
            Protocol::Tcp(ports) => allow(&mut self.tcp, (ports.from, ports.to)),
            Protocol::Udp(ports) => allow(&mut self.udp, (ports.from, ports.to)),
            Protocol::Icmp { kind, code } => allow(&mut self.icmp, icmp_range(kind, code)),
            Protocol::Icmpv6 { kind, code } => allow(&mut self.icmpv6, icmp_range(kind, code)),
            Protocol::Other(number) => allow(&mut self.protocols, (number.into(), number.into())),
        }
    }
}

/// Adds the chain of a group and direction, and its sets. `known` are the groups whose members have a set here; rules
/// that name another one let nobody through. Rules about IPv6 are there where the VPC has it.
pub(super) fn add_group(
    table: &mut TablePlan,
    id: SecurityGroupId,
    group: &Group,
    direction: Direction,
    known: &BTreeSet<SecurityGroupId>,
    families: &[Family],
) {
    let name = chain_name(id, direction);
    let (mut blocks, mut ipv6_blocks) = (Allowed::<Cover>::default(), Allowed::<Cover>::default());
    let mut groups: BTreeMap<SecurityGroupId, Allowed<Vec<Range>>> = BTreeMap::new();
    for rule in group.rules(direction) {
        match rule.peer {
            Peer::Cidr(block @ Cidr::Ipv4(_)) => blocks.add(rule.protocol, |cover, range| cover.allow(block, range)),
            Peer::Cidr(block @ Cidr::Ipv6(_)) => {
                ipv6_blocks.add(rule.protocol, |cover, range| cover.allow(block, range));
            }
            Peer::Group(other) if known.contains(&other) => {
                groups.entry(other).or_default().add(rule.protocol, |ranges, range| ranges.push(range));
            }
            Peer::Group(_) => {}
        }
    }
    let mut chain = ChainPlan::default();
    add_blocks(table, &mut chain, &name, peer_field(direction, Family::Ipv4), blocks);
    if families.contains(&Family::Ipv6) {
        add_blocks(table, &mut chain, &name, peer_field(direction, Family::Ipv6), ipv6_blocks);
    }
    for (other, allowed) in groups {
        add_peer_group(table, &mut chain, &format!("{name}.{other}"), direction, other, allowed, families);
    }
    table.chains.insert(name, chain);
}

/// The elements of a set of protocols and ports.
fn ports(tcp: Vec<(Vec<Part>, Range)>, udp: Vec<(Vec<Part>, Range)>) -> Vec<Element> {
    let with = |protocol: u16| {
        move |(mut element, (from, to)): (Vec<Part>, Range)| {
            element.extend([Part::Number(protocol), Part::range(from, to)]);
            element
        }
    };
    tcp.into_iter().map(with(TCP)).chain(udp.into_iter().map(with(UDP))).collect()
}

/// The elements of a set of ICMP types and codes.
fn icmp(ranges: Vec<(Vec<Part>, Range)>) -> Vec<Element> {
    let boxes = |(element, range): (Vec<Part>, Range)| {
        icmp_boxes(range).into_iter().map(move |(types, codes)| {
            let mut element = element.clone();
            element.extend([Part::range(types.0, types.1), Part::range(codes.0, codes.1)]);
            element
        })
    };
    ranges.into_iter().flat_map(boxes).collect()
}

/// Rules from or to blocks of addresses of one family: up to three sets, up to three rules.
fn add_blocks(table: &mut TablePlan, chain: &mut ChainPlan, name: &str, peer: Field, allowed: Allowed<Cover>) {
    let (family, address) = match peer {
        Field::Ipv6Source | Field::Ipv6Destination => (Family::Ipv6, FieldType::Ipv6Address),
        _ => (Family::Ipv4, FieldType::Address),
    };
    let parts = |cover: Cover| -> Vec<(Vec<Part>, Range)> {
        cover.disjoint().into_iter().map(|(block, range)| (vec![Part::cidr(block)], range)).collect()
    };
    let protocols = parts(allowed.protocols)
        .into_iter()
        .map(|(mut element, (from, to))| {
            element.push(Part::range(from, to));
            element
        })
        .collect();
    let mut add = |kind: &str, fields: &[(Field, FieldType)], elements: Vec<Element>| {
        let fields: Vec<_> = std::iter::once(&(peer, address)).chain(fields).copied().collect();
        let set = SetName { name: format!("{name}.{kind}{}", suffix(family)), before: &[] };
        add_lookup(table, chain, set, &fields, elements);
    };
    add("protocols", &PROTOCOL_FIELDS, protocols);
    add("ports", &PORT_FIELDS, ports(parts(allowed.tcp), parts(allowed.udp)));
    match family {
        Family::Ipv4 => add("icmp", &ICMP_FIELDS, icmp(parts(allowed.icmp))),
        Family::Ipv6 => add("icmpv", &ICMPV6_FIELDS, icmp(parts(allowed.icmpv6))),
    }
}

const PROTOCOL_FIELDS: [(Field, FieldType); 1] = [(Field::Protocol, FieldType::Protocol)];
const PORT_FIELDS: [(Field, FieldType); 2] =
    [(Field::Protocol, FieldType::Protocol), (Field::DestinationPort, FieldType::Port)];
const ICMP_FIELDS: [(Field, FieldType); 2] =
    [(Field::IcmpType, FieldType::IcmpType), (Field::IcmpCode, FieldType::IcmpCode)];

const ICMPV6_FIELDS: [(Field, FieldType); 2] =
    [(Field::Icmpv6Type, FieldType::Icmpv6Type), (Field::Icmpv6Code, FieldType::Icmpv6Code)];

/// Rules from or to the members of one other group. Both families look into the same sets of ports.
fn add_peer_group(
    table: &mut TablePlan,
    chain: &mut ChainPlan,
    name: &str,
    direction: Direction,
    other: SecurityGroupId,
    allowed: Allowed<Vec<Range>>,
    families: &[Family],
) {
    let link = if direction == Direction::Ingress { Field::InLink } else { Field::OutLink };
    let members = |family: &Family| {
        let key = vec![link, peer_field(direction, *family)];
        Match::InSet { key, set: members_name(other, *family), not: false }
    };
    let all: Vec<Match> = families.iter().map(members).collect();
    if allowed.protocols.contains(&ANY_PROTOCOL) {
        let accept = |members| Rule { matches: vec![members], action: Action::Accept };
        chain.rules.extend(all.into_iter().map(accept));
        return;
    }
    let parts = |mut ranges: Vec<Range>| -> Vec<(Vec<Part>, Range)> {
        merge(&mut ranges);
        ranges.into_iter().map(|range| (Vec::new(), range)).collect()
    };
    let protocols = allowed.protocols.iter().map(|(number, _)| vec![Part::Number(*number)]).collect();
    let mut add = |kind: &str, before: &[Match], fields: &[(Field, FieldType)], elements: Vec<Element>| {
        add_lookup(table, chain, SetName { name: format!("{name}.{kind}"), before }, fields, elements);
    };
    add("protocols", &all, &PROTOCOL_FIELDS, protocols);
    add("ports", &all, &PORT_FIELDS, ports(parts(allowed.tcp), parts(allowed.udp)));
    for (family, members) in families.iter().zip(&all) {
        let members = std::slice::from_ref(members);
        match family {
            Family::Ipv4 => add("icmp", members, &ICMP_FIELDS, icmp(parts(allowed.icmp.clone()))),
            Family::Ipv6 => add("icmpv6", members, &ICMPV6_FIELDS, icmp(parts(allowed.icmpv6.clone()))),
        }
    }
}

/// A set to look into.
struct SetName<'a> {
    name: String,
    /// What must hold as well; where there are several, each has a rule of its own.
    before: &'a [Match],
}

/// A set and the rules that accept what is in it; nothing if it would be empty.
fn add_lookup(
    table: &mut TablePlan,
    chain: &mut ChainPlan,
    SetName { name, before }: SetName<'_>,
    fields: &[(Field, FieldType)],
    elements: Vec<Element>,
) {
    if elements.is_empty() {
        return;
    }
    let key: Key = fields.iter().map(|(field, _)| *field).collect();
    let set = SetPlan {
        key: fields.iter().map(|(_, kind)| *kind).collect(),
        // A set of single numbers needs no intervals: protocols of a peer group.
        interval: fields.len() > 1,
        data: None,
        elements: elements.into_iter().map(|element| (element, None)).collect(),
    };
    let inside = Match::InSet { key, set: name.clone(), not: false };
    table.sets.insert(name, set);
    let accept = |matches| Rule { matches, action: Action::Accept };
    if before.is_empty() {
        chain.rules.push(accept(vec![inside]));
    } else {
        chain.rules.extend(before.iter().map(|before| accept(vec![before.clone(), inside.clone()])));
    }
}
