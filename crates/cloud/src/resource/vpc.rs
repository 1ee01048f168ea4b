//! VPCs and subnets, their blocks of addresses, and what belongs to a VPC as a whole.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use types::{
    AvailabilityZone, Cidr, DhcpOptionsId, EgressOnlyInternetGatewayId, InternetGatewayId, Ipv4Cidr, Ipv6Cidr,
    SubnetCidrAssociationId, SubnetCidrReservationId, SubnetId, VpcCidrAssociationId, VpcId,
};

/// An IPv6 block of a VPC or subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Block<Association> {
    /// The id of its association.
    pub association: Association,
    /// The block.
    pub cidr: Ipv6Cidr,
}

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// The primary block first; never empty.
    pub cidrs: Vec<Ipv4Cidr>,
    /// The ids of the associations of its blocks; see [`Vpc::association`].
    #[serde(default)]
    pub cidr_associations: BTreeMap<Ipv4Cidr, VpcCidrAssociationId>,
    /// Its IPv6 blocks, each a /56.
    #[serde(default)]
    pub ipv6_cidrs: Vec<Ipv6Block<VpcCidrAssociationId>>,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// Its set of DHCP options; `None` for no options at all, EC2's `default`.
    #[serde(default)]
    pub dhcp_options: Option<DhcpOptionsId>,
    /// Whether the resolver answers in it.
    pub enable_dns_support: bool,
    /// Whether instances get public DNS names.
    pub enable_dns_hostnames: bool,
    /// Whether it is counted how many addresses are in use.
    #[serde(default)]
    pub enable_network_address_usage_metrics: bool,
    /// Whether instances are dedicated unless their launch says otherwise.
    #[serde(default)]
    pub is_dedicated: bool,
}

impl Vpc {
    /// A VPC with one block and nothing special about it: without DHCP options, with the resolver, without host names.
    pub fn new(id: VpcId, cidr: Ipv4Cidr) -> Self {
        Self {
            id,
            cidrs: vec![cidr],
            cidr_associations: BTreeMap::new(),
            ipv6_cidrs: vec![],
            is_default: false,
            dhcp_options: None,
            enable_dns_support: true,
            enable_dns_hostnames: false,
            enable_network_address_usage_metrics: false,
            is_dedicated: false,
        }
    }

    /// The resolver's address: the base of the primary block plus two.
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.cidrs.first().and_then(|cidr| cidr.nth(2))
    }

    /// The id of the association of one of its IPv4 blocks.
    ///
    /// A VPC stored before these ids were stored had one block; its association has the number of the VPC.
    pub fn association(&self, cidr: &Ipv4Cidr) -> VpcCidrAssociationId {
        self.cidr_associations.get(cidr).copied().unwrap_or_else(|| VpcCidrAssociationId::from_number(self.id.number()))
    }
}

/// What the private name of an instance is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostnameType {
    /// Its private address.
    #[default]
    IpName,
    /// Its id.
    ResourceName,
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
    /// Its IPv6 blocks, each a /64; EC2 allows one.
    #[serde(default)]
    pub ipv6_cidrs: Vec<Ipv6Block<SubnetCidrAssociationId>>,
    /// The zone it is in.
    pub zone: AvailabilityZone,
    /// Whether it is the default subnet of its zone.
    pub default_for_az: bool,
    /// Whether interfaces made here get a public address unless the launch says otherwise.
    pub map_public_ip_on_launch: bool,
    /// Whether interfaces made here get an IPv6 address unless the request says otherwise.
    #[serde(default)]
    pub assign_ipv6_address_on_creation: bool,
    /// Whether the resolver makes up IPv6 addresses for names that have none.
    #[serde(default)]
    pub enable_dns64: bool,
    /// What instances launched here are called, unless their launch says otherwise.
    #[serde(default)]
    pub hostname_type: HostnameType,
    /// Whether the resource names of instances launched here have an A record.
    #[serde(default)]
    pub resource_name_dns_a_record: bool,
    /// Whether the resource names of instances launched here have an AAAA record.
    #[serde(default)]
    pub resource_name_dns_aaaa_record: bool,
}

impl Subnet {
    /// A subnet with one block and every setting off.
    pub fn new(id: SubnetId, vpc: VpcId, cidr: Ipv4Cidr, zone: AvailabilityZone) -> Self {
        Self {
            id,
            vpc,
            cidr,
            ipv6_cidrs: vec![],
            zone,
            default_for_az: false,
            map_public_ip_on_launch: false,
            assign_ipv6_address_on_creation: false,
            enable_dns64: false,
            hostname_type: HostnameType::IpName,
            resource_name_dns_a_record: false,
            resource_name_dns_aaaa_record: false,
        }
    }

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

/// What a reserved range of a subnet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReservationType {
    /// Prefixes for interfaces.
    Prefix,
    /// Addresses that requests name.
    Explicit,
}

/// A range of a subnet's addresses that are not given out unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetCidrReservation {
    /// Its id.
    pub id: SubnetCidrReservationId,
    /// The subnet.
    pub subnet: SubnetId,
    /// The range.
    pub cidr: Cidr,
    /// What it is for.
    pub reservation_type: ReservationType,
    /// What the request said it is for.
    pub description: Option<String>,
}

/// An internet gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC it is attached to.
    pub vpc: Option<VpcId>,
}

/// An egress-only internet gateway: the way out for IPv6, and for replies back in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressOnlyInternetGateway {
    /// Its id.
    pub id: EgressOnlyInternetGatewayId,
    /// The VPC it is attached to from its creation to its end.
    pub vpc: VpcId,
}

/// A set of DHCP options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOptions {
    /// Its id.
    pub id: DhcpOptionsId,
    /// Option names and their values.
    pub configurations: BTreeMap<String, Vec<String>>,
    /// Whether it is the set that new VPCs of the region get.
    #[serde(default)]
    pub is_default: bool,
}

impl DhcpOptions {
    /// What a machine that was given the options looks names up by, in the form of resolv.conf(5); `amazon` is the
    /// address that `AmazonProvidedDNS` stands for.
    pub fn resolv_conf(&self, amazon: Option<Ipv4Addr>) -> String {
        let values = |key: &str| self.configurations.get(key).into_iter().flatten();
        let search = values("domain-name").map(|domain| format!("search {domain}\n"));
        let servers = values("domain-name-servers").filter_map(|server| match server.as_str() {
            "AmazonProvidedDNS" => amazon.map(|address| address.to_string()),
            other => Some(other.to_owned()),
        });
        search.chain(servers.map(|server| format!("nameserver {server}\n"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_resolve_names_as_their_options_say() {
        let options = |pairs: &[(&str, &[&str])]| DhcpOptions {
            id: DhcpOptionsId::from_number(1),
            configurations: (pairs.iter())
                .map(|(key, values)| ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
                .collect(),
            is_default: false,
        };
        let amazon = Some(Ipv4Addr::new(172, 31, 0, 2));
        let usual = options(&[("domain-name", &["ec2.internal"]), ("domain-name-servers", &["AmazonProvidedDNS"])]);
        assert_eq!(usual.resolv_conf(amazon), "search ec2.internal\nnameserver 172.31.0.2\n");
        let own = options(&[("domain-name-servers", &["10.0.0.9", "fd00::9"]), ("ntp-servers", &["10.0.0.8"])]);
        assert_eq!(own.resolv_conf(amazon), "nameserver 10.0.0.9\nnameserver fd00::9\n");
        assert_eq!(options(&[("netbios-node-type", &["2"])]).resolv_conf(amazon), "");
    }
}
