//! The network: VPCs, subnets and what routes between them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use types::{AvailabilityZone, DhcpOptionsId, InternetGatewayId, Ipv4Cidr, SubnetId, VpcId};

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// The primary block first.
    pub cidrs: Vec<Ipv4Cidr>,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// Its set of DHCP options.
    pub dhcp_options: DhcpOptionsId,
    /// Whether the resolver answers in it.
    pub enable_dns_support: bool,
    /// Whether instances get public DNS names.
    pub enable_dns_hostnames: bool,
}

impl Vpc {
    /// The resolver's address: the base of the primary block plus two.
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.cidrs.first().and_then(|cidr| cidr.nth(2))
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The VPC it is in.
    pub vpc: VpcId,
    /// Its block of addresses.
    pub cidr: Ipv4Cidr,
    /// The zone it is in.
    pub zone: AvailabilityZone,
    /// Whether it is the default subnet of its zone.
    pub default_for_az: bool,
    /// Whether interfaces made here get a public address unless the launch says otherwise.
    pub map_public_ip_on_launch: bool,
}

impl Subnet {
    /// The router's address: the base plus one.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        self.cidr.nth(1)
    }

    /// How many addresses can be given to interfaces: all but the first four and the last.
    pub fn usable(&self) -> u64 {
        self.cidr.size().saturating_sub(5)
    }

    /// Whether the address may be given to an interface: inside, and not one of the five reserved.
    pub fn may_use(&self, address: Ipv4Addr) -> bool {
        self.cidr.contains(address)
            && (4..self.cidr.size() - 1).contains(&u64::from(u32::from(address) - u32::from(self.cidr.first())))
    }
}

/// An internet gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC it is attached to.
    pub vpc: Option<VpcId>,
}

/// A set of DHCP options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOptions {
    /// Its id.
    pub id: DhcpOptionsId,
    /// Option names and their values.
    pub configurations: BTreeMap<String, Vec<String>>,
}
