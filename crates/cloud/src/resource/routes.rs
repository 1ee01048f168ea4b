//! What decides where packets of a subnet may go: route tables, network ACLs and prefix lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use types::{
    Cidr, EgressOnlyInternetGatewayId, InternetGatewayId, Ipv4Cidr, Ipv6Cidr, NatGatewayId, NetworkAclAssociationId,
    NetworkAclId, NetworkInterfaceId, ParseCidrError, PrefixListId, Protocol, RouteTableAssociationId, RouteTableId,
    SubnetId, TransitGatewayId, VpcEndpointId, VpcId, VpcPeeringConnectionId, VpnGatewayId,
};

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteTarget {
    /// Inside the VPC.
    Local,
    /// Out through an internet gateway.
    InternetGateway(InternetGatewayId),
    /// Out through a NAT gateway.
    NatGateway(NatGatewayId),
    /// To a network interface, whose instance forwards.
    NetworkInterface(NetworkInterfaceId),
    /// Into the other VPC of a peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// Out through an egress-only internet gateway.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// Through a virtual private gateway.
    VpnGateway(VpnGatewayId),
    /// To a VPC endpoint.
    VpcEndpoint(VpcEndpointId),
    /// To a transit gateway that the VPC is attached to.
    TransitGateway(TransitGatewayId),
}

/// Which destinations a route is for. Stored as the text that EC2 shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RouteDestination {
    /// A block of IPv4 addresses.
    Ipv4(Ipv4Cidr),
    /// A block of IPv6 addresses.
    Ipv6(Ipv6Cidr),
    /// The blocks of a managed prefix list.
    PrefixList(PrefixListId),
}

impl RouteDestination {
    /// The block, unless it is a prefix list.
    pub fn cidr(self) -> Option<Cidr> {
        match self {
            Self::Ipv4(cidr) => Some(Cidr::Ipv4(cidr)),
            Self::Ipv6(cidr) => Some(Cidr::Ipv6(cidr)),
            Self::PrefixList(_) => None,
        }
    }
}

impl From<Ipv4Cidr> for RouteDestination {
    fn from(cidr: Ipv4Cidr) -> Self {
        Self::Ipv4(cidr)
    }
}

impl From<Ipv6Cidr> for RouteDestination {
    fn from(cidr: Ipv6Cidr) -> Self {
        Self::Ipv6(cidr)
    }
}

impl From<Cidr> for RouteDestination {
    fn from(cidr: Cidr) -> Self {
        match cidr {
            Cidr::Ipv4(cidr) => Self::Ipv4(cidr),
            Cidr::Ipv6(cidr) => Self::Ipv6(cidr),
        }
    }
}

impl fmt::Display for RouteDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(cidr) => fmt::Display::fmt(cidr, f),
            Self::Ipv6(cidr) => fmt::Display::fmt(cidr, f),
            Self::PrefixList(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl FromStr for RouteDestination {
    type Err = ParseCidrError;
    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        text.parse().map(Self::PrefixList).or_else(|_| text.parse::<Cidr>().map(Self::from))
    }
}

impl TryFrom<String> for RouteDestination {
    type Error = ParseCidrError;
    fn try_from(text: String) -> Result<Self, ParseCidrError> {
        text.parse()
    }
}

impl From<RouteDestination> for String {
    fn from(destination: RouteDestination) -> Self {
        destination.to_string()
    }
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Which destinations it is for.
    pub destination: RouteDestination,
    /// Where they lead.
    pub target: RouteTarget,
}

/// A gateway whose incoming traffic a route table decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeGateway {
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId),
}

impl fmt::Display for EdgeGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InternetGateway(id) => fmt::Display::fmt(id, f),
            Self::VpnGateway(id) => fmt::Display::fmt(id, f),
        }
    }
}

/// What a route table is in force for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// Its id.
    pub id: RouteTableAssociationId,
    /// The subnet. With no gateway either, it is the VPC's main association.
    pub subnet: Option<SubnetId>,
    /// The gateway, where the table is one for incoming traffic.
    #[serde(default)]
    pub gateway: Option<EdgeGateway>,
}

impl RouteTableAssociation {
    /// The association that makes a table its VPC's main one.
    pub fn main(id: RouteTableAssociationId) -> Self {
        Self { id, subnet: None, gateway: None }
    }

    /// Whether it makes its table the VPC's main one.
    pub fn is_main(&self) -> bool {
        self.subnet.is_none() && self.gateway.is_none()
    }
}

/// A route table.
///
/// Every block of its VPC has a local route in it, whether or not it is listed in `routes`: ask `routing::routes` for
/// all that are in force. One that was given another target is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// Its routes.
    pub routes: Vec<Route>,
    /// What it is in force for.
    pub associations: Vec<RouteTableAssociation>,
    /// The virtual private gateways whose routes it takes over.
    #[serde(default)]
    pub propagating_vgws: BTreeSet<VpnGatewayId>,
}

impl RouteTable {
    /// A table without routes of its own that is in force for nothing.
    pub fn new(id: RouteTableId, vpc: VpcId) -> Self {
        Self { id, vpc, routes: Vec::new(), associations: Vec::new(), propagating_vgws: BTreeSet::new() }
    }

    /// Whether it serves the subnets that have no table of their own.
    pub fn is_main(&self) -> bool {
        self.associations.iter().any(RouteTableAssociation::is_main)
    }
}

/// One entry of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// Entries are looked at in order of this number.
    pub number: u16,
    /// Whether it speaks of what leaves the subnet.
    pub is_egress: bool,
    /// Whether it lets packets through.
    pub allow: bool,
    /// Protocol and ports.
    pub protocol: Protocol,
    /// The other end.
    pub cidr: Cidr,
}

/// A network ACL, without its fixed final denials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// Its id.
    pub id: NetworkAclId,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// Whether it is the VPC's default.
    pub is_default: bool,
    /// Its entries.
    pub entries: Vec<NetworkAclEntry>,
    /// The subnets it guards, each by the id of the association.
    pub associations: BTreeMap<SubnetId, NetworkAclAssociationId>,
}

/// Of which family the blocks of a prefix list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressFamily {
    /// IPv4 blocks.
    Ipv4,
    /// IPv6 blocks.
    Ipv6,
}

/// One block of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListEntry {
    /// The block.
    pub cidr: Cidr,
    /// What its author wrote about it.
    pub description: Option<String>,
}

/// What was last done to a prefix list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefixListState {
    /// It was made.
    CreateComplete,
    /// It was changed.
    ModifyComplete,
    /// It should have been changed, and was not.
    ModifyFailed,
}

/// A managed prefix list of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixList {
    /// Its id.
    pub id: PrefixListId,
    /// Its name.
    pub name: String,
    /// Of which family its blocks are.
    pub family: AddressFamily,
    /// How many blocks it may have; it counts as that many rules and routes wherever it is used.
    pub max_entries: u32,
    /// What was last done to it.
    pub state: PrefixListState,
    /// Why that failed.
    pub state_message: Option<String>,
    /// The number of its newest version.
    pub version: i64,
    /// The blocks of each version that is still known, the newest among them.
    pub versions: BTreeMap<i64, Vec<PrefixListEntry>>,
}

impl PrefixList {
    /// How many versions are kept, the newest one included.
    pub const KEPT_VERSIONS: usize = 100;

    /// The blocks that are in force.
    pub fn entries(&self) -> &[PrefixListEntry] {
        self.versions.get(&self.version).map_or(&[], Vec::as_slice)
    }

    /// Puts these blocks in force, as a new version.
    pub fn add_version(&mut self, entries: Vec<PrefixListEntry>) {
        self.version += 1;
        self.versions.insert(self.version, entries);
        while self.versions.len() > Self::KEPT_VERSIONS {
            self.versions.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_older_clouds_are_read() {
        let text = r#"{"id":"rtb-00000000000000001","vpc":"vpc-00000000000000001","routes":[
            {"destination":"172.31.0.0/16","target":"local"},
            {"destination":"0.0.0.0/0","target":{"internet-gateway":"igw-00000000000000001"}}],
            "associations":[{"id":"rtbassoc-00000000000000001","subnet":null}]}"#;
        let table: RouteTable = serde_json::from_str(text).unwrap();
        assert!(table.is_main() && table.propagating_vgws.is_empty());
        assert_eq!(table.routes[1].destination, Ipv4Cidr::ANY.into());
        assert_eq!(table.routes[0].target, RouteTarget::Local);
        let again: RouteTable = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
        assert_eq!(again, table);
    }

    #[test]
    fn lists_and_groups_of_older_clouds_are_read() {
        let text = r#"{"number":100,"is_egress":true,"allow":true,"protocol":"all","cidr":"0.0.0.0/0"}"#;
        let entry: NetworkAclEntry = serde_json::from_str(text).unwrap();
        assert_eq!(entry.cidr, Ipv4Cidr::ANY.into());
        let text = r#"{"id":"sg-00000000000000001","name":"web","description":"d","vpc":"vpc-00000000000000001",
            "rules":[{"id":"sgr-00000000000000001","is_egress":false,"protocol":"all","peer":{"ipv6":"::/0"},
            "description":null}]}"#;
        let group: super::super::SecurityGroup = serde_json::from_str(text).unwrap();
        assert_eq!(group.rules[0].peer, super::super::Peer::Ipv6(Ipv6Cidr::ANY));
        assert!(group.vpc_associations.is_empty());
    }

    #[test]
    fn destinations_read_back_as_written() {
        for text in ["10.0.0.0/8", "2001:db8::/32", "pl-00000000000000001"] {
            let destination: RouteDestination = text.parse().unwrap();
            assert_eq!(destination.to_string(), text);
            let json = serde_json::to_string(&destination).unwrap();
            assert_eq!(serde_json::from_str::<RouteDestination>(&json).unwrap(), destination);
        }
        assert!("pl-1".parse::<RouteDestination>().is_err());
    }
}
