//! Clouds drawn at random, small enough that everything meets everything.
//!
//! What is drawn are numbers and choices; [`Plan::topology`] makes a cloud of them. Where machines are does not
//! change within a case; everything that decides about packets does, from step to step.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use types::{PortRange, Protocol};

use crate::ground::{
    ATTACHMENTS, BLOCKS, GROUPS, IPV6_BLOCKS, MACHINES, NAT_GATEWAYS, PEERINGS, SUBNETS, TRANSIT_TABLES, vpc_of,
};

/// A target of a route, which may not fit its VPC.
#[derive(Debug, Clone, Copy)]
pub enum To {
    Local,
    Gateway,
    EgressOnly,
    Nat(usize),
    Machine(usize),
    Peering(usize),
    Transit(usize),
    Nowhere,
}

/// Routes: blocks and where they lead.
pub type Routes = Vec<(&'static str, To)>;

/// A rule's or an entry's traffic and the addresses it is about.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub protocol: Protocol,
    pub block: &'static str,
}

impl About {
    /// Everything of a family.
    pub const ANY: [Self; 2] = [Self::all("0.0.0.0/0"), Self::all("::/0")];

    const fn all(block: &'static str) -> Self {
        Self { protocol: Protocol::All, block }
    }
}

/// Entries of an ACL: whether each allows.
pub type Entries = Vec<(bool, About)>;
/// Rules of a group; a peer that is a group by its number.
pub type Rules = Vec<(About, Option<usize>)>;

/// Everything that decides about packets, as numbers.
#[derive(Debug, Clone)]
pub struct Plan {
    pub vpcs: Vec<VpcPlan>,
    /// For each subnet, its routes; one list for two of the same VPC is as good as two.
    pub routes: Vec<Routes>,
    /// For each subnet, incoming and outgoing entries; `None` for the open list.
    pub acls: Vec<Option<[Entries; 2]>>,
    /// For each group of each VPC, incoming and outgoing rules.
    pub groups: Vec<[Rules; 2]>,
    pub machines: Vec<MachinePlan>,
    pub nats: [bool; 3],
    pub peerings: [bool; 2],
    /// For each attachment, the subnets of its VPC that it is in and the number of its table; `None`: it is not there.
    pub attachments: Vec<Option<(Vec<usize>, Option<usize>)>>,
    /// For each route table of each transit gateway.
    pub transit_tables: Vec<TransitPlan>,
    pub gateway_routes: Option<Routes>,
}

/// What a VPC has.
#[derive(Debug, Clone, Copy)]
pub struct VpcPlan {
    pub gateway: bool,
    pub resolver: bool,
    pub ipv6: bool,
    pub egress_only: bool,
}

/// What decides about a machine.
#[derive(Debug, Clone)]
pub struct MachinePlan {
    /// Groups of its VPC.
    pub groups: Vec<usize>,
    /// Which of its addresses are public.
    pub public: [bool; 2],
    pub checked: bool,
    pub runs: bool,
    pub ipv6: bool,
    /// Whether the metadata service answers it by IPv6.
    pub metadata: bool,
}

/// A route table of a transit gateway.
#[derive(Debug, Clone)]
pub struct TransitPlan {
    /// The attachments that propagate their VPC's blocks to it, with whether those of IPv6, too.
    pub propagated: Vec<(usize, bool)>,
    /// The routes somebody made: to an attachment, or to nowhere.
    pub routes: Vec<(&'static str, Option<usize>)>,
}

const DESTINATIONS: [&str; 20] = [
    "0.0.0.0/0",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.1.0.0/16",
    "100.64.0.0/20",
    "10.0.2.0/24",
    "10.0.1.0/24",
    "10.1.1.0/24",
    "10.1.1.10/32",
    "203.0.113.0/24",
    "192.0.2.0/24",
    "10.77.0.0/16",
    "::/0",
    "2001:db8::/32",
    "2001:db8:0:100::/56",
    "2001:db8:0:200::/56",
    "2001:db8:0:300::/56",
    "2001:db8:0:202::13/128",
    "2620::/64",
];

const PEERS: [&str; 18] = [
    "0.0.0.0/0",
    "0.0.0.0/0",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.10/32",
    "10.1.0.0/16",
    "100.64.0.0/20",
    "198.18.0.0/16",
    "203.0.113.2/32",
    "10.0.2.200/32",
    "::/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8:0:100::/56",
    "2001:db8:0:202::13/128",
    "2620::2/128",
];

/// One of the numbers whose things are of a VPC, mostly.
fn of_vpc(count: usize, is_of: impl Fn(usize) -> bool) -> BoxedStrategy<usize> {
    let own: Vec<usize> = (0..count).filter(|at| is_of(*at)).collect();
    if own.is_empty() { (0..count).boxed() } else { prop_oneof![6 => select(own), 1 => 0..count].boxed() }
}

fn any_to(vpc: usize) -> BoxedStrategy<To> {
    let to = prop_oneof![
        1 => Just(To::Local),
        5 => Just(To::Gateway),
        2 => Just(To::EgressOnly),
        3 => of_vpc(NAT_GATEWAYS.len(), |at| SUBNETS[NAT_GATEWAYS[at].0].0 == vpc).prop_map(To::Nat),
        3 => of_vpc(MACHINES.len(), |at| vpc_of(at) == vpc).prop_map(To::Machine),
        4 => of_vpc(PEERINGS.len(), |at| PEERINGS[at].0 == vpc || PEERINGS[at].1 == vpc).prop_map(To::Peering),
        5 => of_vpc(ATTACHMENTS.len(), |at| ATTACHMENTS[at].1 == vpc).prop_map(To::Transit),
        1 => Just(To::Nowhere),
    ];
    to.boxed()
}

fn any_ports() -> impl Strategy<Value = PortRange> {
    let ranges = vec![(0, 65535), (22, 22), (80, 90), (1024, 65535), (0, 1023), (20_000, 40_000), (40_001, 65535)];
    select(ranges).prop_map(|(from, to)| PortRange::new(from, to).unwrap())
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        4 => Just(Protocol::All),
        3 => any_ports().prop_map(Protocol::Tcp),
        2 => any_ports().prop_map(Protocol::Udp),
        1 => Just(Protocol::Icmp { kind: None, code: None }),
        1 => select(vec![0u8, 8, 13]).prop_map(|kind| Protocol::Icmp { kind: Some(kind), code: None }),
        1 => select(vec![0u8, 8]).prop_map(|kind| Protocol::Icmp { kind: Some(kind), code: Some(0) }),
        1 => Just(Protocol::Icmpv6 { kind: None, code: None }),
        1 => select(vec![128u8, 129]).prop_map(|kind| Protocol::Icmpv6 { kind: Some(kind), code: None }),
        1 => select(vec![128u8, 129]).prop_map(|kind| Protocol::Icmpv6 { kind: Some(kind), code: Some(0) }),
        1 => select(vec![6u8, 17, 1, 50, 58]).prop_map(Protocol::Other),
    ]
}

fn any_about() -> impl Strategy<Value = About> {
    (any_protocol(), select(PEERS.to_vec())).prop_map(|(protocol, block)| About { protocol, block })
}

/// A way for everything of each family, ways to other VPCs, and a few for something.
fn any_routes(vpc: usize) -> BoxedStrategy<Routes> {
    let nat = of_vpc(NAT_GATEWAYS.len(), |at| SUBNETS[NAT_GATEWAYS[at].0].0 == vpc).prop_map(To::Nat);
    let ipv4 = prop_oneof![3 => Just(To::Gateway), 2 => nat, 3 => any_to(vpc)];
    let ipv6 = prop_oneof![3 => Just(To::Gateway), 1 => Just(To::EgressOnly), 3 => any_to(vpc)];
    let usual = (prop::option::weighted(0.9, ipv4), prop::option::weighted(0.9, ipv6));
    let ways = vec(select(ways_from(vpc)), 0..3);
    let more = vec((select(DESTINATIONS.to_vec()), any_to(vpc)), 0..4);
    let routes = (usual, ways, more).prop_map(|((ipv4, ipv6), ways, more)| {
        let usual = [("0.0.0.0/0", ipv4), ("::/0", ipv6)].into_iter().filter_map(|(block, to)| Some((block, to?)));
        let ways = ways.into_iter().flat_map(|(other, to)| {
            BLOCKS[other].iter().copied().chain([IPV6_BLOCKS[other]]).map(move |block| (block, to))
        });
        usual.chain(ways).chain(more).collect()
    });
    routes.boxed()
}

/// What connects a VPC with others: the other one, and the target that leads there.
fn ways_from(vpc: usize) -> Vec<(usize, To)> {
    let peerings = PEERINGS.iter().enumerate().filter_map(|(at, (one, other))| match vpc {
        _ if vpc == *one => Some((*other, To::Peering(at))),
        _ if vpc == *other => Some((*one, To::Peering(at))),
        _ => None,
    });
    let attachments = ATTACHMENTS.iter().enumerate().filter(|(_, (_, of))| *of == vpc);
    let transits = attachments.flat_map(|(at, (gateway, _))| {
        let others = ATTACHMENTS.iter().filter(move |(of, other)| of == gateway && *other != vpc);
        others.map(move |(_, other)| (*other, To::Transit(at)))
    });
    peerings.chain(transits).collect()
}

fn any_acl() -> impl Strategy<Value = Option<[Entries; 2]>> {
    let entries = || {
        let last = [prop::bool::weighted(0.7), prop::bool::weighted(0.7)];
        (vec((any::<bool>(), any_about()), 0..4), last).prop_map(|(mut entries, open)| {
            let open = About::ANY.into_iter().zip(open).filter(|(_, open)| *open);
            entries.extend(open.map(|(about, _)| (true, about)));
            entries
        })
    };
    prop_oneof![2 => Just(None), 1 => (entries(), entries()).prop_map(|(ingress, egress)| Some([ingress, egress]))]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let group = prop::option::weighted(0.3, 0..BLOCKS.len() * GROUPS);
    let open = [prop::bool::weighted(0.35), prop::bool::weighted(0.35)];
    (vec((any_about(), group), 0..5), open).prop_map(|(mut rules, open)| {
        let open = About::ANY.into_iter().zip(open).filter(|(_, open)| *open);
        rules.extend(open.map(|(about, _)| (about, None)));
        rules
    })
}

prop_compose! {
    fn any_vpc()(
        gateway in prop::bool::weighted(0.85),
        resolver in any::<bool>(),
        ipv6 in prop::bool::weighted(0.85),
        egress_only in prop::bool::weighted(0.6),
    ) -> VpcPlan {
        VpcPlan { gateway, resolver, ipv6, egress_only }
    }
}

prop_compose! {
    fn any_machine()(
        groups in subsequence((0..GROUPS).collect::<Vec<_>>(), 1..=GROUPS),
        public in [prop::bool::weighted(0.6), prop::bool::weighted(0.6)],
        checked in prop::bool::weighted(0.7),
        runs in prop::bool::weighted(0.95),
        ipv6 in prop::bool::weighted(0.9),
        metadata in any::<bool>(),
    ) -> MachinePlan {
        MachinePlan { groups, public, checked, runs, ipv6, metadata }
    }
}

fn any_attachment() -> impl Strategy<Value = Option<(Vec<usize>, Option<usize>)>> {
    let subnets = subsequence(vec![0, 1], 1..=2);
    prop::option::weighted(0.85, (subnets, prop::option::weighted(0.9, 0..TRANSIT_TABLES)))
}

fn any_transit_table(gateway: usize) -> BoxedStrategy<TransitPlan> {
    let own: Vec<usize> = (0..ATTACHMENTS.len()).filter(|at| ATTACHMENTS[*at].0 == gateway).collect();
    let all = own.clone();
    let propagated = prop_oneof![1 => subsequence(own.clone(), 0..=own.len()), 2 => Just(all)];
    let propagated = (propagated, prop::bool::weighted(0.8))
        .prop_map(|(all, ipv6)| all.into_iter().map(|attachment| (attachment, ipv6)).collect());
    let to = prop::option::weighted(0.8, of_vpc(ATTACHMENTS.len(), move |at| ATTACHMENTS[at].0 == gateway));
    let routes = vec((select(DESTINATIONS.to_vec()), to), 0..4);
    (propagated, routes).prop_map(|(propagated, routes)| TransitPlan { propagated, routes }).boxed()
}

prop_compose! {
    /// Any cloud.
    pub fn any_plan()(
        vpcs in vec(any_vpc(), BLOCKS.len()),
        routes in SUBNETS.map(|(vpc, _)| any_routes(vpc)),
        acls in vec(any_acl(), SUBNETS.len()),
        groups in vec([any_rules(), any_rules()], BLOCKS.len() * GROUPS),
        machines in vec(any_machine(), MACHINES.len()),
        nats in [prop::bool::weighted(0.8), prop::bool::weighted(0.5), prop::bool::weighted(0.8)],
        peerings in [prop::bool::weighted(0.8), prop::bool::weighted(0.6)],
        attachments in vec(any_attachment(), ATTACHMENTS.len()),
        transit_tables in [0, 0, 1, 1].map(any_transit_table),
        gateway_routes in prop::option::weighted(0.2, vec((select(DESTINATIONS.to_vec()), any_to(0)), 0..3)),
        usual in [(); 6].map(|()| prop::bool::weighted(0.35)),
    ) -> Plan {
        let (routes, transit_tables) = (routes.into(), transit_tables.into());
        let mut plan = Plan {
            vpcs, routes, acls, groups, machines, nats, peerings, attachments, transit_tables, gateway_routes,
        };
        plan.arrange(usual);
        plan
    }
}

impl Plan {
    /// Makes it so that each of the arrangements that are usual is there, which need several things to fit: a private subnet
    /// behind a NAT gateway, one behind an egress-only gateway, a machine that forwards, two VPCs that are peered, two that
    /// are attached to a transit gateway, and a third that is attached in vain.
    fn arrange(&mut self, [nat, egress_only, forwards, peered, attached, cut]: [bool; 6]) {
        if nat {
            (self.vpcs[0].gateway, self.nats[0]) = (true, true);
            self.routes[0].push(("0.0.0.0/0", To::Nat(0)));
            self.routes[1].push(("0.0.0.0/0", To::Gateway));
        }
        if egress_only {
            (self.vpcs[1].ipv6, self.vpcs[1].egress_only) = (true, true);
            self.routes[2].push(("::/0", To::EgressOnly));
        }
        if forwards {
            (self.vpcs[0].ipv6, self.machines[1].ipv6) = (true, true);
            (self.machines[1].checked, self.machines[1].runs) = (false, true);
            for subnet in [0, 1] {
                let blocks = ["192.0.2.0/24", "10.77.0.0/16", "2620::/64", "2a00::/16"];
                self.routes[subnet].extend(blocks.map(|block| (block, To::Machine(1))));
            }
        }
        let connections =
            [(peered, [To::Peering(0), To::Peering(0)]), (attached || cut, [To::Transit(0), To::Transit(1)])];
        for (_, to) in connections.into_iter().filter(|(there, _)| *there) {
            for subnet in [0, 1, 2, 3] {
                let other = 1 - SUBNETS[subnet].0;
                let blocks = BLOCKS[other].iter().copied().chain([IPV6_BLOCKS[other]]);
                self.routes[subnet].extend(blocks.map(|block| (block, to[SUBNETS[subnet].0])));
            }
        }
        self.peerings[0] |= peered;
        if attached || cut {
            for at in [0, 1] {
                let (_, table) = self.attachments[at].get_or_insert_with(|| (vec![0], None));
                *table = Some(0);
            }
            self.transit_tables[0].propagated = vec![(0, true), (1, true)];
        }
        if cut {
            self.attachments[2] = Some((vec![0], None));
            for subnet in [4, 5] {
                let blocks = BLOCKS[1].iter().copied().chain([IPV6_BLOCKS[1]]);
                self.routes[subnet].extend(blocks.map(|block| (block, To::Transit(2))));
            }
            let nowhere = ["10.77.0.0/16", "2001:db8:0:300::/56"];
            self.transit_tables[0].routes.extend(nowhere.map(|block| (block, None)));
            for (subnet, to) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
                self.routes[subnet].extend(nowhere.map(|block| (block, To::Transit(to))));
            }
        }
    }
}
