//! Transit gateways, what is attached to them, and their route tables.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use types::{
    Cidr, SubnetId, Timestamp, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcId,
};

use super::connect::wire_enums;

wire_enums! {
    /// Where a transit gateway is in its life.
    TransitGatewayState {
        /// It is being made.
        Pending = "pending",
        /// It works.
        Available = "available",
        /// It works, and is being changed.
        Modifying = "modifying",
        /// It is on its way out.
        Deleting = "deleting",
        /// It is gone, and described for a while yet.
        Deleted = "deleted",
    }
    /// Where an attachment to a transit gateway is in its life.
    TransitAttachmentState {
        /// It is being made.
        Pending = "pending",
        /// Packets may pass.
        Available = "available",
        /// Packets may pass, and it is being changed.
        Modifying = "modifying",
        /// It is on its way out.
        Deleting = "deleting",
        /// It is gone, and described for a while yet.
        Deleted = "deleted",
    }
    /// Where a route table of a transit gateway is in its life.
    TransitTableState {
        /// It is being made.
        Pending = "pending",
        /// It is in force.
        Available = "available",
        /// It is on its way out.
        Deleting = "deleting",
        /// It is gone, and described for a while yet.
        Deleted = "deleted",
    }
    /// Where the association of an attachment with a route table is in its life.
    TransitAssociationState {
        /// It is being made.
        Associating = "associating",
        /// The table decides about what comes from the attachment.
        Associated = "associated",
        /// It is on its way out.
        Disassociating = "disassociating",
    }
    /// Where the propagation of an attachment's routes into a route table is in its life.
    TransitPropagationState {
        /// It is being made.
        Enabling = "enabling",
        /// The table has a route to each block of the attachment's VPC.
        Enabled = "enabled",
        /// It is on its way out.
        Disabling = "disabling",
    }
}

/// The options of a transit gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGatewayOptions {
    /// The BGP number of its own side.
    pub amazon_side_asn: i64,
    /// Whether attachments of other accounts need no acceptance.
    pub auto_accept: bool,
    /// The table that new attachments are associated with; `None`: with none.
    pub association_table: Option<TransitGatewayRouteTableId>,
    /// The table that new attachments propagate their routes to; `None`: to none.
    pub propagation_table: Option<TransitGatewayRouteTableId>,
    /// Whether several VPN tunnels share what goes to one destination.
    pub vpn_ecmp: bool,
    /// Whether names of other VPCs resolve to private addresses.
    pub dns: bool,
    /// Whether rules may name groups of other VPCs. State only.
    pub security_group_referencing: bool,
    /// Whether it carries multicast. State only.
    pub multicast: bool,
    /// Its own blocks. State only: what would use them is not there.
    pub cidrs: BTreeSet<Cidr>,
}

/// A transit gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGateway {
    /// Its id.
    pub id: TransitGatewayId,
    /// What its maker says about it.
    pub description: Option<String>,
    /// Its options.
    pub options: TransitGatewayOptions,
    /// Where it is in its life.
    pub state: TransitGatewayState,
    /// Since when.
    pub since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

impl TransitGateway {
    /// Whether it carries packets.
    pub fn is_alive(&self) -> bool {
        matches!(self.state, TransitGatewayState::Available | TransitGatewayState::Modifying)
    }
}

/// Which route table decides about what comes from an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitAssociation {
    /// The table.
    pub table: TransitGatewayRouteTableId,
    /// Where the association is in its life.
    pub state: TransitAssociationState,
    /// Since when.
    pub since: Timestamp,
}

/// That an attachment's routes are propagated to a route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitPropagation {
    /// Where the propagation is in its life.
    pub state: TransitPropagationState,
    /// Since when.
    pub since: Timestamp,
}

/// The options of a VPC's attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitAttachmentOptions {
    /// Whether names of other VPCs resolve to private addresses.
    pub dns: bool,
    /// Whether rules may name groups of other VPCs. State only.
    pub security_group_referencing: bool,
    /// Whether IPv6 blocks are propagated, too.
    pub ipv6: bool,
    /// Whether both ways of a flow use one zone. State only: zones share a path.
    pub appliance_mode: bool,
}

/// The attachment of a VPC to a transit gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGatewayAttachment {
    /// Its id.
    pub id: TransitGatewayAttachmentId,
    /// The gateway.
    pub gateway: TransitGatewayId,
    /// The VPC.
    pub vpc: VpcId,
    /// The subnets that it is in, one in a zone.
    pub subnets: BTreeSet<SubnetId>,
    /// Its options.
    pub options: TransitAttachmentOptions,
    /// The table it is associated with.
    pub association: Option<TransitAssociation>,
    /// The tables that its routes are propagated to.
    pub propagations: BTreeMap<TransitGatewayRouteTableId, TransitPropagation>,
    /// Where it is in its life.
    pub state: TransitAttachmentState,
    /// Since when.
    pub since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

impl TransitGatewayAttachment {
    /// Whether it carries packets.
    pub fn is_alive(&self) -> bool {
        matches!(self.state, TransitAttachmentState::Available | TransitAttachmentState::Modifying)
    }

    /// The table that decides about what comes from it.
    pub fn table(&self) -> Option<TransitGatewayRouteTableId> {
        let in_force = |it: &TransitAssociation| it.state == TransitAssociationState::Associated;
        self.association.filter(in_force).map(|it| it.table)
    }

    /// Whether its routes are in a table.
    pub fn propagates_to(&self, table: TransitGatewayRouteTableId) -> bool {
        self.propagations.get(&table).is_some_and(|it| it.state == TransitPropagationState::Enabled)
    }
}

/// A route table of a transit gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGatewayRouteTable {
    /// Its id.
    pub id: TransitGatewayRouteTableId,
    /// The gateway.
    pub gateway: TransitGatewayId,
    /// Its static routes: to an attachment, or to nowhere.
    pub routes: BTreeMap<Cidr, Option<TransitGatewayAttachmentId>>,
    /// Where it is in its life.
    pub state: TransitTableState,
    /// Since when.
    pub since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}
