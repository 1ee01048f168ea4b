//! A small cloud to ask about: one VPC, 172.31.0.0/16, with the instances that a test names.

#![allow(dead_code, missing_docs)]

use std::net::{IpAddr, Ipv4Addr};

use policy::{
    Acl, AclEntry, Address, CloudTag, Group, GroupRule, Interface, InterfaceKind, LinkState, Operator, RouteTable,
    Subnet, Target, Topology, Vpc,
};
use types::{
    InternetGatewayId, Ipv4Cidr, MacAddress, NetworkAclId, NetworkInterfaceId, Protocol, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};

pub const VPC: VpcId = VpcId::from_number(1);
pub const SUBNET: SubnetId = SubnetId::from_number(1);
pub const TABLE: RouteTableId = RouteTableId::from_number(1);
pub const ACL: NetworkAclId = NetworkAclId::from_number(1);

pub fn eni(number: u128) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(number)
}

pub fn sg(number: u128) -> SecurityGroupId {
    SecurityGroupId::from_number(number)
}

pub fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// An address of either family.
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An empty public VPC.
pub fn cloud() -> Topology {
    let operator = Operator { tag: CloudTag::from_number(0x1a2b_3c4d), pool: "198.18.0.0/16".parse().unwrap() };
    let mut topology = Topology::new(operator);
    let cidr: Ipv4Cidr = "172.31.0.0/16".parse().unwrap();
    let internet_gateway = Some(InternetGatewayId::from_number(1));
    topology.vpcs.insert(VPC, Vpc { internet_gateway, ..Vpc::new(vec![cidr]) });
    let routes = [(cidr.into(), Target::Local), (Ipv4Cidr::ANY.into(), Target::InternetGateway)].into();
    topology.route_tables.insert(TABLE, RouteTable { routes });
    let all = || vec![AclEntry { number: 100, allow: true, protocol: Protocol::All, cidr: Ipv4Cidr::ANY.into() }];
    topology.acls.insert(ACL, Acl { ingress: all(), egress: all() });
    let cidr = "172.31.0.0/20".parse().unwrap();
    topology.subnets.insert(SUBNET, Subnet { vpc: VPC, cidr, route_table: Some(TABLE), acl: Some(ACL) });
    topology
}

/// The routes of the VPC's one table.
pub fn routes(topology: &mut Topology) -> &mut RouteTable {
    topology.route_tables.get_mut(&TABLE).unwrap()
}

/// Rules from texts; ids are `first`, `first + 1`, ...
pub fn rules(first: u128, texts: &[&str]) -> Vec<GroupRule> {
    let ids = (first..).map(SecurityGroupRuleId::from_number);
    texts.iter().zip(ids).map(|(text, id)| GroupRule::read(id, text).unwrap()).collect()
}

pub fn add_group(topology: &mut Topology, number: u128, ingress: &[&str], egress: &[&str]) {
    let group =
        Group { vpcs: [VPC].into(), ingress: rules(number * 100, ingress), egress: rules(number * 100 + 50, egress) };
    topology.groups.insert(sg(number), group);
}

pub fn add_instance(topology: &mut Topology, number: u128, private: &str, public: Option<&str>, groups: &[u128]) {
    let interface = Interface {
        vpc: VPC,
        subnet: SUBNET,
        addresses: vec![Address { private: address(private), public: public.map(address) }],
        ipv6: Vec::new(),
        mac: MacAddress::local(u64::try_from(number).unwrap()),
        groups: groups.iter().map(|number| sg(*number)).collect(),
        source_dest_check: true,
        link: LinkState::Attached,
        kind: InterfaceKind::Machine,
    };
    topology.interfaces.insert(eni(number), interface);
}

/// Every order of the items.
pub fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, first.clone());
            order
        }));
    }
    all
}
