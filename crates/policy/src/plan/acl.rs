//! Network ACLs as nftables: ordered, without memory, at the boundary of a subnet alone.
//!
//! Two base chains know nothing of connections: one, before that of the sender's groups, for what leaves the subnet of
//! the link it came in by; one, between those and the receiver's, for what enters the subnet of the link it goes out by.
//! Between two links of one subnet nothing is looked at. A list that lets everything pass costs nothing: its subnets are
//! not looked up, and where all lists do, there is no chain to look.

use std::collections::{BTreeMap, BTreeSet};

use types::{Cidr, Ipv4Cidr, Ipv6Cidr, NetworkAclId, Protocol, SubnetId};

use super::build::{PRIORITY_ACL_IN, PRIORITY_ACL_OUT, base, in_set, rule, set};
use super::nft::{
    Action, ChainKind, ChainPlan, Data, DataType, Field, FieldType, Hook, Match, Part, Rule, SetPlan, TablePlan,
    Transport,
};
use crate::topology::{Acl, AclEntry, Direction, Topology};

const TCP: Transport = Transport::Tcp;
const UDP: Transport = Transport::Udp;

/// Adds the ACLs of the subnets that links are in.
pub(super) fn add_acls(table: &mut TablePlan, topology: &Topology, links: &BTreeMap<String, SubnetId>, ipv6: bool) {
    let subnets: BTreeSet<SubnetId> = links.values().copied().collect();
    let guarded: BTreeMap<SubnetId, Option<NetworkAclId>> = subnets
        .into_iter()
        .map(|id| (id, topology.subnets.get(&id).and_then(|s| s.acl).filter(|acl| topology.acls.contains_key(acl))))
        .collect();
    for direction in [Direction::Egress, Direction::Ingress] {
        let names = Names::of(direction);
        let mut dispatch = BTreeMap::new();
        let mut used = BTreeSet::new();
        for (&subnet, &id) in &guarded {
            let acl = id.map(|id| (id, &topology.acls[&id]));
            if acl.is_some_and(|(_, acl)| lets_all_pass(acl.entries(direction), ipv6)) {
                continue;
            }
            let own = links_name(subnet);
            let members: Vec<&String> = links.iter().filter(|(_, of)| **of == subnet).map(|(link, _)| link).collect();
            let elements = members.iter().map(|link| vec![Part::Link((*link).clone())]);
            table.sets.insert(own.clone(), set(&[FieldType::LinkName], false, elements));
            let mut rules = vec![rule([in_set(&[names.other_link], &own)], Action::Accept)];
            match acl {
                Some((id, acl)) => {
                    used.insert(id);
                    rules.push(rule([], Action::Jump(names.list(id))));
                    table.chains.entry(names.list(id)).or_insert_with(|| list(acl, direction, ipv6));
                }
                // A subnet whose list is not known is shut.
                None => rules.push(rule([], Action::Drop)),
            }
            let chain = format!("{subnet}.{}", names.suffix);
            table.chains.insert(chain.clone(), ChainPlan { base: None, rules });
            for link in members {
                dispatch.insert(vec![Part::Link(link.clone())], Some(Data::Goto(chain.clone())));
            }
        }
        if dispatch.is_empty() {
            continue;
        }
        let map = names.chain.to_owned() + "_of";
        let rules = vec![rule([], Action::Dispatch { field: names.link, map: map.clone() })];
        table
            .chains
            .insert(names.chain.to_owned(), base(ChainKind::Filter, Hook::Forward, names.priority, false, rules));
        let elements = dispatch;
        let key = vec![FieldType::LinkName];
        table.sets.insert(map, SetPlan { key, interval: false, data: Some(DataType::Verdict), elements });
    }
}

/// The name of the set of a subnet's links.
fn links_name(subnet: SubnetId) -> String {
    format!("{subnet}.links")
}

/// What differs between the two directions.
struct Names {
    chain: &'static str,
    suffix: &'static str,
    priority: i32,
    link: Field,
    other_link: Field,
}

impl Names {
    fn of(direction: Direction) -> Self {
        match direction {
            Direction::Egress => Self {
                chain: "acl_out",
                suffix: "out",
                priority: PRIORITY_ACL_OUT,
                link: Field::InLink,
                other_link: Field::OutLink,
            },
            Direction::Ingress => Self {
                chain: "acl_in",
                suffix: "in",
                priority: PRIORITY_ACL_IN,
                link: Field::OutLink,
                other_link: Field::InLink,
            },
        }
    }

    fn list(&self, acl: NetworkAclId) -> String {
        format!("{acl}.{}", self.suffix)
    }
}

/// Whether nothing of a family in use is ever denied: the first entry that speaks of it allows everything.
fn lets_all_pass(entries: &[AclEntry], ipv6: bool) -> bool {
    let first_allows = |everything: Cidr| {
        let mut of_family = entries.iter().filter(|entry| everything.contains_cidr(entry.cidr));
        of_family.next().is_some_and(|first| first.allow && first.protocol == Protocol::All && first.cidr == everything)
    };
    first_allows(Ipv4Cidr::ANY.into()) && (!ipv6 || first_allows(Ipv6Cidr::ANY.into()))
}

/// The chain of one list: its entries, then the denial of everything.
fn list(acl: &Acl, direction: Direction, ipv6: bool) -> ChainPlan {
    let entries = acl.entries(direction).iter().filter(|entry| ipv6 || entry.cidr.ipv4().is_some());
    let mut rules: Vec<Rule> = entries.filter_map(|entry| entry_rule(entry, direction)).collect();
    rules.push(rule([], Action::Drop));
    ChainPlan { base: None, rules }
}

/// The rule of an entry; none for one that no packet meets: ICMP is of IPv4, ICMPv6 of IPv6.
fn entry_rule(entry: &AclEntry, direction: Direction) -> Option<Rule> {
    let block = entry.cidr;
    let is_ipv6 = block.ipv6().is_some();
    let field = match (direction, is_ipv6) {
        (Direction::Ingress, false) => Field::Source,
        (Direction::Egress, false) => Field::Destination,
        (Direction::Ingress, true) => Field::Ipv6Source,
        (Direction::Egress, true) => Field::Ipv6Destination,
    };
    let is_any = block == Ipv4Cidr::ANY.into() || block == Ipv6Cidr::ANY.into();
    let mut matches = match (is_any, entry.protocol) {
        // ICMP is of IPv4, and `nft` leaves out what that says already.
        (true, Protocol::Icmp { .. } | Protocol::Other(1)) if !is_ipv6 => Vec::new(),
        (true, Protocol::Icmpv6 { .. } | Protocol::Other(58)) if is_ipv6 => Vec::new(),
        (true, _) => vec![if is_ipv6 { Match::Ipv6 } else { Match::Ipv4 }],
        (false, _) => vec![Match::Block { field, block, not: false }],
    };
    let number = |field, range| Match::Number { field, range };
    let one = |number: u8| (u16::from(number), u16::from(number));
    match entry.protocol {
        Protocol::All => {}
        Protocol::Tcp(ports) => matches.push(Match::Ports { transport: TCP, range: (ports.from, ports.to) }),
        Protocol::Udp(ports) => matches.push(Match::Ports { transport: UDP, range: (ports.from, ports.to) }),
        Protocol::Icmp { .. } if is_ipv6 => return None,
        Protocol::Icmpv6 { .. } if !is_ipv6 => return None,
        Protocol::Icmp { kind: None, .. } => matches.push(number(Field::Protocol, (1, 1))),
        Protocol::Icmp { kind: Some(kind), code } => {
            matches.push(number(Field::IcmpType, one(kind)));
            matches.extend(code.map(|code| number(Field::IcmpCode, one(code))));
        }
        Protocol::Icmpv6 { kind: None, .. } => matches.push(number(Field::Protocol, (58, 58))),
        Protocol::Icmpv6 { kind: Some(kind), code } => {
            matches.push(number(Field::Icmpv6Type, one(kind)));
            matches.extend(code.map(|code| number(Field::Icmpv6Code, one(code))));
        }
        Protocol::Other(protocol) => matches.push(number(Field::Protocol, one(protocol))),
    }
    Some(Rule { matches, action: if entry.allow { Action::Accept } else { Action::Drop } })
}
