//! The connections that end with the rule they came by.
//!
//! EC2 does not track a flow of TCP or UDP whose rule is open to every address, if any answer may pass as well: to every
//! address, on all ports (EC2 User Guide, "Security group connection tracking"). Such a flow is cut at once when its rule
//! goes, unless another rule still lets it pass. Here the kernel tracks every flow, which none can tell from outside as
//! long as rules stay; when they go, the flows that EC2 would not have tracked are forgotten, so that the rules are asked
//! about their next packet.
//!
//! Each interface judges for itself: a flow that one end tracks and the other does not is cut where it is not tracked.
//! What passes a NAT gateway or an egress-only internet gateway is always tracked.

mod way;

use std::collections::BTreeMap;
use std::net::IpAddr;

use types::{Cidr, Ipv4Cidr, Ipv6Cidr};

use crate::plan::{
    Action, ChainPlan, Data, Element, Family, Field, HostPlan, Key, Match, Part, Place, SetPlan, TablePlan,
    dispatch_name, merge, without,
};
use crate::topology::Direction;
use way::Ways;

const TCP: u16 = 6;
const UDP: u16 = 17;
const ALL_PORTS: (u16, u16) = (0, u16::MAX);

/// One way of a tracked connection, as its packets have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Who sends.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// The sender's port; 0 where the protocol has none.
    pub source_port: u16,
    /// The other's port; 0 where the protocol has none.
    pub destination_port: u16,
}

/// A connection that the kernel tracks in a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// Its IP protocol.
    pub protocol: u8,
    /// Its first packet as it came, before any translation.
    pub original: Tuple,
    /// The answers, before they are translated back.
    pub reply: Tuple,
}

/// Which connections of a VPC a change of its rules ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrackedFlows {
    /// By link.
    lost: BTreeMap<(String, Direction), Lost>,
    /// The new rules of these interfaces.
    rules: TablePlan,
    ways: Ways,
}

/// What an interface is no longer open for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lost {
    open: Vec<Open>,
    /// The chain that the interface has now.
    chain: String,
}

/// TCP or UDP from or to every address of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    family: Family,
    protocol: u16,
    ports: (u16, u16),
}

/// A packet that begins a connection, as the rules of groups see it.
struct First<'a> {
    in_link: &'a str,
    out_link: &'a str,
    source: IpAddr,
    destination: IpAddr,
    protocol: u16,
    port: u16,
}

impl UntrackedFlows {
    /// What ends in a place when its rules change from one plan's to another's; `None`: nothing.
    pub fn between(place: Place, before: &HostPlan, after: &HostPlan) -> Option<Self> {
        let (Place::Vpc(_), Some(old), Some(new)) =
            (place, before.namespaces.get(&place), after.namespaces.get(&place))
        else {
            return None;
        };
        let (was, is) = (Openness::new(&old.table), Openness::new(&new.table));
        let mut lost = BTreeMap::new();
        for link in was.links() {
            for direction in [Direction::Ingress, Direction::Egress] {
                // Where there is no interface any more its link goes, and takes every flow along.
                let Some((chain, still)) = is.of(link, direction) else { continue };
                let open: Vec<Open> = was.untracked(link, direction).flat_map(|open| left_of(open, &still)).collect();
                if !open.is_empty() {
                    lost.insert((link.to_owned(), direction), Lost { open, chain: chain.to_owned() });
                }
            }
        }
        if lost.is_empty() {
            return None;
        }
        let rules = part_of(&new.table, lost.values().map(|lost| lost.chain.as_str()));
        Some(Self { lost, rules, ways: Ways::new(place, before, after) })
    }

    /// Whether a connection ends: it was not tracked at one of the interfaces that it passes, and the rules there no
    /// longer let it begin.
    pub fn ends(&self, connection: &Connection) -> bool {
        let protocol = u16::from(connection.protocol);
        if protocol != TCP && protocol != UDP {
            return false;
        }
        // Groups see the address that a public one was translated to, and the source before its translation.
        let (source, destination) = (connection.original.source, connection.reply.source);
        let way = self.ways.between(source, destination);
        way.windows(2).any(|hop| {
            let (in_link, out_link) = (hop[0], hop[1]);
            let port = connection.reply.source_port;
            let first = First { in_link, out_link, source, destination, protocol, port };
            self.cuts(in_link, Direction::Egress, &first) || self.cuts(out_link, Direction::Ingress, &first)
        })
    }

    fn cuts(&self, link: &str, direction: Direction, first: &First<'_>) -> bool {
        self.lost.get(&(link.to_owned(), direction)).is_some_and(|lost| {
            lost.open.iter().any(|open| open.holds(first)) && !accepts(&self.rules, &lost.chain, first)
        })
    }
}

impl Open {
    fn holds(&self, first: &First<'_>) -> bool {
        let family = if first.destination.is_ipv6() { Family::Ipv6 } else { Family::Ipv4 };
        self.family == family && self.protocol == first.protocol && contains(self.ports, first.port)
    }
}

fn contains((from, to): (u16, u16), number: u16) -> bool {
    (from..=to).contains(&number)
}

/// What of something is in none of others.
fn left_of(open: Open, others: &[Open]) -> Vec<Open> {
    let same = others.iter().filter(|other| (other.family, other.protocol) == (open.family, open.protocol));
    let mut ranges: Vec<_> = same.map(|other| other.ports).collect();
    merge(&mut ranges);
    without(open.ports, &ranges).into_iter().map(|ports| Open { ports, ..open }).collect()
}

/// What the interfaces of a table are open for.
struct Openness<'a> {
    table: &'a TablePlan,
    /// By chain of a group: many interfaces have the same.
    by_chain: BTreeMap<&'a str, Vec<Open>>,
}

impl<'a> Openness<'a> {
    fn new(table: &'a TablePlan) -> Self {
        let chains = table.chains.iter().filter(|(_, chain)| chain.base.is_none());
        let by_chain = chains.map(|(name, chain)| (name.as_str(), open_rules(table, chain))).collect();
        Self { table, by_chain }
    }

    fn links(&self) -> impl Iterator<Item = &'a str> {
        let map =
            self.table.sets.get(dispatch_name(Direction::Ingress)).into_iter().flat_map(|map| map.elements.keys());
        map.filter_map(|element| match element.as_slice() {
            [Part::Link(link)] => Some(link.as_str()),
            _ => None,
        })
    }

    /// The chain of an interface, and what that is open for; `None` where there is none.
    fn of(&self, link: &str, direction: Direction) -> Option<(&'a str, Vec<Open>)> {
        let (name, chain) = self.table.chains.get_key_value(chain_of(self.table, link, direction)?)?;
        let groups = chain.rules.iter().filter_map(|rule| match &rule.action {
            Action::Jump(group) if rule.matches.is_empty() => Some(group.as_str()),
            _ => None,
        });
        let chains = groups.chain([name.as_str()]).filter_map(|name| self.by_chain.get(name));
        Some((name, chains.flatten().copied().collect()))
    }

    /// What of it is not tracked: answers may go to every address and port as well.
    fn untracked(&self, link: &str, direction: Direction) -> impl Iterator<Item = Open> {
        let opposite = match direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        let [answers, open] =
            [opposite, direction].map(|it| self.of(link, it).map(|(_, open)| open).unwrap_or_default());
        open.into_iter().filter(move |open| answers.contains(&Open { ports: ALL_PORTS, ..*open }))
    }
}

/// What the rules of a chain itself let pass from or to every address.
fn open_rules(table: &TablePlan, chain: &ChainPlan) -> Vec<Open> {
    let sets = chain.rules.iter().filter_map(|rule| match (&rule.action, rule.matches.as_slice()) {
        (Action::Accept, [Match::InSet { key, set, not: false }]) => Some((key, table.sets.get(set)?)),
        _ => None,
    });
    sets.flat_map(|(key, set)| open_elements(key, set)).collect()
}

fn open_elements(key: &Key, set: &SetPlan) -> Vec<Open> {
    let (family, any): (Family, Cidr) = match key.first() {
        Some(Field::Source | Field::Destination) => (Family::Ipv4, Ipv4Cidr::ANY.into()),
        Some(Field::Ipv6Source | Field::Ipv6Destination) => (Family::Ipv6, Ipv6Cidr::ANY.into()),
        _ => return Vec::new(),
    };
    let any = Part::Prefix(any);
    let elements = set.elements.range(vec![any.clone()]..).map(|(element, _)| element);
    let elements = elements.take_while(|element| element.first() == Some(&any));
    let open = |element: &Element| -> Vec<Open> {
        let (protocols, ports) = match (&key[1..], element.get(1..)) {
            ([Field::Protocol], Some([protocols])) => (range_of(protocols), Some(ALL_PORTS)),
            ([Field::Protocol, Field::DestinationPort], Some([protocols, ports])) => {
                (range_of(protocols), range_of(ports))
            }
            _ => return Vec::new(),
        };
        let (Some(protocols), Some(ports)) = (protocols, ports) else { return Vec::new() };
        let protocols = [TCP, UDP].into_iter().filter(|protocol| contains(protocols, *protocol));
        protocols.map(|protocol| Open { family, protocol, ports }).collect()
    };
    elements.flat_map(open).collect()
}

fn range_of(part: &Part) -> Option<(u16, u16)> {
    match part {
        Part::Number(number) => Some((*number, *number)),
        Part::Range(first, last) => Some((*first, *last)),
        _ => None,
    }
}

/// The chain that an interface has for one direction.
fn chain_of<'a>(table: &'a TablePlan, link: &str, direction: Direction) -> Option<&'a str> {
    let map = table.sets.get(dispatch_name(direction))?;
    match map.elements.get(&vec![Part::Link(link.to_owned())])? {
        Some(Data::Goto(chain)) => Some(chain),
        _ => None,
    }
}

/// What of a table the packets that enter these chains meet.
fn part_of<'a>(table: &'a TablePlan, chains: impl Iterator<Item = &'a str>) -> TablePlan {
    let mut part = TablePlan::default();
    let mut open: Vec<&str> = chains.collect();
    while let Some(name) = open.pop() {
        let Some(chain) = table.chains.get(name).filter(|_| !part.chains.contains_key(name)) else { continue };
        part.chains.insert(name.to_owned(), chain.clone());
        for rule in &chain.rules {
            if let Action::Jump(chain) = &rule.action {
                open.push(chain);
            }
            let sets = rule.matches.iter().filter_map(|it| match it {
                Match::InSet { set, .. } => table.sets.get_key_value(set),
                _ => None,
            });
            part.sets.extend(sets.map(|(name, set)| (name.clone(), set.clone())));
        }
    }
    part
}

/// Whether a chain of an interface or a group lets a packet pass.
fn accepts(table: &TablePlan, chain: &str, first: &First<'_>) -> bool {
    let rules = table.chains.get(chain).into_iter().flat_map(|chain| &chain.rules);
    rules.filter(|rule| rule.matches.iter().all(|it| holds(table, it, first))).any(|rule| match &rule.action {
        Action::Accept => true,
        Action::Jump(next) => accepts(table, next, first),
        _ => false,
    })
}

/// Whether a condition holds. The chains of groups have no others than these.
fn holds(table: &TablePlan, condition: &Match, first: &First<'_>) -> bool {
    let Match::InSet { key, set, not } = condition else { return false };
    let inside =
        |element: &Element| key.len() == element.len() && key.iter().zip(element).all(|(f, p)| is_in(first, *f, p));
    table.sets.get(set).is_some_and(|set| set.elements.keys().any(inside)) != *not
}

/// Whether what a packet has in a field is what a part of an element says.
fn is_in(first: &First<'_>, field: Field, part: &Part) -> bool {
    let number = |number| range_of(part).is_some_and(|range| contains(range, number));
    let address = |address: IpAddr| match part {
        Part::Address(own) => *own == address,
        Part::Prefix(block) => block.contains(address),
        _ => false,
    };
    let link = |name: &str| matches!(part, Part::Link(link) if link == name);
    match field {
        Field::InLink => link(first.in_link),
        Field::OutLink => link(first.out_link),
        Field::Source | Field::Ipv6Source => address(first.source),
        Field::Destination | Field::Ipv6Destination => address(first.destination),
        Field::Protocol => number(first.protocol),
        Field::DestinationPort => number(first.port),
        _ => false,
    }
}
