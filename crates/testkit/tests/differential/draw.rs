//! Clouds and packets drawn at random, small enough that everything meets everything.
//!
//! What is drawn are numbers and choices; [`Plan::topology`] makes a cloud of them. Where machines are does not
//! change within a case; everything that decides about packets does, from step to step.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use policy::{
    Acl, AclEntry, Address, Endpoint, Group, GroupRule, Interface, InterfaceKind, LinkState, NatGateway, Operator,
    Packet, Peer, Peering, RouteTable, Subnet, Target, Topology, Traffic, Vpc,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use testkit::Lab;
use types::{
    Cidr, InternetGatewayId, Ipv4Cidr, MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, PortRange, Protocol,
    RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId, VpcPeeringConnectionId,
};

/// The blocks of each VPC. The first and the third are the same.
const BLOCKS: [&[&str]; 3] = [&["10.0.0.0/16"], &["10.1.0.0/16", "100.64.0.0/20"], &["10.0.0.0/16"]];
/// Each subnet's VPC, from zero, and block.
pub const SUBNETS: [(usize, &str); 6] = [
    (0, "10.0.1.0/24"),
    (0, "10.0.2.0/24"),
    (1, "10.1.1.0/24"),
    (1, "100.64.2.0/24"),
    (2, "10.0.1.0/24"),
    (2, "10.0.3.0/24"),
];
/// Each machine's subnet and private addresses. Its public addresses are 198.18.N.1 and so on, N its number from one.
pub const MACHINES: [(usize, &[&str]); 8] = [
    (0, &["10.0.1.10", "10.0.1.110"]),
    (0, &["10.0.1.11"]),
    (1, &["10.0.2.10"]),
    (2, &["10.1.1.10"]),
    (2, &["10.1.1.11"]),
    (3, &["100.64.2.10", "100.64.2.110"]),
    (4, &["10.0.1.10"]),
    (5, &["10.0.3.10"]),
];
/// Each NAT gateway's subnet and private address. Its public address is 198.18.100.N.
pub const NAT_GATEWAYS: [(usize, &str); 3] = [(1, "10.0.2.200"), (0, "10.0.1.200"), (3, "100.64.2.200")];
/// The VPCs of each peering connection.
const PEERINGS: [(usize, usize); 2] = [(0, 1), (1, 2)];
/// The groups of each VPC.
const GROUPS: usize = 3;

fn block(text: &str) -> Ipv4Cidr {
    text.parse().unwrap()
}

fn vpc_id(at: usize) -> VpcId {
    VpcId::from_number(at as u128 + 1)
}

fn subnet_id(at: usize) -> SubnetId {
    SubnetId::from_number(at as u128 + 1)
}

/// The interface of a machine.
pub fn machine_id(at: usize) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(at as u128 + 0xa0)
}

fn gateway_interface(at: usize) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(at as u128 + 0xf0)
}

fn group_id(at: usize) -> SecurityGroupId {
    SecurityGroupId::from_number(at as u128 + 1)
}

fn peering_id(at: usize) -> VpcPeeringConnectionId {
    VpcPeeringConnectionId::from_number(at as u128 + 1)
}

fn nat_id(at: usize) -> NatGatewayId {
    NatGatewayId::from_number(at as u128 + 1)
}

/// The public address of a machine's address.
fn public_of(machine: usize, address: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, u8::try_from(machine + 1).unwrap(), u8::try_from(address + 1).unwrap())
}

/// A target of a route, which may not fit its VPC.
#[derive(Debug, Clone, Copy)]
pub enum To {
    Local,
    Gateway,
    Nat(usize),
    Machine(usize),
    Peering(usize),
    Nowhere,
}

/// A rule's or an entry's traffic and the addresses it is about.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub protocol: Protocol,
    pub block: &'static str,
}

/// Entries of an ACL: whether each allows.
type Entries = Vec<(bool, About)>;
/// Rules of a group; a peer that is a group by its number.
type Rules = Vec<(About, Option<usize>)>;

/// Everything that decides about packets, as numbers.
#[derive(Debug, Clone)]
pub struct Plan {
    gateways: [bool; 3],
    resolvers: [bool; 3],
    /// For each subnet, its routes; one list for two of the same VPC is as good as two.
    routes: Vec<Vec<(&'static str, To)>>,
    /// For each subnet, incoming and outgoing entries; `None` for the open list.
    acls: Vec<Option<[Entries; 2]>>,
    /// For each group of each VPC, incoming and outgoing rules; a peer that is a group by its number.
    groups: Vec<[Rules; 2]>,
    /// For each machine: groups of its VPC, which addresses are public, whether checked, whether it runs.
    machines: Vec<(Vec<usize>, [bool; 2], bool, bool)>,
    nats: [bool; 3],
    peerings: [bool; 2],
    gateway_routes: Option<Vec<(&'static str, To)>>,
}

/// A packet to send: from a machine or from outside, with one of its addresses or another's.
#[derive(Debug, Clone, Copy)]
pub struct Shot {
    /// A machine's number, or beyond them the internet and the operator.
    pub from: usize,
    /// Which of all addresses it claims, where not its own.
    pub claims: Option<usize>,
    /// Which of all addresses it is for.
    pub to: usize,
    /// What it carries.
    pub traffic: Traffic,
}

/// The number of the sender on the internet; the next one is the operator.
pub const INTERNET: usize = MACHINES.len();

/// All addresses that a packet may be for or claim to be from.
pub fn addresses() -> Vec<Ipv4Addr> {
    let mut all: BTreeSet<Ipv4Addr> = BTreeSet::new();
    for (machine, (_, own)) in MACHINES.iter().enumerate() {
        for (at, address) in own.iter().enumerate() {
            all.insert(address.parse().unwrap());
            all.insert(public_of(machine, at));
        }
    }
    for (at, (_, address)) in NAT_GATEWAYS.iter().enumerate() {
        all.insert(address.parse().unwrap());
        all.insert(Ipv4Addr::new(198, 18, 100, u8::try_from(at + 1).unwrap()));
    }
    // A host of the internet, another one, a service, a router, nobody's: in a VPC, in a pool, anywhere.
    let others = ["203.0.113.2", "192.0.2.7", "169.254.169.254", "10.0.1.1", "10.0.0.2", "10.0.1.99", "198.18.200.1"];
    all.extend(others.map(|text| text.parse::<Ipv4Addr>().unwrap()));
    all.insert("10.77.0.1".parse().unwrap());
    all.into_iter().collect()
}

const DESTINATIONS: [&str; 13] = [
    "0.0.0.0/0",
    "0.0.0.0/0",
    "0.0.0.0/0",
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
];

const PEERS: [&str; 12] = [
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
];

fn any_to() -> impl Strategy<Value = To> {
    prop_oneof![
        1 => Just(To::Local),
        5 => Just(To::Gateway),
        4 => (0..NAT_GATEWAYS.len()).prop_map(To::Nat),
        3 => (0..MACHINES.len()).prop_map(To::Machine),
        4 => (0..PEERINGS.len()).prop_map(To::Peering),
        1 => Just(To::Nowhere),
    ]
}

fn any_ports() -> impl Strategy<Value = PortRange> {
    let ranges = vec![(0, 65535), (22, 22), (80, 90), (1024, 65535), (0, 1023), (20_000, 40_000), (40_001, 65535)];
    select(ranges).prop_map(|(from, to)| PortRange::new(from, to).unwrap())
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        3 => Just(Protocol::All),
        3 => any_ports().prop_map(Protocol::Tcp),
        2 => any_ports().prop_map(Protocol::Udp),
        1 => Just(Protocol::Icmp { kind: None, code: None }),
        1 => select(vec![0u8, 8, 13]).prop_map(|kind| Protocol::Icmp { kind: Some(kind), code: None }),
        1 => select(vec![0u8, 8]).prop_map(|kind| Protocol::Icmp { kind: Some(kind), code: Some(0) }),
        1 => select(vec![6u8, 17, 1, 50]).prop_map(Protocol::Other),
    ]
}

fn any_about() -> impl Strategy<Value = About> {
    (any_protocol(), select(PEERS.to_vec())).prop_map(|(protocol, block)| About { protocol, block })
}

fn any_routes() -> impl Strategy<Value = Vec<(&'static str, To)>> {
    let usual = prop_oneof![3 => Just(To::Gateway), 1 => any_to()];
    let more = vec((select(DESTINATIONS.to_vec()), any_to()), 0..4);
    (usual, more).prop_map(|(first, mut more)| {
        more.insert(0, ("0.0.0.0/0", first));
        more
    })
}

fn any_acl() -> impl Strategy<Value = Option<[Entries; 2]>> {
    let entries = || {
        let last = prop::bool::weighted(0.7);
        (vec((any::<bool>(), any_about()), 0..4), last).prop_map(|(mut entries, open)| {
            if open {
                entries.push((true, About { protocol: Protocol::All, block: "0.0.0.0/0" }));
            }
            entries
        })
    };
    prop_oneof![2 => Just(None), 1 => (entries(), entries()).prop_map(|(ingress, egress)| Some([ingress, egress]))]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let group = prop::option::weighted(0.3, 0..BLOCKS.len() * GROUPS);
    vec((any_about(), group), 0..4)
}

prop_compose! {
    /// Any cloud.
    pub fn any_plan()(
        gateways in [prop::bool::weighted(0.85), prop::bool::weighted(0.7), prop::bool::weighted(0.7)],
        resolvers in any::<[bool; 3]>(),
        routes in vec(any_routes(), SUBNETS.len()),
        acls in vec(any_acl(), SUBNETS.len()),
        groups in vec([any_rules(), any_rules()], BLOCKS.len() * GROUPS),
        machines in vec(any_machine(), MACHINES.len()),
        nats in [prop::bool::weighted(0.8), prop::bool::weighted(0.5), prop::bool::weighted(0.8)],
        peerings in [prop::bool::weighted(0.8), prop::bool::weighted(0.6)],
        gateway_routes in prop::option::weighted(0.2, vec((select(DESTINATIONS.to_vec()), any_to()), 0..3)),
    ) -> Plan {
        Plan { gateways, resolvers, routes, acls, groups, machines, nats, peerings, gateway_routes }
    }
}

fn any_machine() -> impl Strategy<Value = (Vec<usize>, [bool; 2], bool, bool)> {
    let groups = subsequence((0..GROUPS).collect::<Vec<_>>(), 1..=GROUPS);
    let public = [prop::bool::weighted(0.6), prop::bool::weighted(0.6)];
    (groups, public, prop::bool::weighted(0.7), prop::bool::weighted(0.95))
}

/// Any packet.
pub fn any_shot() -> impl Strategy<Value = Shot> {
    let addresses = addresses().len();
    let ports = select(vec![22u16, 80, 85, 443, 1023, 1024, 30_000, 50_000]);
    let traffic = prop_oneof![
        4 => ports.clone().prop_map(Traffic::Tcp),
        3 => ports.prop_map(Traffic::Udp),
        2 => Just(Traffic::PING),
        1 => Just(Traffic::Icmp { kind: 13, code: 0 }),
        1 => Just(Traffic::Other(50)),
    ];
    let claims = prop::option::weighted(0.12, 0..addresses);
    (0..MACHINES.len() + 2, claims, 0..addresses, traffic).prop_map(|(from, claims, to, traffic)| Shot {
        from,
        claims,
        to,
        traffic,
    })
}

impl Plan {
    /// The cloud that the numbers stand for.
    pub fn topology(&self, operator: Operator) -> Topology {
        let mut topology = Topology::new(operator);
        for (at, blocks) in BLOCKS.iter().enumerate() {
            let mut vpc = Vpc::new(blocks.iter().map(|text| block(text)).collect());
            vpc.dns_support = self.resolvers[at];
            vpc.internet_gateway = self.gateways[at].then(|| InternetGatewayId::from_number(at as u128 + 1));
            topology.vpcs.insert(vpc_id(at), vpc);
        }
        for (at, (vpc, cidr)) in SUBNETS.iter().enumerate() {
            let number = at as u128 + 1;
            let (route_table, acl) = (RouteTableId::from_number(number), NetworkAclId::from_number(number));
            topology.route_tables.insert(route_table, table(*vpc, &self.routes[at]));
            topology.acls.insert(acl, acl_of(self.acls[at].as_ref()));
            let (route_table, acl) = (Some(route_table), Some(acl));
            topology.subnets.insert(subnet_id(at), Subnet { vpc: vpc_id(*vpc), cidr: block(cidr), route_table, acl });
        }
        if let Some(routes) = &self.gateway_routes {
            let id = RouteTableId::from_number(77);
            topology.route_tables.insert(id, table(0, routes));
            topology.vpcs.get_mut(&vpc_id(0)).unwrap().gateway_table = Some(id);
        }
        for (at, [ingress, egress]) in self.groups.iter().enumerate() {
            let rules = |rules: &[(About, Option<usize>)], first: usize| rules_of(rules, at * 100 + first);
            let group =
                Group { vpcs: [vpc_id(at / GROUPS)].into(), ingress: rules(ingress, 0), egress: rules(egress, 50) };
            topology.groups.insert(group_id(at), group);
        }
        self.add_interfaces(&mut topology);
        for (at, (requester, accepter)) in PEERINGS.iter().enumerate().filter(|(at, _)| self.peerings[*at]) {
            let peering = Peering { requester: vpc_id(*requester), accepter: vpc_id(*accepter) };
            topology.peerings.insert(peering_id(at), peering);
        }
        topology
    }

    fn add_interfaces(&self, topology: &mut Topology) {
        for (at, (subnet, own)) in MACHINES.iter().enumerate() {
            let (groups, public, checked, runs) = &self.machines[at];
            let vpc = SUBNETS[*subnet].0;
            let address = |(number, text): (usize, &&str)| Address {
                private: text.parse().unwrap(),
                public: public[number].then(|| public_of(at, number)),
            };
            let interface = Interface {
                vpc: vpc_id(vpc),
                subnet: subnet_id(*subnet),
                addresses: own.iter().enumerate().map(address).collect(),
                ipv6: Vec::new(),
                mac: MacAddress::local(at as u64 + 1),
                groups: groups.iter().map(|group| group_id(vpc * GROUPS + group)).collect(),
                source_dest_check: *checked,
                link: if *runs { LinkState::Attached } else { LinkState::Detached },
                kind: InterfaceKind::Machine,
            };
            topology.interfaces.insert(machine_id(at), interface);
        }
        for (at, (subnet, own)) in NAT_GATEWAYS.iter().enumerate().filter(|(at, _)| self.nats[*at]) {
            let public = Ipv4Addr::new(198, 18, 100, u8::try_from(at + 1).unwrap());
            // The last one is a private gateway.
            let public = Some(public).filter(|_| at + 1 < NAT_GATEWAYS.len());
            let interface = Interface {
                vpc: vpc_id(SUBNETS[*subnet].0),
                subnet: subnet_id(*subnet),
                addresses: vec![Address { private: own.parse().unwrap(), public }],
                ipv6: Vec::new(),
                mac: MacAddress::local(at as u64 + 100),
                groups: BTreeSet::new(),
                source_dest_check: false,
                link: LinkState::Attached,
                kind: InterfaceKind::NatGateway(nat_id(at)),
            };
            topology.interfaces.insert(gateway_interface(at), interface);
            topology
                .nat_gateways
                .insert(nat_id(at), NatGateway { interface: gateway_interface(at), sources: Vec::new() });
        }
    }
}

/// A route table of a VPC; its own blocks are local unless a drawn route says otherwise.
fn table(vpc: usize, routes: &[(&'static str, To)]) -> RouteTable {
    let mut all: BTreeMap<Cidr, Target> = BLOCKS[vpc].iter().map(|text| (block(text).into(), Target::Local)).collect();
    for (destination, to) in routes {
        let target = match to {
            To::Local => continue,
            To::Gateway => Target::InternetGateway,
            To::Nat(at) => Target::NatGateway(nat_id(*at)),
            To::Machine(at) => Target::Interface(machine_id(*at)),
            To::Peering(at) => Target::Peering(peering_id(*at)),
            To::Nowhere => Target::Blackhole,
        };
        let destination = block(destination);
        // EC2 lets a VPC's own block lead to an interface or a NAT gateway at most.
        let own = BLOCKS[vpc].iter().any(|text| block(text).contains_cidr(destination));
        if own && !matches!(target, Target::NatGateway(_) | Target::Interface(_)) {
            continue;
        }
        all.insert(destination.into(), target);
    }
    RouteTable { routes: all }
}

fn acl_of(drawn: Option<&[Entries; 2]>) -> Acl {
    let open = || vec![(true, About { protocol: Protocol::All, block: "0.0.0.0/0" })];
    let [ingress, egress] = drawn.cloned().unwrap_or_else(|| [open(), open()]);
    let entries = |entries: Entries| {
        let entry = |((allow, about), number): ((bool, About), u16)| AclEntry {
            number: number * 10,
            allow,
            protocol: about.protocol,
            cidr: block(about.block).into(),
        };
        entries.into_iter().zip(1..).map(entry).collect()
    };
    Acl { ingress: entries(ingress), egress: entries(egress) }
}

fn rules_of(rules: &[(About, Option<usize>)], first: usize) -> Vec<GroupRule> {
    let rule = |((about, group), number): (&(About, Option<usize>), u128)| GroupRule {
        id: SecurityGroupRuleId::from_number(number),
        protocol: about.protocol,
        peer: group.map_or_else(|| Peer::Cidr(block(about.block).into()), |at| Peer::Group(group_id(at))),
    };
    rules.iter().zip(first as u128 + 1..).map(rule).collect()
}

impl Shot {
    /// The packet that it is in a cloud.
    pub fn packet(self, topology: &Topology) -> Packet {
        let claimed = self.claims.map(|at| addresses()[at]);
        let (from, source) = match self.from {
            // Others than these two do not send from outside.
            INTERNET => (Endpoint::Outside, Lab::INTERNET),
            at if at > INTERNET => (Endpoint::Outside, topology.operator.address()),
            at => {
                let own = topology.interfaces[&machine_id(at)].addresses[0].private;
                (Endpoint::Interface(machine_id(at)), claimed.unwrap_or(own))
            }
        };
        let all = addresses();
        let to = match from {
            // What a machine sends to itself does not leave it.
            Endpoint::Interface(id) => {
                let others: Vec<_> = all.into_iter().filter(|to| !topology.interfaces[&id].has(*to)).collect();
                others[self.to % others.len()]
            }
            // From outside the cloud's own addresses alone lead into it.
            Endpoint::Outside => {
                let own: Vec<_> = all.into_iter().filter(|to| topology.operator.pool.contains(*to)).collect();
                own[self.to % own.len()]
            }
        };
        Packet { from, source: source.into(), to: to.into(), traffic: self.traffic }
    }
}
