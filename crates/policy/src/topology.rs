//! What the network of a cloud consists of, as plain data. Made from the State; the only input of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use types::{
    Cidr, InternetGatewayId, Ipv4Cidr, Ipv6Cidr, MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, Protocol,
    RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcId, VpcPeeringConnectionId,
};

use crate::CloudTag;

/// Everything that decides where a packet may go.
///
/// References that lead nowhere (an interface in an unknown subnet, a rule naming an unknown group, a route to what is
/// gone) are no error: they let nothing through, as on EC2, where such a rule is called stale and such a route a black
/// hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// The operator's machine and the public addresses.
    pub operator: Operator,
    /// The VPCs. Each becomes one network namespace.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// The subnets of all VPCs.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// The route tables of all VPCs.
    pub route_tables: BTreeMap<RouteTableId, RouteTable>,
    /// The network ACLs of all VPCs.
    pub acls: BTreeMap<NetworkAclId, Acl>,
    /// The network interfaces of all VPCs.
    pub interfaces: BTreeMap<NetworkInterfaceId, Interface>,
    /// The security groups of all VPCs.
    pub groups: BTreeMap<SecurityGroupId, Group>,
    /// The NAT gateways that are available. Each becomes one network namespace.
    pub nat_gateways: BTreeMap<NatGatewayId, NatGateway>,
    /// The peering connections that are active.
    pub peerings: BTreeMap<VpcPeeringConnectionId, Peering>,
    /// The transit gateways that are available. Each that a VPC is attached to becomes one network namespace.
    #[serde(default)]
    pub transit_gateways: BTreeMap<TransitGatewayId, TransitGateway>,
    /// The interfaces whose packets are counted for flow logs.
    #[serde(default)]
    pub watched: BTreeSet<NetworkInterfaceId>,
    /// The interfaces of machines that the metadata service answers by IPv6, too.
    #[serde(default)]
    pub metadata_by_ipv6: BTreeSet<NetworkInterfaceId>,
    /// The interfaces that remember connections for another time than usual.
    #[serde(default)]
    pub idle_timeouts: BTreeMap<NetworkInterfaceId, IdleTimeouts>,
}

impl Topology {
    /// A cloud without a VPC.
    pub fn new(operator: Operator) -> Self {
        Self {
            operator,
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            route_tables: BTreeMap::new(),
            acls: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            groups: BTreeMap::new(),
            nat_gateways: BTreeMap::new(),
            peerings: BTreeMap::new(),
            transit_gateways: BTreeMap::new(),
            watched: BTreeSet::new(),
            metadata_by_ipv6: BTreeSet::new(),
            idle_timeouts: BTreeMap::new(),
        }
    }

    /// The attached interfaces that an internet gateway translates for, by public address, with the private one: the
    /// interface's VPC has a gateway. Should two claim one address, the first id has it.
    pub fn gateway_users(&self) -> BTreeMap<Ipv4Addr, (NetworkInterfaceId, &Interface, Ipv4Addr)> {
        let mut users = BTreeMap::new();
        for (&id, interface) in self.interfaces.iter().filter(|(_, i)| i.link == LinkState::Attached) {
            if self.vpcs.get(&interface.vpc).is_none_or(|vpc| vpc.internet_gateway.is_none()) {
                continue;
            }
            for address in &interface.addresses {
                if let Some(public) = address.public {
                    users.entry(public).or_insert((id, interface, address.private));
                }
            }
        }
        users
    }

    /// The attached interfaces of machines that a gateway leads to by IPv6, by address: those with an address in a block
    /// of their VPC, which has an internet gateway or an egress-only one. Nothing is translated.
    pub fn ipv6_gateway_users(&self) -> BTreeMap<Ipv6Addr, (NetworkInterfaceId, &Interface)> {
        let mut users = BTreeMap::new();
        let machines = self.interfaces.iter().filter(|(_, interface)| interface.kind == InterfaceKind::Machine);
        for (&id, interface) in machines.filter(|(_, i)| i.link == LinkState::Attached) {
            let Some(vpc) = self.vpcs.get(&interface.vpc).filter(|vpc| vpc.has_ipv6_gateway()) else { continue };
            for address in interface.ipv6.iter().filter(|address| vpc.contains(**address)) {
                users.entry(*address).or_insert((id, interface));
            }
        }
        users
    }

    /// The peering connections of a VPC that it can use, with the VPC on the other side. Of two that a packet could
    /// mean alike, the first has it; EC2 does not allow them.
    pub fn peers(&self, vpc: VpcId) -> impl Iterator<Item = (VpcPeeringConnectionId, VpcId)> {
        let known = |id: VpcId| self.vpcs.contains_key(&id);
        self.peerings.iter().filter_map(move |(id, peering)| {
            let other = peering.peer_of(vpc).filter(|other| known(*other) && *other != vpc)?;
            Some((*id, other))
        })
    }

    /// The attachments to transit gateways that carry something: both the VPC and one of their subnets are known.
    pub fn transit_links(&self) -> impl Iterator<Item = TransitLink> {
        self.transit_gateways.iter().flat_map(move |(&gateway, it)| {
            it.attachments.iter().filter_map(move |(&id, attachment)| {
                let vpc = attachment.vpc;
                let ipv6 = self.vpcs.get(&vpc)?.has_ipv6();
                let known = |id: &&SubnetId| self.subnets.get(id).is_some_and(|subnet| subnet.vpc == vpc);
                let subnet = *attachment.subnets.iter().find(known)?;
                Some(TransitLink { gateway, attachment: id, vpc, subnet, table: attachment.table, ipv6 })
            })
        })
    }

    /// The attachment of a VPC with this id, if it carries something.
    pub fn transit_link(&self, vpc: VpcId, attachment: TransitGatewayAttachmentId) -> Option<TransitLink> {
        self.transit_links().find(|link| link.vpc == vpc && link.attachment == attachment)
    }

    /// Whether a machine's interface carries a group that is in force in its VPC.
    pub fn carries(&self, interface: &Interface, group: SecurityGroupId) -> bool {
        interface.kind == InterfaceKind::Machine
            && interface.groups.contains(&group)
            && self.groups.get(&group).is_some_and(|group| group.vpcs.contains(&interface.vpc))
    }

    /// The interface that a route to a target leads to, if it leads to one that forwards packets for such a destination:
    /// a NAT gateway's, which carries no IPv6, or that of a machine whose source/destination check is off.
    pub fn forwarder(
        &self,
        vpc: VpcId,
        target: Target,
        destination: impl Into<Cidr>,
    ) -> Option<(NetworkInterfaceId, &Interface)> {
        let is_ipv6 = destination.into().ipv6().is_some();
        let id = match target {
            Target::Interface(id) => id,
            Target::NatGateway(id) if !is_ipv6 => self.nat_gateways.get(&id)?.interface,
            _ => return None,
        };
        let interface = self.interfaces.get(&id).filter(|i| i.vpc == vpc && i.link == LinkState::Attached)?;
        let forwards = match target {
            Target::NatGateway(nat) => interface.kind == InterfaceKind::NatGateway(nat),
            _ => interface.kind == InterfaceKind::Machine && !interface.source_dest_check,
        };
        let is_reached = interface.all_addresses().any(|address| address.is_ipv6() == is_ipv6);
        (forwards && is_reached).then_some((id, interface))
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

    /// The block that the IPv6 blocks of VPCs come from: the one for documentation (RFC 3849), which nobody on the
    /// internet has. Its first /56 is the operator's, and never given to a VPC.
    pub fn ipv6_pool(&self) -> Ipv6Cidr {
        Ipv6Cidr::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32).unwrap_or(Ipv6Cidr::ANY)
    }

    /// The operator's own IPv6 address: the first one behind the base of [`Operator::ipv6_pool`].
    pub fn ipv6_address(&self) -> Ipv6Addr {
        let pool = self.ipv6_pool();
        pool.nth(1).unwrap_or_else(|| pool.first())
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
    /// Its IPv6 blocks. Without one, no IPv6 packet passes.
    #[serde(default)]
    pub ipv6_cidrs: Vec<Ipv6Cidr>,
    /// Whether the resolver answers (`enableDnsSupport`).
    pub dns_support: bool,
    /// The internet gateway attached to it.
    pub internet_gateway: Option<InternetGatewayId>,
    /// Whether an egress-only internet gateway is attached to it, which is for IPv6 alone.
    #[serde(default)]
    pub egress_only_gateway: bool,
    /// The table that decides where packets from the internet gateway go; `None`: straight to their interface.
    pub gateway_table: Option<RouteTableId>,
}

impl Vpc {
    /// A VPC of these blocks, with a resolver and without a gateway.
    pub fn new(cidrs: Vec<Ipv4Cidr>) -> Self {
        Self {
            cidrs,
            ipv6_cidrs: Vec::new(),
            dns_support: true,
            internet_gateway: None,
            egress_only_gateway: false,
            gateway_table: None,
        }
    }

    /// The address of the resolver: the base of the primary block plus two (VPC guide, "DNS attributes").
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.cidrs.first()?.nth(2)
    }

    /// Whether an address is in one of its blocks.
    pub fn contains(&self, address: impl Into<IpAddr>) -> bool {
        match address.into() {
            IpAddr::V4(address) => self.cidrs.iter().any(|cidr| cidr.contains(address)),
            IpAddr::V6(address) => self.ipv6_cidrs.iter().any(|cidr| cidr.contains(address)),
        }
    }

    /// Whether it has IPv6.
    pub fn has_ipv6(&self) -> bool {
        !self.ipv6_cidrs.is_empty()
    }

    /// Whether IPv6 packets have a way out of it.
    pub fn has_ipv6_gateway(&self) -> bool {
        self.has_ipv6() && (self.internet_gateway.is_some() || self.egress_only_gateway)
    }

    /// Its blocks of both families.
    pub fn blocks(&self) -> impl Iterator<Item = Cidr> {
        let ipv6 = self.ipv6_cidrs.iter().map(|cidr| Cidr::Ipv6(*cidr));
        self.cidrs.iter().map(|cidr| Cidr::Ipv4(*cidr)).chain(ipv6)
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// Its block.
    pub cidr: Ipv4Cidr,
    /// The route table in force for it. Without one, only addresses of the VPC can be reached.
    pub route_table: Option<RouteTableId>,
    /// The network ACL at its boundary. Without one, nothing crosses it.
    pub acl: Option<NetworkAclId>,
}

impl Subnet {
    /// The address of the VPC router in this subnet: base plus one.
    pub fn router(&self) -> Option<Ipv4Addr> {
        self.cidr.nth(1)
    }
}

/// A route table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Where each block leads, the local routes among them. What no block holds leads nowhere.
    pub routes: BTreeMap<Cidr, Target>,
}

impl RouteTable {
    /// The route of the longest prefix that holds the address.
    pub fn lookup(&self, address: impl Into<IpAddr>) -> Option<(Cidr, Target)> {
        longest(&self.routes, address.into())
    }
}

/// The route of the longest prefix that holds an address.
fn longest<T: Copy>(routes: &BTreeMap<Cidr, T>, address: IpAddr) -> Option<(Cidr, T)> {
    let block = |length| match address {
        IpAddr::V4(address) => Ipv4Cidr::new(address, length).map(Cidr::from),
        IpAddr::V6(address) => Ipv6Cidr::new(address, length).map(Cidr::from),
    };
    (0..=128).rev().find_map(|length| {
        let block = block(length)?;
        routes.get(&block).map(|target| (block, *target))
    })
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// To whoever has the address, inside the VPC.
    Local,
    /// Out by the VPC's internet gateway.
    InternetGateway,
    /// Out by the VPC's egress-only internet gateway: IPv6 connections that begin inside.
    EgressOnlyGateway,
    /// To a NAT gateway of the VPC.
    NatGateway(NatGatewayId),
    /// To an interface of the VPC whose machine forwards.
    Interface(NetworkInterfaceId),
    /// Into the other VPC of a peering connection.
    Peering(VpcPeeringConnectionId),
    /// To a transit gateway, by this attachment of the VPC.
    TransitGateway(TransitGatewayAttachmentId),
    /// Nowhere: the target is gone, or of a kind that carries nothing here.
    Blackhole,
}

/// A network ACL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// For packets that enter a subnet, in order. What none of them decides is denied.
    pub ingress: Vec<AclEntry>,
    /// For packets that leave one.
    pub egress: Vec<AclEntry>,
}

impl Acl {
    /// The entries of one direction.
    pub fn entries(&self, direction: Direction) -> &[AclEntry] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// An entry of a network ACL. The first that a packet meets decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry {
    /// Its number.
    pub number: u16,
    /// Whether it lets packets pass.
    pub allow: bool,
    /// Which traffic.
    pub protocol: Protocol,
    /// The addresses of the other side: the source of what enters, the destination of what leaves.
    pub cidr: Cidr,
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

/// What is behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceKind {
    /// A machine.
    Machine,
    /// A NAT gateway. No groups apply to it.
    NatGateway(NatGatewayId),
}

/// A private address, and the public one that is translated to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The private address.
    pub private: Ipv4Addr,
    /// The public address, automatic or Elastic.
    pub public: Option<Ipv4Addr>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The VPC it is in.
    pub vpc: VpcId,
    /// The subnet it is in.
    pub subnet: SubnetId,
    /// Its addresses, the primary one first. One without any carries nothing.
    pub addresses: Vec<Address>,
    /// Its IPv6 addresses.
    #[serde(default)]
    pub ipv6: Vec<Ipv6Addr>,
    /// Its hardware address.
    pub mac: MacAddress,
    /// The groups it carries; the order means nothing.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Whether packets from and to it must carry its own address.
    pub source_dest_check: bool,
    /// Whether there is something behind it.
    pub link: LinkState,
    /// What that is.
    pub kind: InterfaceKind,
}

/// For how long an interface remembers a connection without packets, in seconds (EC2 User Guide, "Security group
/// connection tracking").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdleTimeouts {
    /// An established connection of TCP.
    pub tcp_established: u32,
    /// A flow of UDP of more than one exchange.
    pub udp_stream: u32,
    /// Another flow of UDP.
    pub udp: u32,
}

impl Default for IdleTimeouts {
    fn default() -> Self {
        Self { tcp_established: 432_000, udp_stream: 180, udp: 30 }
    }
}

impl Interface {
    /// All its addresses inside the VPC: the private ones, the primary one first, then those of IPv6.
    pub fn all_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.private_addresses().map(IpAddr::V4).chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }

    /// Its private addresses, the primary one first.
    pub fn private_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.addresses.iter().map(|address| address.private)
    }

    /// Whether an address inside the VPC is its own.
    pub fn has(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        self.all_addresses().any(|own| own == address)
    }
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its interface.
    pub interface: NetworkInterfaceId,
    /// The addresses of the interface that take the place of sources; where none is named it is the primary one.
    #[serde(default)]
    pub sources: Vec<Ipv4Addr>,
}

impl NatGateway {
    /// The addresses that take the place of sources, if this is its interface.
    pub fn sources(&self, interface: &Interface) -> Vec<Ipv4Addr> {
        if self.sources.is_empty() { interface.private_addresses().take(1).collect() } else { self.sources.clone() }
    }
}

/// A peering connection between two VPCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peering {
    /// The VPC that asked for it.
    pub requester: VpcId,
    /// The VPC that accepted it.
    pub accepter: VpcId,
}

impl Peering {
    /// The VPC on the other side; `None` where `vpc` is on neither.
    pub fn peer_of(&self, vpc: VpcId) -> Option<VpcId> {
        match vpc {
            _ if vpc == self.requester => Some(self.accepter),
            _ if vpc == self.accepter => Some(self.requester),
            _ => None,
        }
    }
}

/// A transit gateway: a router between VPCs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGateway {
    /// What is attached to it.
    pub attachments: BTreeMap<TransitGatewayAttachmentId, TransitAttachment>,
    /// Its route tables.
    pub tables: BTreeMap<TransitGatewayRouteTableId, TransitRouteTable>,
}

/// The attachment of a VPC to a transit gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitAttachment {
    /// The VPC.
    pub vpc: VpcId,
    /// The subnets it is in. The first one's route table and network ACL are for all of what comes from the gateway.
    pub subnets: BTreeSet<SubnetId>,
    /// The table it is associated with, which decides about what comes from it; without one nothing gets anywhere.
    pub table: Option<TransitGatewayRouteTableId>,
}

/// A route table of a transit gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitRouteTable {
    /// Where each block leads, whether somebody said so or an attachment propagates it; `None`: nowhere.
    pub routes: BTreeMap<Cidr, Option<TransitGatewayAttachmentId>>,
}

impl TransitRouteTable {
    /// The route of the longest prefix that holds the address.
    pub fn lookup(&self, address: impl Into<IpAddr>) -> Option<(Cidr, Option<TransitGatewayAttachmentId>)> {
        longest(&self.routes, address.into())
    }
}

/// An attachment that carries something, as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitLink {
    /// The gateway.
    pub gateway: TransitGatewayId,
    /// The attachment.
    pub attachment: TransitGatewayAttachmentId,
    /// The VPC.
    pub vpc: VpcId,
    /// The subnet that stands for all of its subnets.
    pub subnet: SubnetId,
    /// The gateway's table that decides about what comes from it.
    pub table: Option<TransitGatewayRouteTableId>,
    /// Whether the VPC has IPv6; if not, no packet of it passes.
    pub ipv6: bool,
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

/// Into an interface or out of it; into a subnet or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Inwards.
    Ingress,
    /// Outwards.
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
    Cidr(Cidr),
    /// The private addresses of the interfaces that carry this group, of the same VPC or of a peered one. What comes
    /// by way of a machine that forwards is not from them (VPC guide, "Security group rules").
    Group(SecurityGroupId),
}

impl Peer {
    /// Whether it is a block that holds the address.
    pub fn holds(self, address: impl Into<IpAddr>) -> bool {
        matches!(self, Self::Cidr(cidr) if cidr.contains(address.into()))
    }
}
