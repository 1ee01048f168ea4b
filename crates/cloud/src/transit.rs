//! What transit gateways route where, and how they and what belongs to them move on as time passes.

use std::collections::BTreeMap;

use types::{Cidr, Timestamp, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcId};

use crate::resource::*;
use crate::settle::{DELETED_VISIBLE_MS, SETTLE_MS};
use crate::state::{Key, Tables};
use crate::transaction::Transaction;

/// A route of a transit gateway's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitRoute {
    /// Which destinations it is for.
    pub destination: Cidr,
    /// Where they lead; `None`: nowhere, as somebody wished.
    pub attachment: Option<TransitGatewayAttachmentId>,
    /// Whether somebody put it there; otherwise an attachment propagates it.
    pub is_static: bool,
}

impl TransitRoute {
    /// Whether packets get anywhere by it.
    pub fn is_active(&self, tables: &Tables) -> bool {
        let attachment = self.attachment.and_then(|id| tables.transit_gateway_attachments.get(&id));
        attachment.is_some_and(|attachment| attachment.is_alive())
    }
}

/// The attachment by which a VPC reaches a transit gateway, if packets may pass.
pub fn attachment_between(
    tables: &Tables,
    gateway: TransitGatewayId,
    vpc: VpcId,
) -> Option<TransitGatewayAttachmentId> {
    tables.transit_gateways.get(&gateway).filter(|gateway| gateway.is_alive())?;
    let between = |it: &&std::sync::Arc<TransitGatewayAttachment>| it.gateway == gateway && it.vpc == vpc;
    tables.transit_gateway_attachments.values().filter(between).find(|it| it.is_alive()).map(|it| it.id)
}

/// The routes of a table, one for each destination: those somebody put there, then those that attachments propagate.
///
/// Of two attachments whose VPCs share addresses the older one propagates its block, as CreateTransitGatewayVpcAttachment
/// says.
pub fn routes(tables: &Tables, table: &TransitGatewayRouteTable) -> Vec<TransitRoute> {
    let mut all: BTreeMap<Cidr, TransitRoute> = BTreeMap::new();
    for (destination, attachment) in propagated(tables, table.id) {
        all.insert(destination, TransitRoute { destination, attachment: Some(attachment), is_static: false });
    }
    for (&destination, &attachment) in &table.routes {
        all.insert(destination, TransitRoute { destination, attachment, is_static: true });
    }
    all.into_values().collect()
}

fn propagated(tables: &Tables, table: TransitGatewayRouteTableId) -> Vec<(Cidr, TransitGatewayAttachmentId)> {
    let mut from: Vec<_> = tables
        .transit_gateway_attachments
        .values()
        .filter(|attachment| attachment.is_alive() && attachment.propagates_to(table))
        .collect();
    from.sort_by_key(|attachment| (attachment.created, attachment.id));
    let mut found: Vec<(Cidr, TransitGatewayAttachmentId)> = Vec::new();
    for attachment in from {
        let Some(vpc) = tables.vpcs.get(&attachment.vpc) else { continue };
        let ipv6 = vpc.ipv6_cidrs.iter().filter(|_| attachment.options.ipv6).map(|block| Cidr::Ipv6(block.cidr));
        for block in vpc.cidrs.iter().map(|cidr| Cidr::Ipv4(*cidr)).chain(ipv6) {
            if !found.iter().any(|(other, of)| *of != attachment.id && other.overlaps(block)) {
                found.push((block, attachment.id));
            }
        }
    }
    found
}

/// When a transit gateway moves on by itself.
pub(crate) fn gateway_due(gateway: &TransitGateway) -> Option<Timestamp> {
    use TransitGatewayState::{Available, Deleted, Deleting, Modifying, Pending};
    match gateway.state {
        Pending | Modifying | Deleting => Some(gateway.since.plus_ms(SETTLE_MS)),
        Available => None,
        Deleted => Some(gateway.since.plus_ms(DELETED_VISIBLE_MS)),
    }
}

/// Brings a transit gateway to its next state. Its tables go with it.
pub(crate) fn advance_gateway(tx: &mut Transaction, now: Timestamp, gateway: &TransitGateway) {
    let state = match gateway.state {
        TransitGatewayState::Available => return,
        TransitGatewayState::Pending | TransitGatewayState::Modifying => TransitGatewayState::Available,
        TransitGatewayState::Deleting => TransitGatewayState::Deleted,
        TransitGatewayState::Deleted => return tx.delete(Key::TransitGateway(gateway.id)),
    };
    tx.put(TransitGateway { state, since: now, ..gateway.clone() });
}

/// When a route table of a transit gateway moves on by itself.
pub(crate) fn table_due(table: &TransitGatewayRouteTable) -> Option<Timestamp> {
    match table.state {
        TransitTableState::Pending | TransitTableState::Deleting => Some(table.since.plus_ms(SETTLE_MS)),
        TransitTableState::Available => None,
        TransitTableState::Deleted => Some(table.since.plus_ms(DELETED_VISIBLE_MS)),
    }
}

/// Brings a route table of a transit gateway to its next state.
pub(crate) fn advance_table(tx: &mut Transaction, now: Timestamp, table: &TransitGatewayRouteTable) {
    let state = match table.state {
        TransitTableState::Available => return,
        TransitTableState::Pending => TransitTableState::Available,
        TransitTableState::Deleting => TransitTableState::Deleted,
        TransitTableState::Deleted => return tx.delete(Key::TransitGatewayRouteTable(table.id)),
    };
    tx.put(TransitGatewayRouteTable { state, since: now, ..table.clone() });
}

/// When an attachment, its association or one of its propagations moves on by itself.
pub(crate) fn attachment_due(attachment: &TransitGatewayAttachment) -> Option<Timestamp> {
    use TransitAttachmentState::{Available, Deleted, Deleting, Modifying, Pending};
    let own = match attachment.state {
        Pending | Modifying | Deleting => Some(attachment.since.plus_ms(SETTLE_MS)),
        Available => None,
        Deleted => Some(attachment.since.plus_ms(DELETED_VISIBLE_MS)),
    };
    let association = attachment.association.and_then(association_due);
    let propagations = attachment.propagations.values().filter_map(|it| propagation_due(*it));
    own.into_iter().chain(association).chain(propagations).min()
}

fn association_due(association: TransitAssociation) -> Option<Timestamp> {
    (association.state != TransitAssociationState::Associated).then(|| association.since.plus_ms(SETTLE_MS))
}

fn propagation_due(propagation: TransitPropagation) -> Option<Timestamp> {
    (propagation.state != TransitPropagationState::Enabled).then(|| propagation.since.plus_ms(SETTLE_MS))
}

/// Brings an attachment to where it is now, with its association and propagations.
pub(crate) fn advance_attachment(tx: &mut Transaction, now: Timestamp, attachment: &TransitGatewayAttachment) {
    let is_ripe = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
    let mut next = attachment.clone();
    next.association = attachment.association.and_then(|it| match it.state {
        _ if !is_ripe(association_due(it)) => Some(it),
        TransitAssociationState::Disassociating => None,
        _ => Some(TransitAssociation { state: TransitAssociationState::Associated, since: now, ..it }),
    });
    let propagation = |(table, it): (&TransitGatewayRouteTableId, &TransitPropagation)| match it.state {
        _ if !is_ripe(propagation_due(*it)) => Some((*table, *it)),
        TransitPropagationState::Disabling => None,
        _ => Some((*table, TransitPropagation { state: TransitPropagationState::Enabled, since: now })),
    };
    next.propagations = attachment.propagations.iter().filter_map(propagation).collect();
    let wait = if attachment.state == TransitAttachmentState::Deleted { DELETED_VISIBLE_MS } else { SETTLE_MS };
    if attachment.state != TransitAttachmentState::Available && attachment.since.plus_ms(wait) <= now {
        next.since = now;
        next.state = match attachment.state {
            TransitAttachmentState::Deleting => {
                (next.association, next.propagations) = (None, BTreeMap::new());
                TransitAttachmentState::Deleted
            }
            TransitAttachmentState::Deleted => return tx.delete(Key::TransitGatewayAttachment(attachment.id)),
            _ => TransitAttachmentState::Available,
        };
    }
    tx.put(next);
}
