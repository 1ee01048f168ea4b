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
mod topology;
mod verdict;

pub use diff::{HostChange, InTable, NftCommand, diff};
pub use names::{CloudTag, EDGE_OPERATOR_LINK, ParseTagError, VPC_GATEWAY_LINK, eni_link_name, gateway_link_name};
pub use plan::*;
pub use rule_text::ParseRuleError;
pub use topology::{Direction, Group, Interface, LinkState, Operator, Peer, Rule as GroupRule, Subnet, Topology, Vpc};
pub use verdict::{Component, Endpoint, Outcome, Packet, Reason, Stage, Traffic, Verdict, verdict};
