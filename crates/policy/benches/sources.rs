//! How long it takes to find all sources of an interface with 1,000 rules in five groups: `cargo bench -p policy`.
//!
//! The rules are of four mixes: as people write them, and three that are harder than those.

use std::net::Ipv4Addr;
use std::time::Instant;

use policy::{
    Acl, AclEntry, Address, CloudTag, Group, GroupRule, Interface, InterfaceKind, LinkState, Operator, Peer, Reach,
    RouteTable, Subnet, Target, Topology, Vpc,
};
use types::{
    Cidr, InternetGatewayId, Ipv4Cidr, MacAddress, NetworkAclId, NetworkInterfaceId, PortRange, Protocol, RouteTableId,
    SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId,
};

const GROUPS: u32 = 5;
const RULES_OF_A_GROUP: u32 = 200;
const MACHINES: [u32; 2] = [1, 200];
const RUNS: usize = 11;
const VPC: VpcId = VpcId::from_number(1);
/// The interface that is asked about.
const ASKED: NetworkInterfaceId = NetworkInterfaceId::from_number(1);

/// The group that all machines carry.
const ALL: SecurityGroupId = SecurityGroupId::from_number(100);

/// The rule of a mix with a number.
type Mix = fn(u32) -> (Protocol, Peer);

fn port(number: u32) -> Protocol {
    let port = u16::try_from(number % 60_000).unwrap_or(0) + 1;
    PortRange::new(port, port).map_or(Protocol::All, Protocol::Tcp)
}

fn block(address: u32, length: u8) -> Peer {
    Peer::Cidr(Ipv4Cidr::new(Ipv4Addr::from(address), length).unwrap_or(Ipv4Cidr::ANY).into())
}

/// A number that looks drawn.
fn mixed(number: u32) -> u32 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b1);
    (number ^ number >> 15).wrapping_mul(0x85eb_ca6b)
}

/// One of ten from everywhere, one names a group, four a block outside, four an address; twenty ports.
fn usual(number: u32) -> (Protocol, Peer) {
    let drawn = mixed(number);
    let peer = match number % 10 {
        0 => Peer::Cidr(Ipv4Cidr::ANY.into()),
        1 => Peer::Group(ALL),
        2..=5 => block(drawn, 20 + u8::try_from(drawn % 9).unwrap_or(0)),
        _ => block(drawn, 32),
    };
    (port(22 + drawn % 20 * 7), peer)
}

/// A port of its own from everywhere or from a block of its own.
fn single(number: u32) -> (Protocol, Peer) {
    let everywhere = number.is_multiple_of(2);
    (port(number * 2), if everywhere { Peer::Cidr(Ipv4Cidr::ANY.into()) } else { block(mixed(number), 24) })
}

/// All traffic from a block, or a port from everywhere: rules that meet each other most.
fn crossing(number: u32) -> (Protocol, Peer) {
    match number % 2 {
        0 => (Protocol::All, block(mixed(number), 24)),
        _ => (port(number * 2), Peer::Cidr(Ipv4Cidr::ANY.into())),
    }
}

/// A port of its own from a group of many or from a block of its own.
fn groups(number: u32) -> (Protocol, Peer) {
    (port(number * 2), if number.is_multiple_of(2) { Peer::Group(ALL) } else { block(mixed(number), 24) })
}

fn cloud(mix: Mix, machines: u32) -> Option<Topology> {
    let operator = Operator { tag: CloudTag::from_number(1), pool: "198.18.0.0/16".parse().ok()? };
    let mut topology = Topology::new(operator);
    let cidr: Ipv4Cidr = "172.31.0.0/16".parse().ok()?;
    let internet_gateway = Some(InternetGatewayId::from_number(1));
    topology.vpcs.insert(VPC, Vpc { internet_gateway, ..Vpc::new(vec![cidr]) });
    let (table, acl, subnet) = (RouteTableId::from_number(1), NetworkAclId::from_number(1), SubnetId::from_number(1));
    let routes = [(cidr.into(), Target::Local), (Ipv4Cidr::ANY.into(), Target::InternetGateway)].into();
    topology.route_tables.insert(table, RouteTable { routes });
    let all = || vec![AclEntry { number: 100, allow: true, protocol: Protocol::All, cidr: Cidr::from(Ipv4Cidr::ANY) }];
    topology.acls.insert(acl, Acl { ingress: all(), egress: all() });
    topology.subnets.insert(subnet, Subnet { vpc: VPC, cidr, route_table: Some(table), acl: Some(acl) });
    let open = GroupRule {
        id: SecurityGroupRuleId::from_number(1),
        protocol: Protocol::All,
        peer: Peer::Cidr(Ipv4Cidr::ANY.into()),
    };
    topology.groups.insert(ALL, Group { vpcs: [VPC].into(), ingress: Vec::new(), egress: vec![open] });
    for group in 0..GROUPS {
        let numbers = group * RULES_OF_A_GROUP..(group + 1) * RULES_OF_A_GROUP;
        let rules = numbers.map(|number| {
            let (protocol, peer) = mix(number);
            GroupRule { id: SecurityGroupRuleId::from_number(u128::from(number) + 2), protocol, peer }
        });
        let group = SecurityGroupId::from_number(u128::from(group) + 1);
        topology.groups.insert(group, Group { vpcs: [VPC].into(), ingress: rules.collect(), egress: Vec::new() });
    }
    for number in 1..=machines {
        let at = |block: [u8; 4]| Ipv4Addr::from(u32::from(Ipv4Addr::from(block)) + number);
        let asked = number == 1;
        let groups = (1..=u128::from(GROUPS)).filter(|_| asked).map(SecurityGroupId::from_number);
        let interface = Interface {
            vpc: VPC,
            subnet,
            addresses: vec![Address { private: at([172, 31, 1, 0]), public: Some(at([198, 18, 1, 0])) }],
            ipv6: Vec::new(),
            mac: MacAddress::local(number.into()),
            groups: groups.chain([ALL]).collect(),
            source_dest_check: true,
            link: LinkState::Attached,
            kind: InterfaceKind::Machine,
        };
        topology.interfaces.insert(NetworkInterfaceId::from_number(number.into()), interface);
    }
    Some(topology)
}

fn main() {
    let mixes: [(&str, Mix); 4] =
        [("usual", usual), ("single ports", single), ("groups", groups), ("crossing", crossing)];
    for ((name, mix), machines) in mixes.into_iter().flat_map(|it| MACHINES.map(|machines| (it, machines))) {
        let Some(topology) = cloud(mix, machines) else { continue };
        let mut times: Vec<f64> = Vec::new();
        let mut boxes = 0;
        for _ in 0..RUNS {
            let start = Instant::now();
            let set = Reach::new(&topology).sources(ASKED);
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            boxes = set.boxes().count();
        }
        times.sort_by(f64::total_cmp);
        println!("{name}, {machines} machines: {:.2} ms for {boxes} boxes", times[RUNS / 2]);
    }
}
