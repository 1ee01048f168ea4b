//! Packets drawn at random, and the choice of those that are worth sending.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use policy::{Endpoint, Packet, Topology, Traffic};
use proptest::prelude::*;
use proptest::sample::select;
use testkit::Lab;

use crate::coverage;
use crate::ground::{MACHINES, addresses, ipv6_of, machine_id};

/// A packet to send: from a machine or from outside, with one of its addresses or another's.
#[derive(Debug, Clone, Copy)]
pub struct Shot {
    /// Of which family it is.
    pub ipv6: bool,
    /// A machine's number, or beyond them the internet and the operator.
    pub from: usize,
    /// Which of all addresses it claims, where not its own.
    pub claims: Option<prop::sample::Index>,
    /// Which of all addresses it is for.
    pub to: prop::sample::Index,
    /// What it carries.
    pub traffic: Traffic,
}

/// The number of the sender on the internet; the next one is the operator.
const INTERNET: usize = MACHINES.len();

/// Protocols that nobody gives a meaning, so that each packet of one is a connection of its own.
const PORTLESS: [u8; 12] = [50, 88, 89, 94, 97, 98, 101, 112, 114, 115, 253, 254];

/// Any packet.
pub fn any_shot() -> impl Strategy<Value = Shot> {
    let ports = select(vec![22u16, 80, 85, 443, 1023, 1024, 30_000, 50_000]);
    let traffic = prop_oneof![
        16 => ports.clone().prop_map(Traffic::Tcp),
        12 => ports.prop_map(Traffic::Udp),
        8 => Just(Traffic::PING),
        4 => Just(Traffic::Icmp { kind: 13, code: 0 }),
        3 => select(PORTLESS.to_vec()).prop_map(Traffic::Other),
        1 => Just(Traffic::Icmp { kind: 0, code: 0 }),
    ];
    let claims = prop::option::weighted(0.15, any::<prop::sample::Index>());
    (any::<bool>(), 0..MACHINES.len() + 2, claims, any::<prop::sample::Index>(), traffic)
        .prop_map(|(ipv6, from, claims, to, traffic)| Shot { ipv6, from, claims, to, traffic })
}

impl Shot {
    /// The packet that it is in a cloud.
    pub fn packet(self, topology: &Topology) -> Packet {
        let all = addresses(self.ipv6);
        let claimed = self.claims.map(|at| *at.get(&all));
        let operator = &topology.operator;
        let either = |ipv4: IpAddr, ipv6: IpAddr| if self.ipv6 { ipv6 } else { ipv4 };
        let (from, source) = match self.from {
            // Others than these two do not send from outside.
            INTERNET => (Endpoint::Outside, either(Lab::INTERNET.into(), Lab::IPV6_INTERNET.into())),
            at if at > INTERNET => {
                (Endpoint::Outside, either(operator.address().into(), operator.ipv6_address().into()))
            }
            at => {
                let own = either(MACHINES[at].1[0].parse().unwrap(), ipv6_of(at)[0].into());
                (Endpoint::Interface(machine_id(at)), claimed.unwrap_or(own))
            }
        };
        let others: Vec<IpAddr> = match from {
            // What a machine sends to itself does not leave it, and what claims to be from the machine that it is for means
            // nothing there.
            Endpoint::Interface(_) => {
                let is_own =
                    |machine: usize, to| is_of(machine, to) && (machine == self.from || is_of(machine, source));
                all.into_iter().filter(|to| !(0..MACHINES.len()).any(|machine| is_own(machine, *to))).collect()
            }
            // From outside the cloud's own addresses alone lead into it.
            Endpoint::Outside => all.into_iter().filter(|to| is_inside(topology, *to)).collect(),
        };
        Packet { from, source, to: *self.to.get(&others), traffic: self.traffic() }
    }

    /// What it carries, as its family does.
    fn traffic(self) -> Traffic {
        match self.traffic {
            Traffic::Icmp { kind: 8, .. } if self.ipv6 => Traffic::IPV6_PING,
            // An echo reply of IPv4, or what is about a link of IPv6, of which nothing is carried on.
            Traffic::Icmp { kind: 0, .. } if self.ipv6 => Traffic::Icmpv6 { kind: 135, code: 0 },
            Traffic::Icmp { .. } if self.ipv6 => Traffic::Icmpv6 { kind: 129, code: 0 },
            other => other,
        }
    }
}

/// Whether an address is one that a machine's namespace has, or had in a cloud before.
fn is_of(machine: usize, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => MACHINES[machine].1.iter().any(|own| own.parse() == Ok(address)),
        IpAddr::V6(address) => ipv6_of(machine).contains(&address),
    }
}

/// Whether an address is the cloud's, and not that of the operator's machine.
fn is_inside(topology: &Topology, address: IpAddr) -> bool {
    let operator = &topology.operator;
    match address {
        IpAddr::V4(address) => operator.pool.contains(address) && address != operator.address(),
        IpAddr::V6(address) => operator.ipv6_pool().contains(address) && address != operator.ipv6_address(),
    }
}

/// The packets to send of those that were drawn: as different ones as possible, by what becomes of each. Of a protocol
/// without ports a case has one: each further one might belong to the same connection, and would rightly pass as an
/// answer. Those that were there before are in `portless`.
pub fn choose(topology: &Topology, shots: &[Shot], count: usize, portless: &mut BTreeSet<Traffic>) -> Vec<Packet> {
    let mut classes: BTreeMap<String, VecDeque<Packet>> = BTreeMap::new();
    for shot in shots {
        let packet = shot.packet(topology);
        classes.entry(coverage::class(topology, &packet)).or_default().push_back(packet);
    }
    let mut chosen = Vec::new();
    while chosen.len() < count && !classes.is_empty() {
        for packets in classes.values_mut() {
            let mut is_new = |it: &Packet| !matches!(it.traffic, Traffic::Other(_)) || portless.insert(it.traffic);
            let next = std::iter::from_fn(|| packets.pop_front()).find(|it| is_new(it));
            chosen.extend(next.filter(|_| chosen.len() < count));
        }
        classes.retain(|_, packets| !packets.is_empty());
    }
    chosen
}
