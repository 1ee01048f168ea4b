//! All packets that reach an interface, exactly.
//!
//! [`crate::verdict()`] says what becomes of one packet; here is the set of all that it lets arrive at one interface, with
//! the rules that let them in and whether they are answered. Nothing is sampled: packets that fare alike are followed
//! together (`walk`), and where something tells them apart, the set is split.
//!
//! One thing has no ranges: a NAT gateway of several addresses chooses among them by a hash of source and destination. Of
//! a machine that may use any source, each packet counts as in that comes in under one of these addresses, by every rule
//! that is for one of them; it is answered sometimes if not the same under all. Of all others the choice is known.

mod admissions;
mod index;
mod range;
mod set;
mod spans;
mod walk;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId};

pub use range::{AddressRange, TrafficRange};
pub use set::{PacketBox, PacketSet};

use crate::topology::{Interface, InterfaceKind, LinkState, Topology};
use crate::verdict::Endpoint;
use admissions::{Admissions, Admitting};
use index::Index;
use range::{address_of, number_of};
use set::{Region, combined, region};
use spans::Spans;
use walk::{Alike, Arrived, Held, Question};

/// How some packets come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Every rule that lets them in, in the order that they are asked in: the first is the one that a verdict names.
    pub rules: Arc<[Admission]>,
    /// Whether they are answered.
    pub answered: Answered,
}

/// A rule that lets packets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Admission {
    /// The group that it is of.
    pub group: SecurityGroupId,
    /// The rule.
    pub rule: SecurityGroupRuleId,
}

/// Whether answers arrive. Network ACLs have no memory: they may drop an answer by the port it goes to.
///
/// An answer arrives where routes lead its destination, which need not be who called, if that one used the address of
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Never: the answer is dropped, or there is none.
    Never,
    /// To some of the ports that clients call from, 1024 to 65535, and not to others.
    Sometimes,
    /// Always; in TCP and UDP, to each of these ports.
    Always,
}

/// All packets that reach an interface by one of its own addresses: the private ones, the public ones that are translated
/// to them, those of IPv6. To ask about several interfaces make one [`Reach`].
pub fn sources(topology: &Topology, interface: NetworkInterfaceId) -> PacketSet<Access> {
    Reach::new(topology).sources(interface)
}

/// Who reaches whom in a topology. It keeps what every question about it looks up.
pub struct Reach<'a> {
    index: Index<'a>,
}

/// What of one sender's packets from some addresses comes to the interface, before its groups are asked.
#[derive(Debug, PartialEq)]
struct Come {
    /// The source that the interface sees, where that is not the one that was sent.
    seen: Option<IpAddr>,
    link: crate::verdict::Link,
    traffic: Spans<u32, Answered>,
}

impl<'a> Reach<'a> {
    /// Of a topology.
    pub fn new(topology: &'a Topology) -> Self {
        Self { index: Index::new(topology) }
    }

    /// All packets that reach an interface by one of its own addresses, the public ones among them.
    pub fn sources(&self, interface: NetworkInterfaceId) -> PacketSet<Access> {
        let Some(it) = self.index.topology.interfaces.get(&interface) else { return PacketSet::new() };
        let public = it.addresses.iter().filter_map(|address| address.public).map(IpAddr::V4);
        self.by(interface, it.all_addresses().chain(public).collect())
    }

    /// All packets that reach an interface with this destination when they are sent. It may be an address that is not the
    /// interface's, and what it is to forward arrives; nobody answers that.
    pub fn sources_by(&self, interface: NetworkInterfaceId, to: IpAddr) -> PacketSet<Access> {
        self.by(interface, vec![to])
    }

    fn by(&self, interface: NetworkInterfaceId, mut destinations: Vec<IpAddr>) -> PacketSet<Access> {
        let mut set = PacketSet::new();
        let Some(it) = self.index.topology.interfaces.get(&interface) else { return set };
        destinations.sort_unstable();
        destinations.dedup();
        for is_ipv4 in [true, false] {
            let mut admissions = Admissions::new(&self.index, it, is_ipv4);
            for &to in destinations.iter().filter(|to| to.is_ipv4() == is_ipv4) {
                for from in self.senders() {
                    let mut region = Region::default();
                    for lane in self.lanes(from, to, interface) {
                        let more = admitted(&lane, &mut admissions, is_ipv4);
                        region = combined(&region, &more, &mut either);
                    }
                    set.insert(from, to, region);
                }
            }
        }
        set
    }

    /// Everyone who can send something.
    fn senders(&self) -> impl Iterator<Item = Endpoint> {
        let can = |it: &Interface| it.link == LinkState::Attached && it.kind == InterfaceKind::Machine;
        let machines = self.index.topology.interfaces.iter().filter(move |(_, interface)| can(interface));
        machines.map(|(id, _)| Endpoint::Interface(*id)).chain([Endpoint::Outside])
    }

    /// What one sender's packets come to: by the address that a NAT gateway of several gives them, if it may be any.
    fn lanes(&self, from: Endpoint, to: IpAddr, interface: NetworkInterfaceId) -> Vec<Spans<u128, Come>> {
        let is_ipv4 = to.is_ipv4();
        let mut question = Question { index: &self.index, from, to, interface, choice: 0, choices: Cell::new(1) };
        let sender = match from {
            Endpoint::Interface(id) => self.index.topology.interfaces.get(&id),
            Endpoint::Outside => None,
        };
        let own = sender.into_iter().flat_map(Interface::all_addresses).filter(|own| own.is_ipv4() == is_ipv4);
        let own: BTreeSet<u128> = own.map(number_of).collect();
        let mut lanes = vec![Spans::default()];
        // Who is checked sends from no other addresses.
        if sender.is_some_and(|sender| sender.source_dest_check) {
            for source in own {
                if let Some(come) = come(&question, source, &mut (source, source)) {
                    lanes[0].push(source, source, come);
                }
            }
            return lanes;
        }
        let (mut at, last) = AddressRange::all(is_ipv4);
        loop {
            // Each of its own fares by itself.
            let next = own.range(at..).next().copied();
            let mut alike = (at, next.map_or(last, |next| if next == at { at } else { next - 1 }));
            question.choices.set(1);
            let mut all = Vec::new();
            while all.len() < question.choices.get() {
                question.choice = all.len();
                all.push(come(&question, at, &mut alike));
            }
            if all.len() > 1 && alike.0 == alike.1 {
                // One address after all: its choice is known.
                all = vec![come(&question, at, &mut alike)];
            }
            lanes.resize_with(lanes.len().max(all.len()), Spans::default);
            for (lane, come) in lanes.iter_mut().zip(all) {
                if let Some(come) = come {
                    lane.push(at, alike.1, come);
                }
            }
            if alike.1 == last {
                return lanes;
            }
            at = alike.1 + 1;
        }
    }
}

/// What is said of packets that come in, or may come in in two ways.
fn either(one: Option<&Access>, other: Option<&Access>) -> Option<Access> {
    let (Some(one), Some(other)) = (one, other) else { return one.or(other).cloned() };
    let more = other.rules.iter().filter(|rule| !one.rules.contains(rule)).copied().collect::<Vec<_>>();
    let rules = if more.is_empty() { one.rules.clone() } else { one.rules.iter().copied().chain(more).collect() };
    let answered = if one.answered == other.answered { one.answered } else { Answered::Sometimes };
    Some(Access { rules, answered })
}

/// What of the packets from an address comes to the interface; and which addresses fare alike.
fn come(question: &Question<'_, '_>, source: u128, alike: &mut Alike) -> Option<Come> {
    let as_sent = alike.0 != alike.1;
    let source = Held { address: address_of(source, question.to.is_ipv4()), as_sent };
    let arrived = question.first(source, alike)?;
    let answers = question.answers(&arrived, alike);
    let Arrived { traffic, source: Held { address, as_sent }, link, .. } = arrived;
    let traffic = range::answered(&traffic, &answers);
    Some(Come { seen: Some(address).filter(|_| !as_sent), link, traffic })
}

/// What of that the groups of the interface let in.
fn admitted(lane: &Spans<u128, Come>, admissions: &mut Admissions<'_, '_>, is_ipv4: bool) -> Region<Access> {
    let access = |answered: Answered, rules: &Admitting| Access { rules: rules.clone(), answered };
    let mut single = Vec::new();
    let mut wide = Vec::new();
    let mut by = None;
    for span in lane.iter() {
        let Come { seen, link, traffic } = &span.value;
        let sources = (span.first, span.last);
        match seen.or_else(|| (span.first == span.last).then(|| address_of(span.first, is_ipv4))) {
            Some(source) => {
                let rules = admissions.of_one(*link, source);
                let traffic = traffic.combine(&rules, |answered, rules| Some(access(*answered?, rules?)));
                single.extend(traffic.iter().map(|it| ((it.first, it.last), sources, it.value.clone())));
            }
            None => {
                by = Some(*link);
                wide.extend(traffic.iter().map(|it| ((it.first, it.last), sources, it.value)));
            }
        }
    }
    let single = region(single);
    // One sender's packets to one destination all come the same way.
    let Some(link) = by else { return single };
    let rules = admissions.of_all(link);
    let wide = combined(&region(wide), &rules, &mut |answered: Option<&Answered>, rules: Option<&Admitting>| {
        Some(access(*answered?, rules?))
    });
    combined(&single, &wide, &mut |one, other| one.or(other).cloned())
}
