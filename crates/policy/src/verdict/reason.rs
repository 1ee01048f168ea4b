//! The stages of a packet's way, and what is found at each.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{
    Cidr, NatGatewayId, NetworkAclId, NetworkInterfaceId, RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId,
    TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcId, VpcPeeringConnectionId,
};

use crate::topology::{Direction, Target};

/// One stage on a packet's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Where.
    pub at: Component,
    /// What was found there.
    pub reason: Reason,
}

/// Where something is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// A network interface.
    Interface(NetworkInterfaceId),
    /// The boundary of a subnet.
    Subnet(SubnetId),
    /// The router of a VPC.
    Router(VpcId),
    /// The internet gateway of a VPC.
    Gateway(VpcId),
    /// The egress-only internet gateway of a VPC.
    EgressOnlyGateway(VpcId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A peering connection.
    Peering(VpcPeeringConnectionId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
    /// Where public addresses live.
    Edge,
}

/// What was found at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Passes: the source is the interface's own.
    OwnSource,
    /// Passes: the source is not looked at (the source/destination check is off).
    SourceNotChecked,
    /// Passes: a rule allows it.
    Rule {
        /// In or out.
        direction: Direction,
        /// The group the rule is of.
        group: SecurityGroupId,
        /// The rule.
        rule: SecurityGroupRuleId,
    },
    /// Passes: it belongs to a connection that was let through.
    Tracked,
    /// Passes: an entry of the network ACL allows it.
    AclEntry {
        /// In or out.
        direction: Direction,
        /// The ACL.
        acl: NetworkAclId,
        /// The entry's number.
        number: u16,
    },
    /// Passes: a route is for it.
    Route {
        /// The table.
        table: RouteTableId,
        /// The block of addresses that the route is for.
        destination: Cidr,
        /// Where it leads.
        target: Target,
    },
    /// Passes: the instance metadata service and the resolver are never filtered.
    Service,
    /// Passes: the address is in the VPC, and this interface has it.
    Local(NetworkInterfaceId),
    /// Passes: an address was translated.
    Translated {
        /// What it was.
        from: IpAddr,
        /// What it is now.
        to: IpAddr,
    },
    /// Passes: IPv6 addresses are not translated.
    AsItIs,
    /// Passes: it goes on in the other VPC.
    Peer(VpcId),
    /// Passes: a transit gateway's route is for it.
    TransitRoute {
        /// The gateway's table.
        table: TransitGatewayRouteTableId,
        /// The block of addresses that the route is for.
        destination: Cidr,
        /// The attachment it leads to.
        attachment: TransitGatewayAttachmentId,
    },
    /// Passes: it leaves the cloud.
    Leaves,
    /// Dropped: there is no such interface.
    NoSuchInterface,
    /// Dropped: no running machine is behind the interface.
    Detached,
    /// Dropped: the source is not one of the interface's own.
    SpoofedSource {
        /// The interface's addresses.
        own: Vec<IpAddr>,
    },
    /// Dropped: no rule of any group allows it, and what is not allowed is denied.
    NoRule {
        /// In or out.
        direction: Direction,
        /// The interface's groups.
        groups: Vec<SecurityGroupId>,
    },
    /// Dropped: the network ACL denies it.
    AclDenies {
        /// In or out.
        direction: Direction,
        /// The ACL; `None` where the subnet's is not known.
        acl: Option<NetworkAclId>,
        /// The entry that denies it; `None` for the last one, which denies what no other allows.
        number: Option<u16>,
    },
    /// Dropped: the address is the VPC router's, or a service does not listen on that port. It never answers.
    RouterAddress,
    /// Dropped: the metadata service answers this instance by IPv4 alone (`HttpProtocolIpv6`).
    NoMetadataByIpv6,
    /// Dropped: the address is in the VPC, but no interface has it.
    NoSuchAddress,
    /// Dropped: no route is for it.
    NoRoute {
        /// The table that was asked; `None` where the subnet has none.
        table: Option<RouteTableId>,
    },
    /// Dropped: what the route leads to is not there, or forwards nothing.
    BlackholeRoute {
        /// The table.
        table: RouteTableId,
        /// The block of addresses that the route is for.
        destination: Cidr,
        /// Where it should lead.
        target: Target,
    },
    /// Dropped: the packet comes from the internet gateway, and no route of the subnet leads back there.
    NoRouteBack {
        /// The subnet's table.
        table: Option<RouteTableId>,
    },
    /// Dropped: only a source with a public address passes the internet gateway.
    NoPublicAddress,
    /// Dropped: the gateway forwards nothing to or from this address, which is not one of the internet.
    NotOnTheInternet(IpAddr),
    /// Dropped: the public address leads to no interface.
    PublicAddressUnused,
    /// Dropped: nothing comes in by an egress-only gateway but answers.
    EgressOnly,
    /// Dropped: what a machine and its router say of neighbours and of groups of listeners is for one link alone.
    OfTheLink,
    /// Dropped: machines cannot call the operator's own machine.
    OperatorAddress,
    /// Dropped: a NAT gateway translates TCP, UDP and ICMP alone.
    NotTranslated,
    /// Dropped: a NAT gateway takes no connection from outside.
    Unasked,
    /// Dropped: a peering connection carries only what comes from an address of one VPC and goes to the other.
    NotTransitive,
    /// Dropped: the attachment it came by is associated with no table of the transit gateway, so nothing is routed.
    NotAssociated(TransitGatewayAttachmentId),
    /// Dropped: the transit gateway has no route for it.
    NoTransitRoute {
        /// The gateway's table that was asked.
        table: TransitGatewayRouteTableId,
    },
    /// Dropped: the transit gateway's route for it leads nowhere.
    TransitBlackhole {
        /// The gateway's table.
        table: TransitGatewayRouteTableId,
        /// The block of addresses that the route is for.
        destination: Cidr,
        /// Where it should lead; `None` if to nowhere.
        attachment: Option<TransitGatewayAttachmentId>,
    },
    /// Dropped: it comes from a transit gateway under an address of the VPC itself.
    SourceOfThisVpc,
    /// Dropped: no router forwards packets from or to this address.
    NeverRouted(IpAddr),
    /// Dropped: it answers nothing that came this way, and is nothing that a connection begins with.
    Unrelated,
    /// Dropped: it goes round in circles.
    Loop,
}

impl Reason {
    /// Whether a packet goes on after this.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::OwnSource
                | Self::SourceNotChecked
                | Self::Rule { .. }
                | Self::Tracked
                | Self::AclEntry { .. }
                | Self::Route { .. }
                | Self::Service
                | Self::Local(_)
                | Self::Translated { .. }
                | Self::AsItIs
                | Self::Peer(_)
                | Self::TransitRoute { .. }
                | Self::Leaves
        )
    }
}
