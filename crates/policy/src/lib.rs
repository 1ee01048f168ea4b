//! What groups, routes and gateways mean: verdicts with reasons, and the plan for the kernel.
//!
//! One [`Topology`] has two outputs: the fate of one packet with every reason on its way, and the [`HostPlan`], which
//! arranges namespaces, links, routes and nftables so that the kernel decides the same. Nothing here does I/O.

#![deny(missing_docs)]

mod diff;
mod names;
mod plan;
mod ranges;
mod rule_text;
mod sources;
mod topology;
mod untracked;
mod verdict;

pub use diff::{HostChange, InTable, NftCommand, diff};
pub use names::{
    CloudTag, EDGE_OPERATOR_LINK, NAT_LINK, ParseTagError, TABLE_PREFERENCE, VPC_EGRESS_ONLY_LINK, VPC_GATEWAY_LINK,
    egress_only_link_name, eni_link_name, gateway_link_name, peering_link_name, transit_link_name,
};
pub use plan::*;
pub use rule_text::ParseRuleError;
pub use sources::{Access, AddressRange, Admission, Answered, PacketBox, PacketSet, Reach, TrafficRange, sources};
pub use topology::{
    Acl, AclEntry, Address, Direction, Group, IdleTimeouts, Interface, InterfaceKind, LinkState, NatGateway, Operator,
    Peer, Peering, RouteTable, Rule as GroupRule, Subnet, Target, Topology, TransitAttachment, TransitGateway,
    TransitLink, TransitRouteTable, Vpc,
};
pub use untracked::{Connection, Tuple, UntrackedFlows};
pub use verdict::{
    Arrival, ArrivedAt, Component, Endpoint, Outcome, Packet, Reason, Stage, Traffic, Verdict, verdict,
    verdict_both_ways,
};
