//! How NAT gateways, peering connections, private gateways and endpoints move on as time passes.

use std::sync::Arc;

use types::{Ipv4Cidr, Timestamp, VpcId};

use crate::actions::network_interfaces::delete_interface;
use crate::resource::*;
use crate::settle::{DELETED_VISIBLE_MS, SETTLE_MS};
use crate::state::{Key, Tables};
use crate::transaction::Transaction;

/// How long a peering connection that ended is described, in milliseconds: two hours, as the peering guide says.
const PEERING_VISIBLE_MS: i64 = 7_200_000;
/// How long a request that nobody accepted is described, in milliseconds: two days, as the peering guide says.
const EXPIRED_VISIBLE_MS: i64 = 2 * 86_400_000;

/// When a NAT gateway or one of its addresses moves on by itself.
pub(crate) fn nat_gateway_due(gateway: &NatGateway) -> Option<Timestamp> {
    let own = match gateway.state {
        NatGatewayState::Pending | NatGatewayState::Deleting => Some(gateway.since.plus_ms(SETTLE_MS)),
        NatGatewayState::Available => None,
        NatGatewayState::Failed | NatGatewayState::Deleted => Some(gateway.since.plus_ms(DELETED_VISIBLE_MS)),
    };
    own.into_iter().chain(gateway.addresses.iter().filter_map(|address| address.until)).min()
}

/// Brings a NAT gateway and its addresses to where they are now.
pub(crate) fn advance_nat_gateway(tx: &mut Transaction, now: Timestamp, gateway: &NatGateway) {
    let mut next = gateway.clone();
    settle_nat_addresses(tx, now, &mut next);
    let become_now = |next: NatGateway, state| NatGateway { state, since: now, ..next };
    let next = match gateway.state {
        NatGatewayState::Pending if gateway.since.plus_ms(SETTLE_MS) <= now => {
            let has_failed = gateway.failure.is_some();
            become_now(next, if has_failed { NatGatewayState::Failed } else { NatGatewayState::Available })
        }
        NatGatewayState::Deleting if gateway.since.plus_ms(SETTLE_MS) <= now => {
            if let Some(address) = gateway.addresses.first() {
                delete_interface(tx, address.interface);
            }
            next.addresses.iter_mut().for_each(|address| address.until = None);
            become_now(next, NatGatewayState::Deleted)
        }
        NatGatewayState::Failed | NatGatewayState::Deleted => return tx.delete(Key::NatGateway(gateway.id)),
        _ => next,
    };
    tx.put(next);
}

/// Ends what is under way with a gateway's addresses.
fn settle_nat_addresses(tx: &mut Transaction, now: Timestamp, gateway: &mut NatGateway) {
    let (over, mut stay): (Vec<_>, Vec<_>) = gateway
        .addresses
        .drain(..)
        .partition(|address| address.until.is_some_and(|until| until <= now) && is_leaving(address));
    for address in over {
        release_nat_address(tx, &address);
    }
    for address in stay.iter_mut().filter(|address| address.until.is_some_and(|until| until <= now)) {
        address.status = NatGatewayAddressStatus::Succeeded;
        address.until = None;
    }
    gateway.addresses = stay;
}

fn is_leaving(address: &NatGatewayAddress) -> bool {
    matches!(address.status, NatGatewayAddressStatus::Unassigning | NatGatewayAddressStatus::Disassociating)
}

/// Takes an address off the interface of its gateway; an Elastic one stays allocated.
fn release_nat_address(tx: &mut Transaction, address: &NatGatewayAddress) {
    let allocation = address.elastic.and_then(|elastic| tx.addresses.get(&elastic.allocation)).cloned();
    if let Some(allocation) = allocation {
        tx.put(Address { association: None, ..Address::clone(&allocation) });
    }
    if let Some(interface) = tx.interfaces.get(&address.interface).cloned() {
        let mut interface = NetworkInterface::clone(&interface);
        interface.secondary.retain(|secondary| secondary.ip != address.private_ip);
        tx.put(interface);
    }
}

/// When a peering connection moves on by itself.
pub(crate) fn peering_due(peering: &VpcPeeringConnection) -> Option<Timestamp> {
    let after = |ms| Some(peering.since.plus_ms(ms));
    match peering.state {
        PeeringState::InitiatingRequest | PeeringState::Provisioning => after(SETTLE_MS),
        PeeringState::PendingAcceptance => Some(peering.expires),
        PeeringState::Active => None,
        PeeringState::Deleted | PeeringState::Rejected | PeeringState::Failed => after(PEERING_VISIBLE_MS),
        PeeringState::Expired => after(EXPIRED_VISIBLE_MS),
    }
}

/// Brings a peering connection to its next state.
pub(crate) fn advance_peering(tx: &mut Transaction, now: Timestamp, peering: &VpcPeeringConnection) {
    let become_now = |state, message: &str| VpcPeeringConnection {
        state,
        message: message.to_owned(),
        since: now,
        ..peering.clone()
    };
    let next = match peering.state {
        PeeringState::InitiatingRequest => decide_request(tx, now, peering.clone()),
        PeeringState::Provisioning => become_now(PeeringState::Active, "Active"),
        PeeringState::PendingAcceptance => become_now(PeeringState::Expired, "Expired"),
        PeeringState::Active => return,
        PeeringState::Deleted | PeeringState::Rejected | PeeringState::Failed | PeeringState::Expired => {
            return tx.delete(Key::VpcPeeringConnection(peering.id));
        }
    };
    tx.put(next);
}

/// What becomes of a request: it waits for the accepter, or fails where the accepter is not there or shares addresses
/// with the requester.
pub(crate) fn decide_request(tables: &Tables, now: Timestamp, peering: VpcPeeringConnection) -> VpcPeeringConnection {
    let is_ours = peering.accepter.owner == peering.requester.owner;
    let (state, message) = if is_ours && !peers_overlap(tables, &peering) {
        (PeeringState::PendingAcceptance, format!("Pending Acceptance by {}", peering.accepter.owner))
    } else {
        let message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";
        (PeeringState::Failed, message.to_owned())
    };
    VpcPeeringConnection { state, message, since: now, ..peering }
}

/// Whether the two VPCs share addresses. Those of a VPC that is not there are taken for shared: nothing can be said.
pub(crate) fn peers_overlap(tables: &Tables, peering: &VpcPeeringConnection) -> bool {
    match (tables.vpcs.get(&peering.requester.vpc), tables.vpcs.get(&peering.accepter.vpc)) {
        (Some(one), Some(other)) => {
            let shared = |block: &Ipv6Block<_>| other.ipv6_cidrs.iter().any(|peer| block.cidr.overlaps(peer.cidr));
            one.cidrs.iter().any(|cidr| other.cidrs.iter().any(|peer| cidr.overlaps(*peer)))
                || one.ipv6_cidrs.iter().any(shared)
        }
        _ => true,
    }
}

/// The VPC that a connection leads to from here, or is about to, and that has addresses of a block.
pub(crate) fn peer_overlapping(tables: &Tables, vpc: VpcId, block: Ipv4Cidr) -> Option<VpcId> {
    let stands =
        |it: &&Arc<VpcPeeringConnection>| matches!(it.state, PeeringState::Provisioning | PeeringState::Active);
    let mut peers = tables.peerings.values().filter(stands).filter_map(|it| tables.vpcs.get(&it.peer_of(vpc)?));
    peers.find(|peer| peer.cidrs.iter().any(|cidr| cidr.overlaps(block))).map(|peer| peer.id)
}

/// When a virtual private gateway or its attachment moves on by itself.
pub(crate) fn vpn_gateway_due(gateway: &VpnGateway) -> Option<Timestamp> {
    let own = match gateway.state {
        GatewayState::Available => None,
        GatewayState::Deleted => Some(gateway.since.plus_ms(DELETED_VISIBLE_MS)),
    };
    let attachment = gateway.attachment.as_ref().and_then(attachment_due);
    own.into_iter().chain(attachment).min()
}

fn attachment_due(attachment: &VpnAttachment) -> Option<Timestamp> {
    match attachment.state {
        VpnAttachmentState::Attaching | VpnAttachmentState::Detaching => Some(attachment.since.plus_ms(SETTLE_MS)),
        VpnAttachmentState::Attached => None,
        VpnAttachmentState::Detached => Some(attachment.since.plus_ms(DELETED_VISIBLE_MS)),
    }
}

/// Brings a virtual private gateway to where it is now.
pub(crate) fn advance_vpn_gateway(tx: &mut Transaction, now: Timestamp, gateway: &VpnGateway) {
    let is_gone = gateway.state == GatewayState::Deleted && gateway.since.plus_ms(DELETED_VISIBLE_MS) <= now;
    if is_gone {
        return tx.delete(Key::VpnGateway(gateway.id));
    }
    let attachment = gateway.attachment.clone().and_then(|attachment| {
        if attachment_due(&attachment).is_none_or(|due| due > now) {
            return Some(attachment);
        }
        let state = match attachment.state {
            VpnAttachmentState::Attaching | VpnAttachmentState::Attached => VpnAttachmentState::Attached,
            VpnAttachmentState::Detaching => VpnAttachmentState::Detached,
            VpnAttachmentState::Detached => return None,
        };
        Some(VpnAttachment { state, since: now, ..attachment })
    });
    tx.put(VpnGateway { attachment, ..gateway.clone() });
}

/// When a customer gateway that was deleted is forgotten.
pub(crate) fn customer_gateway_due(gateway: &CustomerGateway) -> Option<Timestamp> {
    (gateway.state == GatewayState::Deleted).then(|| gateway.since.plus_ms(DELETED_VISIBLE_MS))
}

/// When a VPC endpoint moves on by itself.
pub(crate) fn endpoint_due(endpoint: &VpcEndpoint) -> Option<Timestamp> {
    match endpoint.state {
        VpcEndpointState::Available => None,
        VpcEndpointState::Deleting => Some(endpoint.since.plus_ms(SETTLE_MS)),
        VpcEndpointState::Deleted => Some(endpoint.since.plus_ms(DELETED_VISIBLE_MS)),
    }
}

/// Brings a VPC endpoint to its next state.
pub(crate) fn advance_endpoint(tx: &mut Transaction, now: Timestamp, endpoint: &VpcEndpoint) {
    match endpoint.state {
        VpcEndpointState::Available => {}
        VpcEndpointState::Deleting => {
            tx.put(VpcEndpoint { state: VpcEndpointState::Deleted, since: now, ..endpoint.clone() });
        }
        VpcEndpointState::Deleted => tx.delete(Key::VpcEndpoint(endpoint.id)),
    }
}
