//! What the network of a cloud consists of, as plain data. Made from the State; the only input of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use types::{
    InternetGatewayId, Ipv4Cidr, MacAddress, NetworkInterfaceId, Protocol, SecurityGroupId, SecurityGroupRuleId,
    SubnetId, VpcId,
};

use crate::CloudTag;

/// Everything that decides where a packet may go.
///
/// References that lead nowhere (an interface in an unknown subnet, a rule naming an unknown group) are no error:
/// they let nothing through, as on EC2, where such a rule is called stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// The operator's machine and the public addresses.
    pub operator: Operator,
    /// The VPCs. Each becomes one network namespace.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// The subnets of all VPCs.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// The network interfaces of all VPCs.
    pub interfaces: BTreeMap<NetworkInterfaceId, Interface>,
    /// The security groups of all VPCs.
    pub groups: BTreeMap<SecurityGroupId, Group>,
}

impl Topology {
    /// A cloud without a VPC.
    pub fn new(operator: Operator) -> Self {
        Self {
            operator,
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }

    /// The private addresses of the interfaces of a VPC that carry the group. A rule that names the group means these.
    pub fn members(&self, group: SecurityGroupId, vpc: VpcId) -> BTreeSet<Ipv4Addr> {
        self.interfaces.values().filter(|i| i.vpc == vpc && i.groups.contains(&group)).map(|i| i.address).collect()
    }

    /// The running interfaces that can use an internet gateway, by public address: the VPC has one, the subnet's
    /// routes lead there, and there is a public address. Should two claim one address, the first id has it.
    pub fn gateway_users(&self) -> BTreeMap<Ipv4Addr, (NetworkInterfaceId, &Interface)> {
        let mut users = BTreeMap::new();
        for (&id, interface) in self.interfaces.iter().filter(|(_, i)| i.link == LinkState::Attached) {
            let gateway = self.vpcs.get(&interface.vpc).is_some_and(|vpc| vpc.internet_gateway.is_some());
            let route = self.subnets.get(&interface.subnet).is_some_and(|s| s.internet_route);
            if let Some(public) = interface.public_address.filter(|_| gateway && route) {
                users.entry(public).or_insert((id, interface));
            }
        }
        users
    }
}

/// The operator's machine and the addresses that the cloud gives out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The cloud's tag, part of the names of its kernel objects.
    pub tag: CloudTag,
    /// The block that public addresses come from. Its first two host addresses are [`Operator::address`] and
    /// [`Operator::edge_address`]; they must never be given to an interface.
    pub pool: Ipv4Cidr,
}

impl Operator {
    /// The operator's own address: what a machine sees when the operator calls it. The pool's first host address.
    pub fn address(&self) -> Ipv4Addr {
        self.pool.nth(1).unwrap_or_else(|| self.pool.first())
    }

    /// The address of the edge namespace: the way into the cloud. The pool's second host address.
    pub fn edge_address(&self) -> Ipv4Addr {
        self.pool.nth(2).unwrap_or_else(|| self.pool.last())
    }
}

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its blocks; the first is the primary one, whose base plus two is the resolver's address.
    pub cidrs: Vec<Ipv4Cidr>,
    /// Whether the resolver answers (`enableDnsSupport`).
    pub dns_support: bool,
    /// The internet gateway attached to it.
    pub internet_gateway: Option<InternetGatewayId>,
}

impl Vpc {
    /// The address of the resolver: the base of the primary block plus two (VPC guide, "DNS attributes").
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.cidrs.first()?.nth(2)
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// Its block.
    pub cidr: Ipv4Cidr,
    /// Whether its route table sends `0.0.0.0/0` to the VPC's internet gateway: a public subnet.
    pub internet_route: bool,
}

impl Subnet {
    /// The address of the VPC router in this subnet: base plus one.
    pub fn router(&self) -> Option<Ipv4Addr> {
        self.cidr.nth(1)
    }
}

/// Whether an interface has a machine behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// Its machine runs or is being started.
    Attached,
    /// Nothing is behind it: the machine is stopped, or there is none. No packet passes.
    Detached,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The VPC it is in.
    pub vpc: VpcId,
    /// The subnet it is in.
    pub subnet: SubnetId,
    /// Its private address.
    pub address: Ipv4Addr,
    /// Its hardware address.
    pub mac: MacAddress,
    /// Its public address, automatic or Elastic.
    pub public_address: Option<Ipv4Addr>,
    /// The groups it carries; the order means nothing.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Whether packets from it must carry its own address.
    pub source_dest_check: bool,
    /// Whether there is a machine behind it.
    pub link: LinkState,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The VPCs whose interfaces may carry it: its own, and those it is associated with.
    pub vpcs: BTreeSet<VpcId>,
    /// Who may call its members.
    pub ingress: Vec<Rule>,
    /// Whom its members may call.
    pub egress: Vec<Rule>,
}

impl Group {
    /// The rules of one direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// Into an interface or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Packets to the interface.
    Ingress,
    /// Packets from the interface.
    Egress,
}

/// One rule of a group. Rules only allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// Which traffic.
    pub protocol: Protocol,
    /// From or to whom.
    pub peer: Peer,
}

/// The other side of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// These addresses.
    Cidr(Ipv4Cidr),
    /// The private addresses of the interfaces that carry this group.
    Group(SecurityGroupId),
}
