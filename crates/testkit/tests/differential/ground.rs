//! What does not change from one cloud that is drawn to another: where machines are, and under which ids.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use testkit::Lab;
use types::{
    Cidr, NatGatewayId, NetworkInterfaceId, SecurityGroupId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcId, VpcPeeringConnectionId,
};

/// The IPv4 blocks of each VPC. The first and the third are the same.
pub const BLOCKS: [&[&str]; 3] = [&["10.0.0.0/16"], &["10.1.0.0/16", "100.64.0.0/20"], &["10.0.0.0/16"]];
/// The IPv6 block of each VPC, where it has one.
pub const IPV6_BLOCKS: [&str; 3] = ["2001:db8:0:100::/56", "2001:db8:0:200::/56", "2001:db8:0:300::/56"];
/// Each subnet's VPC, from zero, and IPv4 block.
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
pub const PEERINGS: [(usize, usize); 2] = [(0, 1), (1, 2)];
/// Each attachment's transit gateway and VPC.
pub const ATTACHMENTS: [(usize, usize); 5] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)];
/// Each transit gateway's route tables.
pub const TRANSIT_TABLES: usize = 2;
/// The groups of each VPC.
pub const GROUPS: usize = 3;

/// A block of either family.
pub fn block(text: &str) -> Cidr {
    text.parse().unwrap()
}

pub fn vpc_id(at: usize) -> VpcId {
    VpcId::from_number(at as u128 + 1)
}

pub fn subnet_id(at: usize) -> SubnetId {
    SubnetId::from_number(at as u128 + 1)
}

/// The interface of a machine.
pub fn machine_id(at: usize) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(at as u128 + 0xa0)
}

/// The interface of a NAT gateway.
pub fn gateway_interface(at: usize) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(at as u128 + 0xf0)
}

pub fn group_id(at: usize) -> SecurityGroupId {
    SecurityGroupId::from_number(at as u128 + 1)
}

pub fn peering_id(at: usize) -> VpcPeeringConnectionId {
    VpcPeeringConnectionId::from_number(at as u128 + 1)
}

pub fn nat_id(at: usize) -> NatGatewayId {
    NatGatewayId::from_number(at as u128 + 1)
}

pub fn transit_id(at: usize) -> TransitGatewayId {
    TransitGatewayId::from_number(at as u128 + 1)
}

pub fn attachment_id(at: usize) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_number(at as u128 + 1)
}

pub fn transit_table_id(gateway: usize, at: usize) -> TransitGatewayRouteTableId {
    TransitGatewayRouteTableId::from_number((gateway * TRANSIT_TABLES + at) as u128 + 1)
}

/// The VPC that a machine is in.
pub fn vpc_of(machine: usize) -> usize {
    SUBNETS[MACHINES[machine].0].0
}

/// The public address of a machine's address.
pub fn public_of(machine: usize, address: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, u8::try_from(machine + 1).unwrap(), u8::try_from(address + 1).unwrap())
}

/// The IPv6 addresses of a machine, where it has any: as many as it has of IPv4.
pub fn ipv6_of(machine: usize) -> Vec<Ipv6Addr> {
    let (subnet, own) = MACHINES[machine];
    let block = u16::try_from(((SUBNETS[subnet].0 + 1) << 8) + subnet).unwrap();
    let address = |at: usize| Ipv6Addr::new(0x2001, 0xdb8, 0, block, 0, 0, at as u16, machine as u16 + 0x10);
    (0..own.len()).map(address).collect()
}

/// All addresses that a packet may be for or claim to be from, of one family.
pub fn addresses(ipv6: bool) -> Vec<IpAddr> {
    let mut all: BTreeSet<IpAddr> = BTreeSet::new();
    for (machine, (_, own)) in MACHINES.iter().enumerate() {
        for (at, address) in own.iter().enumerate() {
            all.insert(address.parse().unwrap());
            all.insert(public_of(machine, at).into());
        }
        all.extend(ipv6_of(machine).into_iter().map(IpAddr::V6));
    }
    for (at, (_, address)) in NAT_GATEWAYS.iter().enumerate() {
        all.insert(address.parse().unwrap());
        all.insert(Ipv4Addr::new(198, 18, 100, u8::try_from(at + 1).unwrap()).into());
    }
    all.extend([IpAddr::V4(Lab::INTERNET), Lab::IPV6_INTERNET.into()]);
    // Another host of the internet, the operator, a service, a router, nobody's in a VPC, in a pool and anywhere, and one
    // that is never routed.
    let others = ["192.0.2.7", "198.18.0.1", "169.254.169.254", "10.0.1.1", "10.0.0.2", "10.0.1.99", "198.18.200.1"];
    all.extend(others.map(|text| text.parse::<IpAddr>().unwrap()));
    let others = ["10.77.0.1", "169.254.7.7", "2a00::7", "2001:db8::1", "2001:db8:0:100::99", "2001:db8:0:7700::1"];
    all.extend(others.map(|text| text.parse::<IpAddr>().unwrap()));
    let others = ["fd00::7", "fe80::7:7", "fd00:ec2::254", "fd00:ec2::253"];
    all.extend(others.map(|text| text.parse::<IpAddr>().unwrap()));
    all.into_iter().filter(|address| address.is_ipv6() == ipv6).collect()
}
