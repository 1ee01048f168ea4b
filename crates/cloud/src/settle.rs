//! What moves on by itself as time passes: `pending` becomes `available`, what was deleted is forgotten.
//!
//! A record that has something ahead of it says when, in [`due`]; the tables keep an index of those moments, so that
//! nobody searches. The controller calls [`settle`] when the next moment has come, and what the moment brings is said
//! in [`advance`]. What waits for work of the host instead of time has no moment: its controller reports.

use types::Timestamp;

use crate::actions::capacity_reservations;
use crate::actions::fleets;
use crate::actions::network_interfaces;
use crate::actions::security_groups::vpc_associations;
use crate::actions::spot;
use crate::connect;
use crate::context::Context;
use crate::imaging;
use crate::lifecycle;
use crate::resource::PlacementGroup;
use crate::services::instance_connect;
use crate::state::{Key, Record, State, Tables};
use crate::storage;
use crate::transaction::Transaction;
use crate::transit;

/// How long a resource without machinery behind it stays in an intermediate state, in milliseconds: long enough to be
/// seen, as on AWS, too short to be waited for.
pub const SETTLE_MS: i64 = 250;

/// How long what was deleted is still described, in milliseconds, unless the resource says otherwise: about an hour.
pub const DELETED_VISIBLE_MS: i64 = 3_600_000;

/// When something will happen to the record by itself.
pub(crate) fn due(record: &Record) -> Option<Timestamp> {
    // One arm for each kind of record that has a moment ahead.
    match record {
        Record::Volume(volume) => storage::volume_due(volume),
        Record::Image(image) => imaging::image_due(image),
        Record::Snapshot(snapshot) => storage::snapshot_due(snapshot),
        Record::Instance(instance) => {
            let moments = [storage::adoption_due(instance), instance.options.settles, fleets::instance_due(instance)];
            moments.into_iter().flatten().min()
        }
        Record::NetworkInterface(interface) => interface.transition.map(|transition| transition.until),
        Record::NatGateway(gateway) => connect::nat_gateway_due(gateway),
        Record::VpcPeeringConnection(peering) => connect::peering_due(peering),
        Record::VpnGateway(gateway) => connect::vpn_gateway_due(gateway),
        Record::CustomerGateway(gateway) => connect::customer_gateway_due(gateway),
        Record::VpcEndpoint(endpoint) => connect::endpoint_due(endpoint),
        Record::TransitGateway(gateway) => transit::gateway_due(gateway),
        Record::TransitGatewayAttachment(attachment) => transit::attachment_due(attachment),
        Record::TransitGatewayRouteTable(table) => transit::table_due(table),
        Record::PushedKeys(pushed) => instance_connect::due(pushed),
        Record::SecurityGroup(group) => vpc_associations::due(group),
        Record::PlacementGroup(group) => group.pending_until,
        Record::SpotRequest(request) => request.due,
        Record::Fleet(fleet) => fleet.run.due,
        Record::SpotFleetRequest(fleet) => fleet.run.due,
        Record::Host(host) => host.due(),
        Record::CapacityReservation(reservation) => capacity_reservations::due(reservation),
        _ => None,
    }
}

/// Does what the moment of `due` brings: stores the record as it is from then on, or deletes it.
fn advance(context: &Context, tx: &mut Transaction, record: Record) {
    let now = context.now;
    match record {
        Record::Volume(volume) => storage::advance_volume(tx, now, &volume),
        Record::Image(image) => imaging::advance_image(tx, &image),
        Record::Snapshot(snapshot) => storage::advance_snapshot(tx, now, &snapshot),
        Record::Instance(instance) => {
            storage::adopt_disks(tx, &instance);
            lifecycle::settle_options(tx, now, instance.id);
            fleets::note(context, tx, instance.id);
        }
        Record::NetworkInterface(interface) => network_interfaces::end_transition(tx, &interface),
        Record::NatGateway(gateway) => connect::advance_nat_gateway(tx, now, &gateway),
        Record::VpcPeeringConnection(peering) => connect::advance_peering(tx, now, &peering),
        Record::VpnGateway(gateway) => connect::advance_vpn_gateway(tx, now, &gateway),
        Record::CustomerGateway(gateway) => tx.delete(Key::CustomerGateway(gateway.id)),
        Record::VpcEndpoint(endpoint) => connect::advance_endpoint(tx, now, &endpoint),
        Record::TransitGateway(gateway) => transit::advance_gateway(tx, now, &gateway),
        Record::TransitGatewayAttachment(attachment) => transit::advance_attachment(tx, now, &attachment),
        Record::TransitGatewayRouteTable(table) => transit::advance_table(tx, now, &table),
        Record::PushedKeys(pushed) => instance_connect::advance(tx, now, &pushed),
        Record::SecurityGroup(group) => vpc_associations::advance(tx, now, &group),
        Record::PlacementGroup(group) => {
            tx.put(PlacementGroup { pending_until: None, ..PlacementGroup::clone(&group) });
        }
        Record::SpotRequest(request) => spot::advance(tx, now, &request),
        Record::Fleet(fleet) => fleets::advance(context, tx, &*fleet),
        Record::SpotFleetRequest(fleet) => fleets::advance(context, tx, &*fleet),
        Record::Host(host) => tx.delete(Key::Host(host.id)),
        Record::CapacityReservation(reservation) => capacity_reservations::advance(tx, now, &reservation),
        _ => {}
    }
}

/// The earliest moment ahead in any region.
pub fn next_due(state: &State) -> Option<Timestamp> {
    state.regions.values().filter_map(|tables| tables.due.get_min()).map(|(at, _)| *at).min()
}

/// Whether a moment of the region has come.
pub fn is_due(tables: &Tables, now: Timestamp) -> bool {
    tables.due.get_min().is_some_and(|(at, _)| *at <= now)
}

/// Brings everything in the transaction's region to where it is at the context's moment.
pub fn settle(context: &Context, tx: &mut Transaction) {
    let now = context.now;
    let ripe: Vec<Key> = tx.due.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| key.clone()).collect();
    for key in ripe {
        if let Some(record) = tx.record_of(&key) {
            advance(context, tx, record);
        }
    }
}
