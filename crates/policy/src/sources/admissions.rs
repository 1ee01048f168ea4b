//! Which rules of an interface's groups let what in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use types::{SecurityGroupId, VpcId};

use super::Admission;
use super::index::Index;
use super::range::{AddressRange, line_of, number_of};
use super::set::Region;
use super::spans::{Point, Spans};
use crate::topology::{Interface, InterfaceKind, Peer};
use crate::verdict::Link;

/// All rules that let something in.
pub(super) type Admitting = Arc<[Admission]>;

/// The rules for what comes to an interface.
pub(super) struct Admissions<'i, 'a> {
    index: &'i Index<'a>,
    is_ipv4: bool,
    /// In the order that they are asked in.
    rules: Vec<Rule>,
    /// By traffic, what these rules let in together.
    by_traffic: ByNumbers<Rc<Spans<u32, Admitting>>>,
    /// What is let in by a link; `None` stands for all links that no member of a group is behind.
    by_link: BTreeMap<Option<Link>, Rc<Region<Admitting>>>,
    lists: Lists,
}

struct Rule {
    admission: Admission,
    who: Who,
    /// The traffic.
    ranges: Vec<(u32, u32)>,
}

/// Whom a rule is about.
#[derive(Clone, Copy)]
enum Who {
    Range(u128, u128),
    Group(SecurityGroupId),
}

impl Who {
    /// Of a peer; `None` if it is of the other family.
    fn new(peer: Peer, is_ipv4: bool) -> Option<Self> {
        match peer {
            Peer::Cidr(block) => (block.ipv4().is_some() == is_ipv4).then(|| {
                let (first, last) = AddressRange::from(block).numbers();
                Self::Range(first, last)
            }),
            Peer::Group(group) => Some(Self::Group(group)),
        }
    }
}

impl<'i, 'a> Admissions<'i, 'a> {
    pub(super) fn new(index: &'i Index<'a>, interface: &Interface, is_ipv4: bool) -> Self {
        let topology = index.topology;
        let groups = interface.groups.iter().filter(|_| interface.kind == InterfaceKind::Machine);
        let groups = groups.filter_map(|id| Some((*id, topology.groups.get(id)?)));
        let groups = groups.filter(|(_, group)| group.vpcs.contains(&interface.vpc));
        let rules = groups.flat_map(|(group, it)| {
            it.ingress.iter().filter_map(move |rule| {
                let admission = Admission { group, rule: rule.id };
                let ranges = line_of(rule.protocol).iter().map(|span| (span.first, span.last)).collect();
                Some(Rule { admission, who: Who::new(rule.peer, is_ipv4)?, ranges })
            })
        });
        let rules = rules.collect();
        let (by_traffic, by_link, lists) = (ByNumbers::default(), BTreeMap::new(), Lists::default());
        Self { index, is_ipv4, rules, by_traffic, by_link, lists }
    }

    /// By traffic, what is let in from one address behind a link.
    pub(super) fn of_one(&mut self, link: Link, source: IpAddr) -> Rc<Spans<u32, Admitting>> {
        let number = number_of(source);
        let is_peer = |who: Who| match who {
            Who::Range(first, last) => (first..=last).contains(&number),
            Who::Group(group) => self.is_member(group, link, source),
        };
        let rules = (0u32..).zip(&self.rules).filter(|(_, rule)| is_peer(rule.who)).map(|(at, _)| at);
        let rules: Vec<u32> = rules.collect();
        if let Some(known) = self.by_traffic.get(&rules) {
            return known.clone();
        }
        let ranges = rules.iter().flat_map(|at| self.rules[*at as usize].ranges.iter().map(|range| (*range, *at)));
        let mut made = Spans::default();
        together(ranges, |first, last, rules| made.push(first, last, self.lists.get(&self.rules, rules)));
        let made = Rc::new(made);
        self.by_traffic.insert(rules, made.clone());
        made
    }

    fn is_member(&self, group: SecurityGroupId, link: Link, source: IpAddr) -> bool {
        let topology = self.index.topology;
        match link {
            Link::Interface(id) => {
                let member = topology.interfaces.get(&id);
                member.is_some_and(|member| member.has(source) && topology.carries(member, group))
            }
            _ => self
                .sides(link)
                .into_iter()
                .any(|vpc| self.index.having(vpc, source).iter().any(|(_, member)| topology.carries(member, group))),
        }
    }

    /// The VPCs whose interfaces may be behind a link to another VPC.
    fn sides(&self, link: Link) -> Vec<VpcId> {
        match link {
            Link::Peering(id) => {
                let peering = self.index.topology.peerings.get(&id);
                peering.map_or_else(Vec::new, |peering| vec![peering.requester, peering.accepter])
            }
            // What comes from beyond a transit gateway is a member of no group.
            Link::Interface(_) | Link::Gateway | Link::EgressOnlyGateway | Link::Transit(_) => Vec::new(),
        }
    }

    /// What is let in from all addresses behind a link.
    pub(super) fn of_all(&mut self, link: Link) -> Rc<Region<Admitting>> {
        let key = Some(link).filter(|link| matches!(link, Link::Interface(_) | Link::Peering(_)));
        if let Some(known) = self.by_link.get(&key) {
            return known.clone();
        }
        let peers: Vec<Vec<(u128, u128)>> = self.rules.iter().map(|rule| self.peers(rule.who, link)).collect();
        let ranges = (0u32..).zip(&self.rules).flat_map(|(at, rule)| rule.ranges.iter().map(move |it| (*it, at)));
        let mut made = Region::default();
        together(ranges, |first, last, rules| {
            let mut sources = Spans::default();
            let peers = rules.iter().flat_map(|at| peers[*at as usize].iter().map(|it| (*it, *at)));
            together(peers, |from, to, rules| sources.push(from, to, self.lists.get(&self.rules, rules)));
            if !sources.is_empty() {
                made.push(first, last, sources);
            }
        });
        let made = Rc::new(made);
        self.by_link.insert(key, made.clone());
        made
    }

    /// The addresses behind a link that a rule is about; no two overlap.
    fn peers(&self, who: Who, link: Link) -> Vec<(u128, u128)> {
        let group = match who {
            Who::Range(first, last) => return vec![(first, last)],
            Who::Group(group) => group,
        };
        let topology = self.index.topology;
        let members: BTreeSet<IpAddr> = match link {
            Link::Interface(id) => {
                let member = topology.interfaces.get(&id).filter(|member| topology.carries(member, group));
                member.into_iter().flat_map(Interface::all_addresses).collect()
            }
            _ => self.sides(link).into_iter().flat_map(|vpc| self.index.members(vpc, group)).collect(),
        };
        let of_family = members.into_iter().filter(|member| member.is_ipv4() == self.is_ipv4);
        of_family.map(|member| (number_of(member), number_of(member))).collect()
    }
}

/// By the numbers of rules.
type ByNumbers<T> = HashMap<Vec<u32>, T, BuildHasherDefault<Quick>>;

/// A hash of numbers that nobody chooses to make them meet.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for bytes in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Lists of rules, of which each is made once.
#[derive(Default)]
struct Lists(ByNumbers<Admitting>);

impl Lists {
    fn get(&mut self, rules: &[Rule], numbers: &[u32]) -> Admitting {
        if let Some(known) = self.0.get(numbers) {
            return known.clone();
        }
        let list: Admitting = numbers.iter().map(|at| rules[*at as usize].admission).collect();
        self.0.insert(numbers.to_vec(), list.clone());
        list
    }
}

/// Says of all numbers that a rule is about, from the first on, which rules are. No two ranges of a rule overlap.
fn together<K: Point>(ranges: impl Iterator<Item = ((K, K), u32)>, mut say: impl FnMut(K, K, &[u32])) {
    let mut starts: Vec<(K, u32)> = Vec::new();
    // Behind the last number nothing begins.
    let mut ends: Vec<(K, u32)> = Vec::new();
    for ((first, last), rule) in ranges {
        starts.push((first, rule));
        ends.extend(last.next().map(|next| (next, rule)));
    }
    let mut places: Vec<K> = starts.iter().chain(&ends).map(|(place, _)| *place).collect();
    places.sort_unstable();
    places.dedup();
    starts.sort_unstable();
    ends.sort_unstable();
    let (mut starts, mut ends) = (starts.into_iter().peekable(), ends.into_iter().peekable());
    let mut open: Vec<u32> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        while let Some((_, rule)) = ends.next_if(|(end, _)| end <= place) {
            open.retain(|other| *other != rule);
        }
        while let Some((_, rule)) = starts.next_if(|(start, _)| start <= place) {
            open.insert(open.partition_point(|other| *other < rule), rule);
        }
        let last = places.get(at + 1).map_or(Some(K::LAST), |next| next.previous());
        if let Some(last) = last.filter(|_| !open.is_empty()) {
            say(*place, last, &open);
        }
    }
}
