//! Security groups as nftables: for each group and direction a chain with a fixed number of rules, and the group's own
//! rules as elements of interval sets that the chain looks up.
//!
//! A rule costs an element, not a rule: the price of a packet does not grow with the number of rules. A rule that names
//! another group refers to that group's set of members, so a new member is one element wherever it is referred to.

use std::collections::{BTreeMap, BTreeSet};

use types::{Cidr, Protocol, SecurityGroupId};

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

/// The name of the set of a group's members.
pub(super) fn members_name(group: SecurityGroupId) -> String {
    format!("{group}.members")
}

/// What rules of one direction allow one kind of peer.
#[derive(Default)]
struct Allowed<T> {
    protocols: T,
    tcp: T,
    udp: T,
    icmp: T,
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
    /// Puts a rule where it belongs; ICMPv6 never occurs between IPv4 addresses.
    fn add(&mut self, protocol: Protocol, allow: impl Fn(&mut T, Range)) {
        match protocol {
            Protocol::All => allow(&mut self.protocols, ANY_PROTOCOL),
            Protocol::Tcp(ports) => allow(&mut self.tcp, (ports.from, ports.to)),
            Protocol::Udp(ports) => allow(&mut self.udp, (ports.from, ports.to)),
            Protocol::Icmp { kind, code } => allow(&mut self.icmp, icmp_range(kind, code)),
            Protocol::Icmpv6 { .. } => {}
            Protocol::Other(number) => allow(&mut self.protocols, (number.into(), number.into())),
        }
    }
}

/// Adds the chain of a group and direction, and its sets. `known` are the groups whose members have a set here; rules
/// that name another one let nobody through.
pub(super) fn add_group(
    table: &mut TablePlan,
    id: SecurityGroupId,
    group: &Group,
    direction: Direction,
    known: &BTreeSet<SecurityGroupId>,
) {
    let name = chain_name(id, direction);
    let peer = match direction {
        Direction::Ingress => Field::Source,
        Direction::Egress => Field::Destination,
    };
    let mut blocks = Allowed::<Cover>::default();
    let mut groups: BTreeMap<SecurityGroupId, Allowed<Vec<Range>>> = BTreeMap::new();
    for rule in group.rules(direction) {
        match rule.peer {
            Peer::Cidr(Cidr::Ipv4(block)) => blocks.add(rule.protocol, |cover, range| cover.allow(block, range)),
            Peer::Cidr(Cidr::Ipv6(_)) => {}
            Peer::Group(other) if known.contains(&other) => {
                groups.entry(other).or_default().add(rule.protocol, |ranges, range| ranges.push(range));
            }
            Peer::Group(_) => {}
        }
    }
    let mut chain = ChainPlan::default();
    add_blocks(table, &mut chain, &name, peer, blocks);
    for (other, allowed) in groups {
        add_peer_group(table, &mut chain, &format!("{name}.{other}"), peer, other, allowed);
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

/// Rules from or to blocks of addresses: up to three sets, up to three rules.
fn add_blocks(table: &mut TablePlan, chain: &mut ChainPlan, name: &str, peer: Field, allowed: Allowed<Cover>) {
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
        let fields: Vec<_> = std::iter::once(&(peer, FieldType::Address)).chain(fields).copied().collect();
        add_lookup(table, chain, format!("{name}.{kind}"), &[], &fields, elements);
    };
    add("protocols", &PROTOCOL_FIELDS, protocols);
    add("ports", &PORT_FIELDS, ports(parts(allowed.tcp), parts(allowed.udp)));
    add("icmp", &ICMP_FIELDS, icmp(parts(allowed.icmp)));
}

const PROTOCOL_FIELDS: [(Field, FieldType); 1] = [(Field::Protocol, FieldType::Protocol)];
const PORT_FIELDS: [(Field, FieldType); 2] =
    [(Field::Protocol, FieldType::Protocol), (Field::DestinationPort, FieldType::Port)];
const ICMP_FIELDS: [(Field, FieldType); 2] =
    [(Field::IcmpType, FieldType::IcmpType), (Field::IcmpCode, FieldType::IcmpCode)];

/// Rules from or to the members of one other group.
fn add_peer_group(
    table: &mut TablePlan,
    chain: &mut ChainPlan,
    name: &str,
    peer: Field,
    other: SecurityGroupId,
    allowed: Allowed<Vec<Range>>,
) {
    let link = if peer == Field::Source { Field::InLink } else { Field::OutLink };
    let members = Match::InSet { key: vec![link, peer], set: members_name(other), not: false };
    if allowed.protocols.contains(&ANY_PROTOCOL) {
        chain.rules.push(Rule { matches: vec![members], action: Action::Accept });
        return;
    }
    let parts = |mut ranges: Vec<Range>| -> Vec<(Vec<Part>, Range)> {
        merge(&mut ranges);
        ranges.into_iter().map(|range| (Vec::new(), range)).collect()
    };
    let protocols = allowed.protocols.iter().map(|(number, _)| vec![Part::Number(*number)]).collect();
    let mut add = |kind: &str, fields: &[(Field, FieldType)], elements: Vec<Element>| {
        add_lookup(table, chain, format!("{name}.{kind}"), std::slice::from_ref(&members), fields, elements);
    };
    add("protocols", &PROTOCOL_FIELDS, protocols);
    add("ports", &PORT_FIELDS, ports(parts(allowed.tcp), parts(allowed.udp)));
    add("icmp", &ICMP_FIELDS, icmp(parts(allowed.icmp)));
}

/// A set and the rule that accepts what is in it; nothing if it would be empty.
fn add_lookup(
    table: &mut TablePlan,
    chain: &mut ChainPlan,
    name: String,
    before: &[Match],
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
    let mut matches = before.to_vec();
    matches.push(Match::InSet { key, set: name.clone(), not: false });
    table.sets.insert(name, set);
    chain.rules.push(Rule { matches, action: Action::Accept });
}
